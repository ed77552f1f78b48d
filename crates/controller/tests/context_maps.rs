//! The ConfigMaps that hold a Task's files: several of them, and those that an interrupted start left behind.
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use koc_api::{AgentTemplate, Task};
use koc_testkit::{Options, TestCluster};
use kube::ResourceExt as _;
use kube::api::PostParams;
use kube::runtime::wait::{await_condition, conditions};
use serde_json::{Value, json};

/// Nothing that is waited for takes longer, even on a machine that does ten other things.
const PATIENCE: Duration = Duration::from_secs(120);

async fn cluster_with_task(contexts: Value) -> (TestCluster, Task) {
    let cluster = TestCluster::start(Options::default()).await.unwrap();
    let template: AgentTemplate = serde_json::from_value(json!({
        "metadata": {"name": "base"},
        "spec": {"workspaceDir": "/workspace", "serviceAccountName": "default", "contexts": contexts},
    }))
    .unwrap();
    cluster
        .api()
        .create(&PostParams::default(), &template)
        .await
        .unwrap();
    let task: Task = serde_json::from_value(json!({
        "metadata": {"name": "one"},
        "spec": {"templateRef": {"name": "base"}, "description": "Say hello"},
    }))
    .unwrap();
    let task = cluster.api().create(&PostParams::default(), &task).await.unwrap();
    (cluster, task)
}

async fn wait_for_pod(cluster: &TestCluster) {
    let is_there = await_condition(cluster.api::<Pod>(), "one-pod", |pod: Option<&Pod>| pod.is_some());
    if tokio::time::timeout(PATIENCE, is_there).await.is_err() {
        panic!("no Pod: {:#?}", cluster.api::<Task>().get_opt("one").await);
    }
}

async fn map(cluster: &TestCluster, name: &str) -> ConfigMap {
    cluster.api::<ConfigMap>().get(name).await.unwrap()
}

#[tokio::test]
async fn contents_over_one_config_map_are_all_there_and_go_with_their_task() {
    let text = "x".repeat(700_000);
    let (cluster, task) = cluster_with_task(json!([
        {"type": "Text", "text": text, "mountPath": "a"},
        {"type": "Text", "text": text, "mountPath": "b"},
    ]))
    .await;
    let controller = cluster.start_controller();
    wait_for_pod(&cluster).await;
    let mut made = Vec::new();
    for (name, key) in [("one-context", "workspace-a"), ("one-context-1", "workspace-b")] {
        let map = map(&cluster, name).await;
        assert_eq!(map.data.as_ref().unwrap()[key], text, "{name}");
        assert_eq!(map.owner_references()[0].uid, task.uid().unwrap(), "{name}");
        made.push((name, map.uid().unwrap()));
    }
    cluster
        .api::<Task>()
        .delete("one", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    for (name, uid) in made {
        let gone = await_condition(cluster.api::<ConfigMap>(), name, conditions::is_deleted(&uid));
        tokio::time::timeout(PATIENCE, gone).await.unwrap().unwrap();
    }
    controller.stop().await.unwrap();
}

#[tokio::test]
async fn what_an_interrupted_start_left_behind_never_gives_an_old_prompt() {
    let (cluster, task) = cluster_with_task(json!([])).await;
    let leftover: ConfigMap = serde_json::from_value(json!({
        "metadata": {
            "name": "one-context",
            "ownerReferences": [{
                "apiVersion": "kubeopencode.io/v1alpha1", "kind": "Task", "name": "one",
                "uid": task.uid().unwrap(), "controller": true,
            }],
        },
        "data": {"workspace-task.md": "Say goodbye", "workspace-old.md": "x"},
    }))
    .unwrap();
    cluster
        .api()
        .create(&PostParams::default(), &leftover)
        .await
        .unwrap();
    let controller = cluster.start_controller();
    wait_for_pod(&cluster).await;
    let data = map(&cluster, "one-context").await.data.unwrap();
    assert_eq!(data.len(), 1, "{data:?}");
    assert_eq!(data["workspace-task.md"], "Say hello");
    controller.stop().await.unwrap();
}
