//! Pods whose containers are real processes in real sandboxes.
#![expect(clippy::unwrap_used, reason = "a failing step of a test should stop it there")]

#[path = "support/cluster.rs"]
#[expect(dead_code, reason = "shared by several test programs")]
mod cluster;
#[path = "support/sandboxes.rs"]
mod sandboxes;

use cluster::{Cluster, container, state, within};
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use koc_node::{ContainerSpec, ImageProvision, Mount, PodRef, PodRuntime};
use kube::api::{DeleteParams, LogParams};
use sandboxes::{once, sandbox, shell};
use serde_json::json;

/// Runs a script in a Pod of its own; returns exit code and output.
async fn run(cluster: &Cluster, name: &str, script: &str) -> (i32, String) {
    cluster.pod(name, once(script)).await;
    finished(cluster, name).await
}

async fn finished(cluster: &Cluster, name: &str) -> (i32, String) {
    let ended = |p: &k8s_openapi::api::core::v1::Pod| {
        matches!(
            p.status.as_ref().and_then(|s| s.phase.as_deref()),
            Some("Succeeded" | "Failed")
        )
    };
    let pod = cluster.until(name, "its end", ended).await;
    let log = cluster.pods().logs(name, &LogParams::default()).await.unwrap();
    let terminated = container(&pod, "c")
        .unwrap()
        .state
        .clone()
        .unwrap()
        .terminated
        .unwrap();
    if terminated.reason.as_deref() == Some("StartError") {
        panic!("{name} did not start: {:?}", terminated.message);
    }
    (terminated.exit_code, log)
}

#[tokio::test]
async fn programs_run_and_their_codes_are_exact() {
    let cluster = Cluster::start(sandbox()).await;
    let cases = [
        ("zero", "echo hello", 0, "hello\n"),
        ("seven", "echo a; echo b >&2; exit 7", 7, "a\nb\n"),
        ("signal", "kill -KILL $$$$", 137, ""),
        ("term", "kill -TERM $$$$", 143, ""),
        ("left-over", "sleep 1000 & echo gone", 0, "gone\n"),
        ("env", "echo $FROM_IMAGE $HOSTNAME $HOME", 0, "yes env /tmp\n"),
        ("host-name", "hostname", 0, "host-name\n"),
        ("stdin", "cat; echo end", 0, "end\n"),
    ];
    for (name, script, code, output) in cases {
        let got = run(&cluster, name, script).await;
        let mut lines: Vec<&str> = got.1.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            (got.0, lines.join("\n")),
            (code, output.trim_end().to_owned()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_fails_the_start_with_a_sentence() {
    let cluster = Cluster::start(sandbox()).await;
    let spec = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "host", "command": ["/no/such"]}]});
    cluster.pod("p", spec).await;
    let pod = cluster.phase("p", "Failed").await;
    let terminated = container(&pod, "c")
        .unwrap()
        .state
        .clone()
        .unwrap()
        .terminated
        .unwrap();
    assert_eq!(
        (terminated.exit_code, terminated.reason.as_deref()),
        (128, Some("StartError"))
    );
    assert!(terminated.message.unwrap().contains("/no/such"));
}

#[tokio::test]
async fn an_image_this_machine_cannot_provide_says_who_could() {
    let cluster = Cluster::start(sandbox()).await;
    cluster
        .pod("p", json!({"containers": [{"name": "c", "image": "nginx:1"}]}))
        .await;
    let pod = cluster
        .until("p", "ErrImagePull", |p| state(p, "c") == "waiting:ErrImagePull")
        .await;
    let message = container(&pod, "c")
        .unwrap()
        .state
        .clone()
        .unwrap()
        .waiting
        .unwrap()
        .message
        .unwrap();
    assert!(
        message.contains("nginx:1") && message.contains("Docker or Podman"),
        "{message}"
    );
}

#[tokio::test]
async fn no_new_privileges() {
    let cluster = Cluster::start(sandbox()).await;
    let (_, log) = run(&cluster, "p", "grep NoNewPrivs /proc/self/status").await;
    assert_eq!(log.split_whitespace().collect::<Vec<_>>(), ["NoNewPrivs:", "1"]);
}

#[tokio::test]
async fn no_capabilities() {
    let cluster = Cluster::start(sandbox()).await;
    let script = "grep ^Cap /proc/self/status";
    let mut as_root = once(script);
    as_root["containers"][0]["securityContext"] = json!({"runAsUser": 0});
    cluster.pod("root", as_root).await;
    for (name, log) in [
        ("user", run(&cluster, "user", script).await.1),
        ("root", finished(&cluster, "root").await.1),
    ] {
        assert_eq!(log.lines().count(), 5, "{name}: {log}");
        for line in log.lines() {
            assert_eq!(
                line.split_whitespace().nth(1),
                Some("0000000000000000"),
                "{name}: {line}"
            );
        }
    }
}

#[tokio::test]
async fn no_further_user_namespaces() {
    let cluster = Cluster::start(sandbox()).await;
    let (code, log) = run(&cluster, "p", "unshare --user true").await;
    assert_ne!(code, 0, "{log}");
}

#[tokio::test]
async fn a_pod_cannot_see_the_home_directory() {
    let cluster = Cluster::start(sandbox()).await;
    let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
    let (_, log) = run(
        &cluster,
        "p",
        &format!("ls -A {home} /home /root 2>/dev/null; true"),
    )
    .await;
    let shown: Vec<&str> = log
        .lines()
        .filter(|l| !l.is_empty() && !l.ends_with(':'))
        .collect();
    assert!(shown.is_empty(), "{shown:?}");
}

#[tokio::test]
async fn a_pod_sees_only_programs_and_its_own_root() {
    let cluster = Cluster::start(sandbox()).await;
    let (_, log) = run(
        &cluster,
        "p",
        "ls -A /; ls -A /var /run /tmp /srv /mnt /opt /work 2>/dev/null; true",
    )
    .await;
    let top: Vec<&str> = log.lines().take_while(|l| !l.ends_with(':')).collect();
    for name in &top {
        let known = [
            ".sandbox-init",
            "bin",
            "dev",
            "etc",
            "home",
            "lib",
            "lib32",
            "lib64",
            "libx32",
            "proc",
            "run",
            "sbin",
            "tmp",
            "usr",
            "var",
        ];
        assert!(known.contains(name), "{name} of {top:?}");
    }
    let beneath: Vec<&str> = log
        .lines()
        .skip(top.len())
        .filter(|l| !l.is_empty() && !l.ends_with(':'))
        .collect();
    assert_eq!(beneath, ["run", "tmp"]);
}

#[tokio::test]
async fn a_pod_cannot_see_another_pods_files() {
    let cluster = Cluster::start(sandbox()).await;
    let volume = json!([{"name": "v", "emptyDir": {}}]);
    let mount = json!([{"name": "v", "mountPath": "/v"}]);
    let mut first = once("echo secret-of-the-first > /v/mark; sleep 1000");
    first["volumes"] = volume.clone();
    first["containers"][0]["volumeMounts"] = mount.clone();
    cluster.pod("first", first).await;
    cluster
        .until("first", "running", |p| state(p, "c") == "running")
        .await;
    let dir = cluster.data_dir();
    let script = format!(
        "ls -A /v; ls {} 2>&1; grep -rl secret-of-the-first / --include=mark 2>/dev/null; true",
        dir.display()
    );
    let mut second = once(&script);
    second["volumes"] = volume;
    second["containers"][0]["volumeMounts"] = mount;
    cluster.pod("second", second).await;
    let (_, log) = finished(&cluster, "second").await;
    assert!(log.contains("No such file"), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[tokio::test]
async fn a_container_cannot_see_other_processes() {
    let cluster = Cluster::start(sandbox()).await;
    let (_, log) = run(
        &cluster,
        "p",
        "ls /proc | grep -c '^[0-9]'; cat /proc/1/environ 2>&1 | head -c 1",
    )
    .await;
    let count: u32 = log.lines().next().unwrap().parse().unwrap();
    assert!(count < 10, "{log}");
}

#[tokio::test]
async fn host_programs_cannot_be_written() {
    let cluster = Cluster::start(sandbox()).await;
    let (_, log) = run(
        &cluster,
        "p",
        "touch /usr/x /etc/ssl/certs/x /bin/x 2>&1; echo $?; touch /x /tmp/x /etc/own && echo own",
    )
    .await;
    assert!(
        log.contains("Read-only file system") && log.ends_with("1\nown\n"),
        "{log}"
    );
}

#[tokio::test]
async fn a_read_only_root_is_read_only() {
    let cluster = Cluster::start(sandbox()).await;
    let mut spec = once("touch /x /tmp/x 2>/dev/null; echo $?; touch /v/x; echo $?");
    spec["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
    spec["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    spec["containers"][0]["securityContext"] = json!({"readOnlyRootFilesystem": true});
    cluster.pod("p", spec).await;
    assert_eq!(finished(&cluster, "p").await.1, "1\n0\n");
}

#[tokio::test]
async fn secrets_are_in_no_argument_list() {
    let cluster = Cluster::start(sandbox()).await;
    cluster
        .create::<Secret>(json!({"metadata": {"name": "s"}, "stringData": {"k": "not-for-ps-eyes"}}))
        .await;
    let mut spec = once("echo $S; sleep 1000");
    spec["containers"][0]["env"] =
        json!([{"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
    cluster.pod("p", spec).await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&line).contains("not-for-ps-eyes"),
            "{:?}",
            entry.path()
        );
    }
}

#[tokio::test]
async fn volumes_hold_what_they_should() {
    let cluster = Cluster::start(sandbox()).await;
    cluster
        .create::<ConfigMap>(
            json!({"metadata": {"name": "m"}, "data": {"a": "from-map", "run": "#!/bin/sh\necho ran"}}),
        )
        .await;
    cluster
        .create::<Secret>(json!({"metadata": {"name": "s"}, "stringData": {"k": "from-secret"}}))
        .await;
    let script = "cat /m/a; echo; cat /one; echo; stat -Lc %a /s/key; cat /d/labels /all/x/name; echo; /m/run; \
                  cat /shared/left; touch /m/no 2>/dev/null || echo ro; cat /etc/ssl/certs/custom/a; echo; \
                  ls /etc/ssl/certs | grep -c ca-certificates; cat /sub/deep/f; id -u; id -g; pwd";
    let spec = json!({
        "restartPolicy": "Never",
        "securityContext": {"runAsUser": 4242, "runAsGroup": 4343, "fsGroup": 5},
        "volumes": [
            {"name": "m", "configMap": {"name": "m", "defaultMode": 0o755}},
            {"name": "s", "secret": {"secretName": "s", "items": [{"key": "k", "path": "key", "mode": 0o400}]}},
            {"name": "d", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
            {"name": "all", "projected": {"sources": [
                {"downwardAPI": {"items": [{"path": "x/name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                {"configMap": {"name": "none", "optional": true}},
            ]}},
            {"name": "e", "emptyDir": {}},
        ],
        "initContainers": [{
            "name": "i", "image": "host", "command": ["/bin/sh", "-c", "echo left > /e/left; mkdir -p /e/sub/deep; echo deep > /e/sub/deep/f"],
            "volumeMounts": [{"name": "e", "mountPath": "/e"}],
        }],
        "containers": [{
            "name": "c", "image": "host", "command": ["/bin/sh", "-c", script], "workingDir": "/shared/made",
            "env": [{"name": "WHERE", "value": "sub"}],
            "volumeMounts": [
                {"name": "m", "mountPath": "/m"},
                {"name": "m", "mountPath": "/one", "subPath": "a"},
                {"name": "m", "mountPath": "/etc/ssl/certs/custom"},
                {"name": "s", "mountPath": "/s"},
                {"name": "d", "mountPath": "/d"},
                {"name": "all", "mountPath": "/all"},
                {"name": "e", "mountPath": "/shared"},
                {"name": "e", "mountPath": "/sub", "subPathExpr": "$(WHERE)"},
            ],
        }],
    });
    cluster.pod("p", spec).await;
    let (code, log) = finished(&cluster, "p").await;
    let expected =
        "from-map\nfrom-map\n440\ndefaultp\nran\nleft\nro\nfrom-map\n1\ndeep\n4242\n4343\n/shared/made\n";
    assert_eq!((code, log.as_str()), (0, expected));
}

#[tokio::test]
async fn a_link_in_a_volume_does_not_lead_out_of_it() {
    let cluster = Cluster::start(sandbox()).await;
    let spec = json!({
        "restartPolicy": "Never",
        "volumes": [{"name": "e", "emptyDir": {}}],
        "initContainers": [{
            "name": "i", "image": "host", "command": ["/bin/ln", "-s", "/etc", "/e/out"],
            "volumeMounts": [{"name": "e", "mountPath": "/e"}],
        }],
        "containers": [{
            "name": "c", "image": "host", "command": ["/bin/ls", "/x"],
            "volumeMounts": [{"name": "e", "mountPath": "/x", "subPath": "out"}],
        }],
    });
    cluster.pod("p", spec).await;
    cluster
        .until("p", "the refusal", |p| {
            state(p, "c") == "waiting:CreateContainerConfigError"
        })
        .await;
}

#[tokio::test]
async fn the_termination_message_is_a_file() {
    let cluster = Cluster::start(sandbox()).await;
    cluster
        .pod("p", once("printf outcome > /dev/termination-log; exit 2"))
        .await;
    let pod = cluster.phase("p", "Failed").await;
    let terminated = container(&pod, "c")
        .unwrap()
        .state
        .clone()
        .unwrap()
        .terminated
        .unwrap();
    assert_eq!(terminated.message.as_deref(), Some("outcome"));
}

#[tokio::test]
async fn deletion_sends_the_request_to_end_first() {
    let cluster = Cluster::start(sandbox()).await;
    let claim = json!({"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}});
    cluster
        .create::<k8s_openapi::api::core::v1::PersistentVolumeClaim>(claim)
        .await;
    let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "v"}}]);
    let mounts = json!([{"name": "v", "mountPath": "/v"}]);
    let mut spec = once("trap 'echo asked > /v/mark; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    spec["volumes"] = volumes.clone();
    spec["containers"][0]["volumeMounts"] = mounts.clone();
    cluster.pod("p", spec).await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    let follow = LogParams {
        follow: true,
        ..LogParams::default()
    };
    let mut lines = cluster.pods().log_stream("p", &follow).await.unwrap().lines();
    assert_eq!(
        within("ready", lines.try_next()).await.unwrap().as_deref(),
        Some("ready")
    );
    cluster
        .pods()
        .delete("p", &DeleteParams::default())
        .await
        .unwrap();
    cluster.gone("p").await;
    let mut reader = once("cat /v/mark");
    reader["volumes"] = volumes;
    reader["containers"][0]["volumeMounts"] = mounts;
    cluster.pod("q", reader).await;
    assert_eq!(finished(&cluster, "q").await.1, "asked\n");
}

#[tokio::test]
async fn containers_of_a_pod_share_volumes_but_not_processes() {
    let cluster = Cluster::start(sandbox()).await;
    let mut a = shell(
        "c",
        "echo from-a > /v/a; while ! test -e /v/b; do sleep 0.02; done; cat /v/b; pgrep -f '[m]arker-of-b'; true",
    );
    let mut b = shell(
        "b",
        "while ! test -e /v/a; do sleep 0.02; done; cat /v/a > /v/b; : marker-of-b",
    );
    for c in [&mut a, &mut b] {
        c["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    }
    let spec =
        json!({"restartPolicy": "Never", "volumes": [{"name": "v", "emptyDir": {}}], "containers": [a, b]});
    cluster.pod("p", spec).await;
    cluster.phase("p", "Succeeded").await;
    let log = cluster
        .pods()
        .logs(
            "p",
            &LogParams {
                container: Some("c".into()),
                ..LogParams::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(log, "from-a\n");
}

/// A program in the Pod may exchange what is behind a subPath between the check and the mount.
#[tokio::test]
async fn a_mount_that_was_exchanged_meanwhile_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let (checked, exchanged, state_dir) = (make("checked"), make("exchanged"), make("state"));
    std::fs::write(state_dir.join("termination"), "").unwrap();
    let sandbox = sandbox();
    let spec = |pin: &std::path::Path| ContainerSpec {
        pod: PodRef {
            namespace: "n".into(),
            name: "p".into(),
            uid: "u".into(),
        },
        annotations: Default::default(),
        hostname: "p".into(),
        container: "c".into(),
        attempt: 0,
        image_name: "host".into(),
        image: ImageProvision::default(),
        command: vec!["/bin/true".into()],
        env: Default::default(),
        mounts: vec![Mount {
            host: exchanged.clone(),
            container: "/m".into(),
            read_only: false,
            pin: Some(std::sync::Arc::new(std::fs::File::open(pin).unwrap().into())),
        }],
        working_dir: None,
        user: None,
        group: None,
        privileged: false,
        read_only_root: false,
        tty: false,
        stdin: false,
        state_dir: state_dir.clone(),
        termination_log: state_dir.join("termination"),
    };
    let refused = sandbox.start(spec(&checked)).await.err().unwrap().to_string();
    assert!(refused.contains("/m was exchanged"), "{refused}");
    assert!(sandbox.start(spec(&exchanged)).await.is_ok());
}
