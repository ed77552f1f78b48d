//! Pods that run on this machine: logs, exec, copying, what is told about them; and kinds that are only stored.

use super::{DEVBOX, Kubectl, TIMEOUT, says, words};
use crate::machine::shell_task;

const SCRIPT: &str = "trap 'echo bye; exit 0' TERM; echo one; echo two; until [ -e /workspace/stop ]; do sleep 0.05; done; echo done; exit 3";

#[test]
fn pods_through_their_life() {
    let k = Kubectl::new();
    k.feed(&["apply", "-f", "-"], &shell_task("a", SCRIPT));
    k.run(&["wait", "--for=jsonpath={.status.phase}=Running", "tk/a", TIMEOUT]);
    k.run(&["wait", "--for=condition=Ready", "pod/a-pod", TIMEOUT]);
    let mut log = k.follow(&["logs", "-f", "a-pod"]);
    assert_eq!(log.next().as_deref(), Some("one"));
    assert_eq!(log.next().as_deref(), Some("two"));

    logs(&k);
    exec(&k);
    copy(&k);
    told(&k);

    k.run(&["exec", "a-pod", "--", "touch", "/workspace/stop"]);
    assert_eq!(log.rest(), ["done"]);
    k.run(&["wait", "--for=jsonpath={.status.phase}=Failed", "tk/a", TIMEOUT]);
    assert_eq!(k.run(&["logs", "-f", "a-pod"]), "one\ntwo\ndone");
    assert!(words(&k.run(&["get", "pod", "a-pod"]), 1).starts_with(&["a-pod", "0/1", "Error", "0"]));
    says(
        &k.run(&["describe", "tk", "a"]),
        &["Exit Code: 3", "Warning Failed", "task-controller"],
    );
    k.refused(&["exec", "a-pod", "--", "true"], "", &["completed pod"]);
    k.stop();
}

fn logs(k: &Kubectl) {
    says(
        &k.run(&["logs", "a-pod", "-c", "context-init"]),
        &["wrote /workspace/task.md"],
    );
    assert_eq!(k.run(&["logs", "a-pod", "--tail=1"]), "two");
    assert_eq!(k.run(&["logs", "a-pod", "--tail=0"]), "");
    assert_eq!(k.run(&["logs", "a-pod", "--since=1h"]), "one\ntwo");
    assert_eq!(k.run(&["logs", "a-pod", "--since-time=2100-01-01T00:00:00Z"]), "");
    assert_eq!(k.run(&["logs", "a-pod", "--limit-bytes=5"]), "one\nt");
    assert_eq!(k.run(&["logs", "-l", "kubeopencode.io/task=a"]), "one\ntwo");
    let stamped = k.run(&["logs", "a-pod", "--timestamps", "--tail=1"]);
    let (time, line) = stamped.split_once(' ').unwrap();
    assert!(
        time.len() > 20 && time.ends_with('Z') && line == "two",
        "{stamped}"
    );
    says(
        &k.run(&["logs", "a-pod", "--all-containers", "--prefix"]),
        &["[pod/a-pod/context-init] context-init:", "[pod/a-pod/agent] two"],
    );
    k.refused(
        &["logs", "a-pod", "-p"],
        "",
        &["previous terminated container \"agent\" in pod \"a-pod\" not found"],
    );
    k.refused(
        &["logs", "a-pod", "-c", "none"],
        "",
        &["container none is not valid for pod a-pod"],
    );
    k.refused(&["logs", "none"], "", &["pods \"none\" not found"]);
}

fn exec(k: &Kubectl) {
    let shell = |script: &str| k.call(&["exec", "a-pod", "-c", "agent", "--", "sh", "-c", script], "");
    for (script, code, stdout, stderr) in [
        ("echo out; echo err >&2", 0, "out\n", "err\n"),
        ("exit 7", 7, "", "command terminated with exit code 7\n"),
        ("kill -9 $$", 137, "", "command terminated with exit code 137\n"),
        ("echo $TASK_NAME", 0, "a\n", ""),
    ] {
        let finished = shell(script);
        let seen = (finished.code, finished.stdout.as_str(), finished.stderr.as_str());
        assert_eq!(seen, (Some(code), stdout, stderr), "{script}");
    }
    let long = shell("head -c 3000000 /dev/zero | tr '\\0' x");
    assert_eq!((long.code, long.stdout.len()), (Some(0), 3_000_000));
    assert_eq!(
        k.feed(&["exec", "-i", "a-pod", "--", "cat"], "from my side"),
        "from my side"
    );
    k.refused(
        &["exec", "a-pod", "--", "no-such-program"],
        "",
        &["no-such-program"],
    );
    k.refused(
        &["exec", "a-pod", "-c", "context-init", "--", "true"],
        "",
        &["container context-init", "is not running"],
    );
    k.refused(&["exec", "none", "--", "true"], "", &["pods \"none\" not found"]);
    k.refused(&["port-forward", "a-pod", "8080:80"], "", &["is not spoken here"]);

    // script gives kubectl a terminal of its own, without which it asks for none.
    let command =
        "kubectl exec -it a-pod -c agent -- sh -c 'test -t 0 && test -t 1 && echo at $(tty); exit 5'";
    let finished = k.finish(k.program("script", &["-qec", command, "/dev/null"]), "");
    assert_eq!(finished.code, Some(5), "{finished:#?}");
    assert!(finished.stdout.contains("at /dev/"), "{finished:#?}");
}

fn copy(k: &Kubectl) {
    k.machine.write("mine.txt", "a file of mine");
    k.run(&["cp", "mine.txt", "a-pod:/workspace/theirs.txt", "-c", "agent"]);
    assert_eq!(
        k.run(&["exec", "a-pod", "--", "cat", "/workspace/theirs.txt"]),
        "a file of mine"
    );
    k.run(&["cp", "a-pod:/workspace/task.md", "task.md", "-c", "agent"]);
    assert_eq!(
        std::fs::read_to_string(k.machine.path("task.md")).unwrap(),
        "none"
    );
}

fn told(k: &Kubectl) {
    let wide = k.run(&["get", "pods", "-o", "wide"]);
    assert_eq!(
        words(&wide, 0)[..7],
        ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
    );
    assert!(words(&wide, 1).contains(&"127.0.0.1"));
    // Events are written beside the rest, so the last one may come a little later.
    k.run(&[
        "wait",
        "--for=create",
        "--field-selector=reason=Started,involvedObject.fieldPath=spec.containers{agent}",
        "event",
        TIMEOUT,
    ]);
    says(
        &k.run(&["describe", "pod", "a-pod"]),
        &[
            "Controlled By: Task/a",
            "opencode-init: Container ID: sandbox://",
            "State: Terminated Reason: Completed Exit Code: 0",
            "State: Running",
            "TASK_NAME: a",
            "/workspace from workspace (rw)",
            "PodReadyToStartContainers True",
            "QoS Class: Burstable",
            "Normal Scheduled",
            "container opencode-init started",
            "container context-init started",
            "container agent started",
        ],
    );
    says(&k.run(&["get", "nodes"]), &["Ready"]);
}

#[test]
fn pods_of_ones_own_and_kinds_that_are_only_stored() {
    let k = Kubectl::new();
    let pod = |name: &str, more: &str, image: &str, script: &str| {
        let command = serde_json::json!(["/bin/sh", "-c", script]);
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  {more}\n  volumes: [{{name: v, emptyDir: {{}}}}]\n  \
             containers: [{{name: c, image: '{image}', command: {command}, envFrom: [{{configMapRef: {{name: settings}}}}], \
             volumeMounts: [{{name: v, mountPath: /v}}]}}]\n---\n"
        )
    };
    k.run(&["create", "configmap", "settings", "--from-literal=COLOUR=blue"]);
    let manifest = [
        pod("once", "restartPolicy: Never", DEVBOX, "echo $COLOUR"),
        pod(
            "twice",
            "restartPolicy: OnFailure",
            DEVBOX,
            "trap 'exit 0' TERM; [ -e /v/was ] && { echo again; while :; do sleep 0.05; done; }; echo first; touch /v/was; exit 9",
        ),
        pod("foreign", "restartPolicy: Never", "debian:12", "true"),
    ]
    .concat();
    k.feed(&["apply", "-f", "-"], &manifest);

    k.run(&[
        "wait",
        "--for=jsonpath={.status.phase}=Succeeded",
        "pod/once",
        TIMEOUT,
    ]);
    assert_eq!(k.run(&["logs", "once"]), "blue");

    let restarted = "--for=jsonpath={.status.containerStatuses[0].restartCount}=1";
    k.run(&["wait", restarted, "pod/twice", TIMEOUT]);
    k.run(&["wait", "--for=condition=Ready", "pod/twice", TIMEOUT]);
    assert_eq!(k.run(&["logs", "-p", "twice"]), "first");
    let mut log = k.follow(&["logs", "-f", "twice"]);
    assert_eq!(log.next().as_deref(), Some("again"));
    says(
        &k.run(&["describe", "pod", "twice"]),
        &["Last State: Terminated", "Exit Code: 9", "Restart Count: 1"],
    );
    let mut watch = k.follow(&["get", "pod", "twice", "-w"]);
    watch.until(&["twice", "1/1", "Running"]);
    k.run(&["delete", "pod", "twice", TIMEOUT]);
    watch.until(&["twice", "Terminating"]);

    k.run(&[
        "wait",
        "--for=create",
        "--field-selector=reason=Failed",
        "event",
        TIMEOUT,
    ]);
    says(
        &k.run(&["describe", "pod", "foreign"]),
        &["Warning Failed", "engine (Docker or Podman)"],
    );
    let status = words(&k.run(&["get", "pod", "foreign"]), 1)[2].to_owned();
    assert!(
        ["ErrImagePull", "ImagePullBackOff"].contains(&status.as_str()),
        "{status}"
    );

    k.run(&["create", "deployment", "web", "--image=nginx", "--replicas=2"]);
    assert!(words(&k.run(&["get", "deploy"]), 1).starts_with(&["web", "0/2", "0", "0"]));
    assert_eq!(
        k.run(&["set", "image", "deployment/web", "nginx=nginx:2"]),
        "deployment.apps/web image updated"
    );
    says(
        &k.run(&["describe", "deploy", "web"]),
        &["Image: nginx:2", "2 desired"],
    );
    assert_eq!(k.run(&["create", "token", "default"]).split('.').count(), 3);
    k.stop();
}
