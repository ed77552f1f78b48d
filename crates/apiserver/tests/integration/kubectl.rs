//! The real kubectl against the real TLS server, for what needs no node.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use koc_apiserver::{ApiServer, ServeOptions, Serving, Tls, Token, kubeconfig};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::support::widget_crd;

struct Kubectl {
    _api: ApiServer,
    _serving: Serving,
    directory: tempfile::TempDir,
}

async fn kubectl() -> Kubectl {
    let found = Command::new("kubectl")
        .args(["version", "--client"])
        .output()
        .await;
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "kubectl is missing: put a kubectl of any recent version on the PATH to run these tests"
    );
    let directory = tempfile::tempdir().unwrap();
    let tls = Tls::load_or_create(directory.path(), &[]).unwrap();
    let token = Token::random();
    let api = ApiServer::builder().build().await.unwrap();
    let options = ServeOptions {
        addr: ([127, 0, 0, 1], 0).into(),
        tls: tls.clone(),
        token: token.clone(),
    };
    let serving = api.serve(options).await.unwrap();
    let config = kubeconfig("test", &serving.url(), tls.ca_pem(), &token, "default");
    std::fs::write(directory.path().join("kubeconfig"), config).unwrap();
    Kubectl {
        _api: api,
        _serving: serving,
        directory,
    }
}

impl Kubectl {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command
            .args(args)
            .env("KUBECONFIG", self.directory.path().join("kubeconfig"))
            .env("HOME", self.directory.path())
            .env_remove("HTTPS_PROXY")
            .env_remove("https_proxy")
            .env("NO_PROXY", "*")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Output of a call that must succeed.
    async fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().await.unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "kubectl {args:?} failed\n{out}\n{err}");
        out.trim().to_owned()
    }

    /// Error output of a call that must fail.
    async fn fails(&self, args: &[&str]) -> String {
        let output = self.command(args).output().await.unwrap();
        assert!(!output.status.success(), "kubectl {args:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: \"1\"\n";

#[tokio::test]
async fn apply_on_both_sides_get_and_diff_free_reapply() {
    let k = kubectl().await;
    let file = k.file("a.yaml", MAP);
    assert_eq!(k.run(&["apply", "-f", text(&file)]).await, "configmap/a created");
    assert_eq!(
        k.run(&["apply", "-f", text(&file)]).await,
        "configmap/a unchanged"
    );
    k.file("a.yaml", &MAP.replace("\"1\"", "\"2\""));
    assert_eq!(
        k.run(&["apply", "-f", text(&file)]).await,
        "configmap/a configured"
    );
    assert_eq!(k.run(&["get", "cm", "a", "-o", "jsonpath={.data.k}"]).await, "2");
    let server_side = k.file("b.yaml", &MAP.replace("name: a", "name: b"));
    assert_eq!(
        k.run(&["apply", "--server-side", "-f", text(&server_side)]).await,
        "configmap/b serverside-applied"
    );
    assert_eq!(
        k.run(&["apply", "--server-side", "-f", text(&server_side)]).await,
        "configmap/b serverside-applied"
    );
    k.run(&["patch", "cm", "b", "--type=merge", "-p", r#"{"data":{"k":"9"}}"#])
        .await;
    assert!(
        k.fails(&["apply", "--server-side", "-f", text(&server_side)])
            .await
            .contains("conflict")
    );
    k.run(&[
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        text(&server_side),
    ])
    .await;
    let wrong = k.file("c.yaml", &MAP.replace("\ndata:", "\ndota:"));
    let refused = k.fails(&["apply", "-f", text(&wrong)]).await;
    assert!(refused.contains("unknown field \"dota\""), "{refused}");
    assert!(
        k.fails(&["get", "cm", "nothing"])
            .await
            .contains("configmaps \"nothing\" not found")
    );
}

#[tokio::test]
async fn tables_describe_and_explain() {
    let k = kubectl().await;
    let pod = k.file(
        "p.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: busybox}]}\n",
    );
    k.run(&["apply", "-f", text(&pod)]).await;
    let table = k.run(&["get", "pods"]).await;
    assert!(
        table.starts_with("NAME") && table.contains("READY") && table.contains("Pending"),
        "{table}"
    );
    let wide = k.run(&["get", "pods", "-o", "wide"]).await;
    assert!(wide.contains("NOMINATED NODE"), "{wide}");
    let described = k.run(&["describe", "pod", "p"]).await;
    assert!(
        described.contains("busybox") && described.contains("Status:"),
        "{described}"
    );
    let explained = k.run(&["explain", "pod.spec.containers"]).await;
    assert!(
        explained.contains("KIND:") && explained.contains("image"),
        "{explained}"
    );
    assert!(k.run(&["get", "all"]).await.contains("pod/p"));
    assert!(k.run(&["get", "ns"]).await.contains("kube-system"));
}

#[tokio::test]
async fn custom_resources_are_first_class() {
    let k = kubectl().await;
    let crd = k.file("crd.json", &widget_crd().to_string());
    k.run(&["apply", "-f", text(&crd)]).await;
    k.run(&[
        "wait",
        "--for=condition=Established",
        "--timeout=20s",
        "crd/widgets.example.com",
    ])
    .await;
    let widget = k.file(
        "w.yaml",
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 7}\n",
    );
    assert_eq!(
        k.run(&["apply", "-f", text(&widget)]).await,
        "widget.example.com/w created"
    );
    let table = k.run(&["get", "wd"]).await;
    assert!(table.contains("SIZE") && table.contains('7'), "{table}");
    assert!(k.run(&["explain", "widget.spec"]).await.contains("size"));
    let wrong = k.file(
        "x.yaml",
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: x}\nspec: {size: 0}\n",
    );
    assert!(
        k.fails(&["apply", "-f", text(&wrong)])
            .await
            .contains("spec.size")
    );
    k.run(&["scale", "widget", "w", "--replicas=3"]).await;
    assert_eq!(
        k.run(&["get", "wd", "w", "-o", "jsonpath={.spec.replicas}"])
            .await,
        "3"
    );
    k.run(&["delete", "crd", "widgets.example.com", "--timeout=20s"])
        .await;
    // kubectl remembers the discovery of a moment ago, so it may ask for what is no longer there.
    let gone = k.fails(&["get", "widgets"]).await;
    assert!(
        gone.contains("doesn't have a resource type")
            || gone.contains("could not find the requested resource"),
        "{gone}"
    );
}

#[tokio::test]
async fn objects_are_edited_patched_labelled_and_replaced() {
    let k = kubectl().await;
    let file = k.file("a.yaml", MAP);
    k.run(&["create", "-f", text(&file)]).await;
    let editor = k.file("editor.sh", "#!/bin/sh\nsed -i 's/k: \"1\"/k: edited/' \"$1\"\n");
    let output = k
        .command(&["edit", "cm", "a"])
        .env("KUBE_EDITOR", format!("sh {}", text(&editor)))
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let value = async || k.run(&["get", "cm", "a", "-o", "jsonpath={.data.k}"]).await;
    assert_eq!(value().await, "edited");
    for (dialect, patch, expected) in [
        ("merge", r#"{"data":{"k":"m"}}"#, "m"),
        ("strategic", r#"{"data":{"k":"s"}}"#, "s"),
        ("json", r#"[{"op":"replace","path":"/data/k","value":"j"}]"#, "j"),
    ] {
        k.run(&["patch", "cm", "a", "--type", dialect, "-p", patch]).await;
        assert_eq!(value().await, expected);
    }
    k.run(&["label", "cm", "a", "x=y"]).await;
    k.run(&["annotate", "cm", "a", "note=text"]).await;
    assert_eq!(
        k.run(&["get", "cm", "-l", "x=y", "-o", "name"]).await,
        "configmap/a"
    );
    assert_eq!(
        k.run(&["replace", "-f", text(&file)]).await,
        "configmap/a replaced"
    );
    assert_eq!(value().await, "1");
    k.run(&["create", "namespace", "other"]).await;
    k.run(&[
        "create",
        "secret",
        "generic",
        "s",
        "--from-literal=a=b",
        "-n",
        "other",
    ])
    .await;
    assert_eq!(
        k.run(&["get", "secret", "s", "-n", "other", "-o", "jsonpath={.data.a}"])
            .await,
        "Yg=="
    );
    k.run(&["delete", "namespace", "other", "--timeout=20s"]).await;
}

#[tokio::test]
async fn deletion_cascades_as_asked() {
    let k = kubectl().await;
    let file = k.file("a.yaml", MAP);
    for mode in ["background", "foreground", "orphan"] {
        k.run(&["apply", "-f", text(&file)]).await;
        let uid = k.run(&["get", "cm", "a", "-o", "jsonpath={.metadata.uid}"]).await;
        let child = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: child\n  ownerReferences:\n  - {{apiVersion: v1, kind: ConfigMap, name: a, uid: {uid}, blockOwnerDeletion: true}}\n"
        );
        let child = k.file("child.yaml", &child);
        k.run(&["apply", "-f", text(&child)]).await;
        k.run(&["delete", "cm", "a", &format!("--cascade={mode}"), "--timeout=20s"])
            .await;
        if mode == "orphan" {
            assert_eq!(
                k.run(&["get", "cm", "child", "-o", "jsonpath={.metadata.ownerReferences}"])
                    .await,
                ""
            );
            k.run(&["delete", "cm", "child", "--now"]).await;
        } else {
            k.run(&["wait", "--for=delete", "cm/child", "--timeout=20s"])
                .await;
        }
    }
}

#[tokio::test]
async fn watching_and_waiting() {
    let k = kubectl().await;
    let mut watch = k
        .command(&["get", "cm", "-w", "-o", "name"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let file = k.file("a.yaml", MAP);
    k.run(&["apply", "-f", text(&file)]).await;
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("configmap/a"));
    let waiting = k
        .command(&["wait", "--for=jsonpath={.data.k}=2", "cm/a", "--timeout=20s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    k.run(&["patch", "cm", "a", "-p", r#"{"data":{"k":"2"}}"#]).await;
    assert!(waiting.wait_with_output().await.unwrap().status.success());
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("configmap/a"));
    let mut table = k
        .command(&["get", "cm", "-w"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut rows = BufReader::new(table.stdout.take().unwrap()).lines();
    assert!(rows.next_line().await.unwrap().unwrap().starts_with("NAME"));
    assert!(rows.next_line().await.unwrap().unwrap().starts_with("a "));
    k.run(&["patch", "cm", "a", "-p", r#"{"data":{"l":"2"}}"#]).await;
    assert!(rows.next_line().await.unwrap().unwrap().starts_with("a "));
    watch.kill().await.unwrap();
    table.kill().await.unwrap();
}

#[tokio::test]
async fn questions_to_the_server() {
    let k = kubectl().await;
    let resources = k.run(&["api-resources"]).await;
    for kind in [
        "ConfigMap",
        "Deployment",
        "CustomResourceDefinition",
        "Lease",
        "SelfSubjectAccessReview",
    ] {
        assert!(resources.contains(kind), "{kind} in {resources}");
    }
    assert!(k.run(&["api-versions"]).await.contains("apps/v1"));
    assert_eq!(k.run(&["auth", "can-i", "create", "pods"]).await, "yes");
    assert!(k.run(&["auth", "can-i", "--list"]).await.contains("*.*"));
    assert!(k.run(&["auth", "whoami"]).await.contains("kubernetes-admin"));
    assert_eq!(k.run(&["create", "token", "default"]).await.split('.').count(), 3);
    assert!(k.run(&["version"]).await.contains("Server Version: v1.35"));
    assert!(k.run(&["get", "--raw", "/readyz"]).await.contains("ok"));
    assert!(k.run(&["get", "nodes"]).await.is_empty());
}
