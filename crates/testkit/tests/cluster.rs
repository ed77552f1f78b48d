//! What tests rely on when they use a cluster, on either kind of it.
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use http::Method;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use koc_api::{Task, TaskPhase};
use koc_node::{Script, Scripted};
use koc_testkit::{Options, TestCluster, task, template};
use kube::Api;
use kube::api::{ListParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::json;

async fn map(cluster: &TestCluster, name: &str) {
    let map = serde_json::from_value(json!({"metadata": {"name": name}, "data": {"a": "1"}})).unwrap();
    cluster
        .api::<ConfigMap>()
        .create(&PostParams::default(), &map)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_test_sees_nothing_of_another_tests_namespace() {
    let mine = TestCluster::start(Options::default()).await.unwrap();
    let other = TestCluster::start(Options::default()).await.unwrap();
    assert_ne!(mine.namespace(), other.namespace());
    map(&mine, "mine").await;
    map(&other, "other").await;
    let all: Api<ConfigMap> = Api::all(mine.client());
    let names: Vec<_> = all.list(&ListParams::default()).await.unwrap().items;
    let names: Vec<_> = names.into_iter().filter_map(|map| map.metadata.name).collect();
    assert!(names.contains(&"mine".to_owned()), "{names:?}");
    assert!(!names.contains(&"other".to_owned()), "{names:?}");
}

#[tokio::test]
async fn plain_requests_reach_the_same_objects() {
    let cluster = TestCluster::start(Options::default()).await.unwrap();
    let raw = cluster.raw().await.unwrap();
    map(&cluster, "one").await;
    let path = format!("/api/v1/namespaces/{}/configmaps", cluster.namespace());
    let answer = raw
        .send(Method::GET, &format!("{path}/one"), &[], "")
        .await
        .unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.json().unwrap()["data"]),
        (200, &json!({"a": "1"}))
    );

    let one = format!("{path}?watch=true&fieldSelector=metadata.name%3Done");
    let mut watch = raw.open(Method::GET, &one, &[], "").await.unwrap();
    let first: serde_json::Value = serde_json::from_str(&watch.line().await.unwrap().unwrap()).unwrap();
    assert_eq!(first["type"], "ADDED");
    let headers = [("content-type", "application/merge-patch+json")];
    let patched = raw
        .send(
            Method::PATCH,
            &format!("{path}/one"),
            &headers,
            r#"{"data":{"a":"2"}}"#,
        )
        .await
        .unwrap();
    assert_eq!(patched.status.as_u16(), 200);
    let second: serde_json::Value = serde_json::from_str(&watch.line().await.unwrap().unwrap()).unwrap();
    assert_eq!(
        (&second["type"], &second["object"]["data"]["a"]),
        (&json!("MODIFIED"), &json!("2"))
    );
}

#[tokio::test]
async fn no_token_no_answer() {
    let cluster = TestCluster::start(Options::default()).await.unwrap();
    let raw = cluster
        .raw()
        .await
        .unwrap()
        .with_token(Some(koc_apiserver::Token::random()));
    let answer = raw
        .send(Method::GET, "/api/v1/namespaces", &[], "")
        .await
        .unwrap();
    assert_eq!(answer.status.as_u16(), 401);
}

#[tokio::test]
async fn our_node_runs_a_task_to_its_end() {
    let runtime = Scripted::new();
    let cluster = TestCluster::start(Options::scripted(&runtime)).await.unwrap();
    let result = json!({"outcome": "Completed", "reason": "Completed", "sessionId": "ses_1"});
    runtime.default_script(Script {
        termination_message: Some(result.to_string()),
        ..Script::default()
    });
    let controller = cluster.start_controller();
    let params = PostParams::default();
    cluster.api().create(&params, &template()).await.unwrap();
    cluster.api().create(&params, &task("hello")).await.unwrap();
    let ended = |task: Option<&Task>| {
        let phase = task.and_then(|task| task.status.as_ref()?.phase);
        matches!(phase, Some(TaskPhase::Completed | TaskPhase::Failed))
    };
    let task = await_condition(cluster.api::<Task>(), "hello", ended)
        .await
        .unwrap()
        .unwrap();
    let status = task.status.unwrap();
    assert_eq!(status.phase, Some(TaskPhase::Completed), "{status:?}");
    let pod = cluster.api::<Pod>().get("hello-pod").await.unwrap();
    let on = pod.spec.unwrap().node_name;
    assert_eq!(on, Some(format!("node-{}", cluster.namespace())));
    controller.stop().await.unwrap();
}
