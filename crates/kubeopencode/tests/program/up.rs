//! The cluster that stays.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use koc_local::{DEMO_MODEL_ANNOTATION, DEMO_MODEL_SECRET};
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use crate::machine::{Machine, Running};

pub(crate) fn ready(running: &Running) -> Value {
    serde_json::from_str(&running.first_line).unwrap()
}

pub(crate) async fn client(ready: &Value) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(ready["kubeconfig"].as_str().unwrap()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

pub(crate) fn objects(client: &Client, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Api::default_namespaced_with(client.clone(), &resource)
}

async fn apply(api: &Api<DynamicObject>, object: Value) {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(object))
        .await
        .unwrap();
}

#[tokio::test]
async fn state_survives_sigkill() {
    let machine = Machine::new();
    let running = machine.start(&["up", "--port", "0", "-o", "json"]);
    let first = ready(&running);
    let mode = std::fs::metadata(first["kubeconfig"].as_str().unwrap())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let client_before = client(&first).await;
    let maps = objects(&client_before, "", "v1", "ConfigMap");
    apply(
        &maps,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"a": "b"}}),
    )
    .await;
    let tasks = objects(&client_before, "kubeopencode.io", "v1alpha1", "Task");
    let task = json!({"apiVersion": "kubeopencode.io/v1alpha1", "kind": "Task", "metadata": {"name": "t"},
        "spec": {"templateRef": {"name": "nowhere"}}});
    apply(&tasks, task).await;
    let failed =
        |task: Option<&DynamicObject>| task.is_some_and(|task| task.data["status"]["phase"] == "Failed");
    await_condition(tasks, "t", failed).await.unwrap();
    running.kill();

    let running = machine.start(&["up", "--port", "0", "-o", "json"]);
    let client_after = client(&ready(&running)).await;
    let kept = objects(&client_after, "", "v1", "ConfigMap")
        .get("kept")
        .await
        .unwrap();
    assert_eq!(kept.data["data"]["a"], "b");
    let task = objects(&client_after, "kubeopencode.io", "v1alpha1", "Task")
        .get("t")
        .await
        .unwrap();
    assert_eq!(task.data["status"]["phase"], "Failed");
    running.interrupt();
    running.finish().check(0, &["stopping"]);
    machine.wait_until_no_process_is_left();
}

#[tokio::test]
async fn the_demo_model_appears_where_it_is_asked_for() {
    let machine = Machine::new();
    let running = machine.start(&["up", "--port", "0", "-o", "json"]);
    let client = client(&ready(&running)).await;
    let templates = objects(&client, "kubeopencode.io", "v1alpha1", "AgentTemplate");
    let template = json!({"apiVersion": "kubeopencode.io/v1alpha1", "kind": "AgentTemplate",
        "metadata": {"name": "t", "annotations": {DEMO_MODEL_ANNOTATION: "true"}},
        "spec": {"workspaceDir": "/workspace", "serviceAccountName": "default"}});
    apply(&templates, template).await;
    let secrets = objects(&client, "", "v1", "Secret");
    await_condition(secrets, DEMO_MODEL_SECRET, |secret: Option<&DynamicObject>| {
        secret.is_some()
    })
    .await
    .unwrap();
    running.interrupt();
    running.finish().check(0, &["the scripted demo model is on"]);
}

#[test]
fn a_second_instance_and_a_taken_port_are_told() {
    let machine = Machine::new();
    let running = machine.start(&["up", "--port", "0", "-o", "json"]);
    let pid = ready(&running)["pid"].to_string();
    let second = machine.run(&["up", "--port", "0"]);
    second.check(
        1,
        &[
            "error: kubeopencode already runs on",
            &format!("(process {pid})"),
            "--data-dir",
        ],
    );

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let other = machine.run(&["up", "--port", &port, "--data-dir", "other"]);
    other.check(
        1,
        &[
            &format!("error: cannot listen on 127.0.0.1:{port}: the port is in use"),
            "--port",
        ],
    );
    running.interrupt();
    running.finish().check(0, &[]);
}
