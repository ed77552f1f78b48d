//! Pods on a node whose containers do what the test says.
#![expect(clippy::unwrap_used, reason = "a failing step of a test should stop it there")]

#[path = "support/cluster.rs"]
mod cluster;

use std::sync::Arc;

use cluster::{Cluster, container, state, within};
use k8s_openapi::api::core::v1::{ConfigMap, Node, PersistentVolumeClaim, Secret};
use koc_node::{SCRIPT_ANNOTATION, Script, Scripted, TokioClock};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};

fn main_container(name: &str) -> Value {
    json!({"name": name, "image": "any"})
}

#[tokio::test]
async fn a_pod_succeeds_and_its_status_tells_how() {
    let cluster = Cluster::start(Arc::new(Scripted::new())).await;
    cluster
        .pod(
            "p",
            json!({"restartPolicy": "Never", "containers": [main_container("c")]}),
        )
        .await;
    let pod = cluster.phase("p", "Succeeded").await;
    assert_eq!(state(&pod, "c"), "Completed:0");
    let status = pod.status.unwrap();
    assert_eq!(status.host_ip.as_deref(), Some("127.0.0.1"));
    let terminated = status.container_statuses.unwrap()[0]
        .state
        .clone()
        .unwrap()
        .terminated
        .unwrap();
    assert!(terminated.started_at <= terminated.finished_at);
    assert!(terminated.container_id.unwrap().starts_with("scripted://"));
    let conditions: Vec<String> = status
        .conditions
        .unwrap()
        .iter()
        .map(|c| format!("{}={}", c.type_, c.status))
        .collect();
    for expected in [
        "PodScheduled=True",
        "Initialized=True",
        "Ready=False",
        "ContainersReady=False",
    ] {
        assert!(conditions.iter().any(|c| c == expected), "{conditions:?}");
    }
}

#[tokio::test]
async fn the_node_registers_itself() {
    let cluster = Cluster::start(Arc::new(Scripted::new())).await;
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let ready = |node: Option<&Node>| {
        let status = node.and_then(|n| n.status.as_ref());
        status
            .and_then(|s| s.conditions.as_ref())
            .is_some_and(|c| c.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
    };
    let node = within(
        "the node",
        kube::runtime::wait::await_condition(nodes, cluster::NODE, ready),
    )
    .await
    .unwrap();
    let info = node.unwrap().status.unwrap().node_info.unwrap();
    assert_eq!(info.container_runtime_version, "scripted://1");
}

#[tokio::test]
async fn init_containers_and_sidecars_keep_their_order() {
    let scripted = Scripted::holding();
    let cluster = Cluster::start(Arc::new(scripted.clone())).await;
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [
            main_container("first"),
            {"name": "side", "image": "any", "restartPolicy": "Always"},
            main_container("second"),
        ],
        "containers": [main_container("a"), main_container("b")],
    });
    cluster.pod("p", spec).await;
    assert_eq!(within("first", scripted.started()).await.container, "first");
    let pod = cluster
        .until("p", "first running", |p| state(p, "first") == "running")
        .await;
    assert_eq!(state(&pod, "a"), "waiting:PodInitializing");
    scripted.finish("p", "first", 0).await;
    assert_eq!(within("side", scripted.started()).await.container, "side");
    assert_eq!(within("second", scripted.started()).await.container, "second");
    scripted.finish("p", "second", 0).await;
    let mut mains = [
        within("a", scripted.started()).await.container,
        within("b", scripted.started()).await.container,
    ];
    mains.sort();
    assert_eq!(mains, ["a", "b"]);
    cluster.phase("p", "Running").await;
    scripted.finish("p", "a", 0).await;
    scripted.finish("p", "b", 3).await;
    let pod = cluster.phase("p", "Failed").await;
    assert_eq!(
        (state(&pod, "b"), state(&pod, "side")),
        ("Error:3".to_owned(), "Error:143".to_owned())
    );
    assert!(scripted.starts().values().all(|n| *n == 1));
}

#[tokio::test]
async fn a_failing_init_container_fails_the_pod() {
    let scripted = Scripted::new();
    scripted.script_image("bad", Script::exit(9));
    let cluster = Cluster::start(Arc::new(scripted)).await;
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [{"name": "i", "image": "bad"}],
        "containers": [main_container("c")],
    });
    cluster.pod("p", spec).await;
    let pod = cluster.phase("p", "Failed").await;
    assert_eq!(
        (state(&pod, "i"), state(&pod, "c")),
        ("Error:9".to_owned(), "waiting:PodInitializing".to_owned())
    );
}

/// Restarts back off for minutes, so these tests let tokio's time jump.
#[tokio::test(start_paused = true)]
async fn a_crashing_container_backs_off_and_comes_back() {
    let scripted = Scripted::new();
    scripted.default_script(Script {
        exit_codes: vec![1, 2],
        hold: false,
        exit_code: 0,
        ..Script::default()
    });
    let clock = Arc::new(TokioClock::new());
    let cluster = Cluster::with(Arc::new(scripted.clone()), |o| o.clock = clock).await;
    cluster
        .pod(
            "p",
            json!({"restartPolicy": "OnFailure", "containers": [main_container("c")]}),
        )
        .await;
    let pod = cluster
        .until("p", "a back-off", |p| state(p, "c") == "waiting:CrashLoopBackOff")
        .await;
    assert_eq!(
        cluster::word(container(&pod, "c").unwrap().last_state.as_ref()),
        "Error:2"
    );
    let pod = cluster.phase("p", "Succeeded").await;
    assert_eq!(container(&pod, "c").unwrap().restart_count, 2);
    assert_eq!(scripted.starts().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_had_is_tried_again() {
    let scripted = Scripted::new();
    scripted.script_image(
        "gone",
        Script {
            pull_error: Some("no such image".into()),
            ..Script::default()
        },
    );
    let clock = Arc::new(TokioClock::new());
    let cluster = Cluster::with(Arc::new(scripted.clone()), |o| o.clock = clock).await;
    cluster
        .pod(
            "p",
            json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "gone"}]}),
        )
        .await;
    let pod = cluster
        .until("p", "the error", |p| state(p, "c") == "waiting:ErrImagePull")
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
    assert!(message.contains("no such image"), "{message}");
    cluster
        .until("p", "the back-off", |p| {
            state(p, "c") == "waiting:ImagePullBackOff"
        })
        .await;
    scripted.script_image("gone", Script::exit(0));
    cluster.phase("p", "Succeeded").await;
}

#[tokio::test]
async fn a_missing_config_map_holds_the_container_until_it_appears() {
    let cluster = Cluster::start(Arc::new(Scripted::new())).await;
    let env = json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}]);
    let spec = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "any", "env": env}]});
    cluster.pod("p", spec).await;
    cluster
        .until("p", "the error", |p| {
            state(p, "c") == "waiting:CreateContainerConfigError"
        })
        .await;
    cluster
        .create::<ConfigMap>(json!({"metadata": {"name": "m"}, "data": {"other": "x"}}))
        .await;
    let says_key = |p: &k8s_openapi::api::core::v1::Pod| {
        let state = container(p, "c").and_then(|c| c.state.clone());
        state
            .and_then(|s| s.waiting?.message)
            .is_some_and(|m| m.contains("has no key k"))
    };
    cluster.until("p", "the key's error", says_key).await;
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client.clone());
    let patch = kube::api::Patch::Merge(json!({"data": {"k": "v"}}));
    maps.patch("m", &Default::default(), &patch).await.unwrap();
    cluster.phase("p", "Succeeded").await;
}

#[tokio::test]
async fn a_missing_secret_volume_is_named_and_waited_for() {
    let cluster = Cluster::start(Arc::new(Scripted::new())).await;
    let spec = json!({
        "restartPolicy": "Never",
        "volumes": [{"name": "v", "secret": {"secretName": "s"}}],
        "containers": [{"name": "c", "image": "any", "volumeMounts": [{"name": "v", "mountPath": "/s"}]}],
    });
    cluster.pod("p", spec).await;
    let told = |p: &k8s_openapi::api::core::v1::Pod| {
        let waiting = container(p, "c")
            .and_then(|c| c.state.clone())
            .and_then(|s| s.waiting);
        waiting.is_some_and(|w| {
            w.reason.as_deref() == Some("ContainerCreating")
                && w.message.is_some_and(|m| m.contains("Secret s"))
        })
    };
    cluster.until("p", "the message", told).await;
    cluster
        .create::<Secret>(json!({"metadata": {"name": "s"}, "stringData": {"k": "v"}}))
        .await;
    cluster.phase("p", "Succeeded").await;
}

#[tokio::test]
async fn a_claim_is_bound_and_keeps_its_files() {
    let cluster = Cluster::start(Arc::new(Scripted::new())).await;
    let claim = json!({
        "metadata": {"name": "v"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    cluster.create::<PersistentVolumeClaim>(claim).await;
    let spec = json!({
        "restartPolicy": "Never",
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "v"}}],
        "containers": [{"name": "c", "image": "any", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
    });
    cluster.pod("p", spec).await;
    cluster.phase("p", "Succeeded").await;
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(cluster.client.clone());
    assert_eq!(
        claims.get("v").await.unwrap().status.unwrap().phase.as_deref(),
        Some("Bound")
    );
}

#[tokio::test]
async fn deletion_asks_first_and_reports_the_end() {
    let scripted = Scripted::holding();
    let cluster = Cluster::start(Arc::new(scripted.clone())).await;
    cluster
        .pod("p", json!({"containers": [main_container("c")]}))
        .await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    cluster
        .pods()
        .delete("p", &DeleteParams::default())
        .await
        .unwrap();
    cluster.gone("p").await;
    assert_eq!(scripted.starts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_will_not_end_is_killed_after_the_grace() {
    let scripted = Scripted::new();
    scripted.default_script(Script {
        ignores_terminate: true,
        ..Script::hold()
    });
    let clock = Arc::new(TokioClock::new());
    let cluster = Cluster::with(Arc::new(scripted), |o| o.clock = clock).await;
    let spec = json!({"terminationGracePeriodSeconds": 30, "containers": [main_container("c")]});
    cluster.pod("p", spec).await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    cluster
        .pods()
        .delete("p", &DeleteParams::default())
        .await
        .unwrap();
    cluster.gone("p").await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_fails_the_pod() {
    let clock = Arc::new(TokioClock::new());
    let cluster = Cluster::with(Arc::new(Scripted::holding()), |o| o.clock = clock).await;
    let spec =
        json!({"activeDeadlineSeconds": 20, "restartPolicy": "Never", "containers": [main_container("c")]});
    cluster.pod("p", spec).await;
    let pod = cluster.phase("p", "Failed").await;
    assert_eq!(
        pod.status.as_ref().unwrap().reason.as_deref(),
        Some("DeadlineExceeded")
    );
    assert_eq!(state(&pod, "c"), "Error:143");
}

#[tokio::test]
async fn the_termination_message_comes_from_the_file_or_the_log() {
    let scripted = Scripted::new();
    scripted.script_image(
        "file",
        Script {
            termination_message: Some("{\"a\":1}".into()),
            ..Script::default()
        },
    );
    scripted.script_image(
        "log",
        Script {
            stdout: vec!["one".into(), "two".into()],
            ..Script::exit(4)
        },
    );
    let cluster = Cluster::start(Arc::new(scripted)).await;
    let spec = json!({
        "restartPolicy": "Never",
        "containers": [
            {"name": "f", "image": "file"},
            {"name": "l", "image": "log", "terminationMessagePolicy": "FallbackToLogsOnError"},
            {"name": "n", "image": "log"},
        ],
    });
    cluster.pod("p", spec).await;
    let pod = cluster.phase("p", "Failed").await;
    let message = |name: &str| {
        container(&pod, name)
            .unwrap()
            .state
            .clone()
            .unwrap()
            .terminated
            .unwrap()
            .message
    };
    assert_eq!(message("f").as_deref(), Some("{\"a\":1}"));
    assert_eq!(message("l").as_deref(), Some("one\ntwo\n"));
    assert_eq!(message("n"), None);
}

#[tokio::test(start_paused = true)]
async fn probes_decide_readiness_and_restart() {
    let scripted = Scripted::holding();
    scripted.script_exec(&["ready"], "", 0);
    scripted.script_exec(&["alive"], "", 0);
    let clock = Arc::new(TokioClock::new());
    let cluster = Cluster::with(Arc::new(scripted.clone()), |o| o.clock = clock).await;
    let probe = |command: &str| json!({"exec": {"command": [command]}, "periodSeconds": 1});
    let spec = json!({"containers": [{
        "name": "c", "image": "any", "readinessProbe": probe("ready"), "livenessProbe": probe("alive"),
    }]});
    cluster.pod("p", spec).await;
    let ready = |p: &k8s_openapi::api::core::v1::Pod| container(p, "c").is_some_and(|c| c.ready);
    cluster.until("p", "ready", ready).await;
    scripted.script_exec(&["ready"], "", 1);
    cluster
        .until("p", "not ready", move |p| state(p, "c") == "running" && !ready(p))
        .await;
    scripted.script_exec(&["alive"], "", 1);
    let pod = cluster
        .until("p", "a restart", |p| {
            container(p, "c").is_some_and(|c| c.restart_count == 1)
        })
        .await;
    assert_eq!(
        cluster::word(container(&pod, "c").unwrap().last_state.as_ref()),
        "Error:143"
    );
}

#[tokio::test]
async fn a_failing_post_start_hook_ends_the_container() {
    let scripted = Scripted::holding();
    scripted.script_exec(&["hook"], "no", 1);
    let cluster = Cluster::start(Arc::new(scripted)).await;
    let lifecycle = json!({"postStart": {"exec": {"command": ["hook"]}}});
    let spec = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "any", "lifecycle": lifecycle}]});
    cluster.pod("p", spec).await;
    cluster.phase("p", "Failed").await;
}

#[tokio::test]
async fn a_stopped_node_ends_its_containers_and_a_new_one_runs_nothing_twice() {
    let scripted = Scripted::holding();
    let mut cluster = Cluster::start(Arc::new(scripted.clone())).await;
    cluster
        .pod(
            "once",
            json!({"restartPolicy": "Never", "containers": [main_container("c")]}),
        )
        .await;
    cluster
        .pod(
            "always",
            json!({"restartPolicy": "Always", "containers": [main_container("c")]}),
        )
        .await;
    for name in ["once", "always"] {
        cluster
            .until(name, "running", |p| state(p, "c") == "running")
            .await;
    }
    cluster.stop_node().await;
    assert_eq!(state(&cluster.phase("once", "Failed").await, "c"), "Error:143");
    cluster.start_node(Arc::new(scripted.clone()), |_| {});
    let running_again = |p: &k8s_openapi::api::core::v1::Pod| {
        state(p, "c") == "running" && container(p, "c").is_some_and(|c| c.restart_count == 1)
    };
    cluster.until("always", "running again", running_again).await;
    assert!(
        scripted.starts().values().all(|n| *n == 1),
        "{:?}",
        scripted.starts()
    );
    assert_eq!(scripted.starts().len(), 3);
}

#[tokio::test]
async fn a_pod_made_again_under_its_name_is_another_pod() {
    let scripted = Scripted::holding();
    let cluster = Cluster::start(Arc::new(scripted.clone())).await;
    let spec = json!({"restartPolicy": "Never", "containers": [main_container("c")]});
    let first = cluster.pod("p", spec.clone()).await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    cluster
        .pods()
        .delete("p", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    cluster.gone("p").await;
    let second = cluster.pod("p", spec).await;
    let uid = second.metadata.uid.clone();
    cluster
        .until("p", "the second running", move |p| {
            p.metadata.uid == uid && state(p, "c") == "running"
        })
        .await;
    assert_ne!(first.metadata.uid, second.metadata.uid);
    assert_eq!(scripted.starts().len(), 2);
}

#[tokio::test]
async fn annotations_script_single_containers() {
    let cluster = Cluster::start(Arc::new(Scripted::new())).await;
    let script = json!({"c": {"exitCode": 7, "delayMs": 1}}).to_string();
    cluster
        .create::<k8s_openapi::api::core::v1::Pod>(json!({
            "metadata": {"name": "p", "annotations": {SCRIPT_ANNOTATION: script}},
            "spec": {"restartPolicy": "Never", "containers": [main_container("c")]},
        }))
        .await;
    let pod = cluster.phase("p", "Failed").await;
    assert_eq!(state(&pod, "c"), "Error:7");
}

#[tokio::test]
async fn a_pod_that_asks_for_another_node_waits_with_a_reason() {
    let cluster = Cluster::start(Arc::new(Scripted::new())).await;
    let spec = json!({"nodeSelector": {"gpu": "yes"}, "containers": [main_container("c")]});
    cluster.pod("p", spec).await;
    let told = |p: &k8s_openapi::api::core::v1::Pod| {
        let conditions = p.status.as_ref().and_then(|s| s.conditions.as_ref());
        conditions.is_some_and(|c| c.iter().any(|c| c.reason.as_deref() == Some("Unschedulable")))
    };
    let pod = cluster.until("p", "Unschedulable", told).await;
    assert_eq!(pod.spec.unwrap().node_name, None);
}

#[tokio::test]
async fn many_pods_run_once_each() {
    let scripted = Scripted::new();
    let cluster = Cluster::start(Arc::new(scripted.clone())).await;
    for i in 0..100 {
        cluster
            .pod(
                &format!("p{i}"),
                json!({"restartPolicy": "Never", "containers": [main_container("c")]}),
            )
            .await;
    }
    for i in 0..100 {
        cluster.phase(&format!("p{i}"), "Succeeded").await;
    }
    assert_eq!(scripted.starts().len(), 100);
    assert!(scripted.starts().values().all(|n| *n == 1));
}
