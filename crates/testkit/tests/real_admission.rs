//! What a real API server has to say about everything that controller and node ask of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use koc_api::{AgentTemplate, Task, TaskPhase};
use koc_node::{Node, NodeOptions, Scripted};
use koc_testkit::{Options, TestCluster};
use kube::api::{Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use parking_lot::Mutex;
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Nothing that is waited for takes longer, even on a machine that does ten other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client that notes every warning, and every refusal that is not the normal "not there" or "there already".
fn noting(inner: Client, namespace: &str) -> (Client, Arc<Mutex<Vec<String>>>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let taken = notes.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (inner, notes) = (inner.clone(), notes.clone());
        async move {
            let about = format!("{} {}", request.method(), request.uri());
            let answer = inner.send(request).await;
            if let Ok(answer) = &answer {
                let code = answer.status();
                if code.as_u16() >= 400 && !matches!(code.as_u16(), 404 | 409) {
                    notes.lock().push(format!("{about}: {code}"));
                }
                for warning in answer.headers().get_all("warning") {
                    notes.lock().push(format!("{about}: {warning:?}"));
                }
            }
            answer
        }
    });
    (Client::new(service, namespace), taken)
}

#[tokio::test]
#[ignore = "needs the real server: hack/test runs it there"]
async fn pods_pass_where_restricted_is_enforced_and_no_request_earns_a_warning() {
    let cluster = TestCluster::start(Options::default()).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let levels =
        ["enforce", "warn"].map(|mode| (format!("pod-security.kubernetes.io/{mode}"), json!("restricted")));
    let labels = json!({"metadata": {"labels": levels.into_iter().collect::<serde_json::Map<_, _>>()}});
    namespaces
        .patch(
            cluster.namespace(),
            &PatchParams::default(),
            &Patch::Merge(labels),
        )
        .await
        .unwrap();

    // Enforcement begins when the server has seen the labels; a careless Pod shows it, and that it is enforced at all.
    let careless: Pod = serde_json::from_value(json!({
        "metadata": {"name": "careless"},
        "spec": {"containers": [{"name": "c", "image": "x", "securityContext": {"privileged": true}}]},
    }))
    .unwrap();
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let began = Instant::now();
    while cluster.api::<Pod>().create(&dry, &careless).await.is_ok() {
        assert!(began.elapsed() < PATIENCE, "a privileged Pod is never refused");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let (client, notes) = noting(cluster.client(), cluster.namespace());
    let stop = CancellationToken::new();
    let data = tempfile::tempdir().unwrap();
    let options = NodeOptions {
        schedule: true,
        sync: false,
        ..NodeOptions::new(format!("admitted-{}", cluster.namespace()), data.path())
    };
    let node = Arc::new(Node::new(client.clone(), options, Arc::new(Scripted::new())).unwrap());
    let node = tokio::spawn(node.run(stop.clone()));
    let controller = koc_controller::run(client, koc_controller::Options::default(), stop.clone());
    let controller = tokio::spawn(controller);

    let template: AgentTemplate = serde_json::from_value(json!({
        "metadata": {"name": "base"},
        "spec": {
            "workspaceDir": "/workspace", "serviceAccountName": "default",
            "contexts": [{"name": "notes", "type": "Text", "text": "Be brief.", "mountPath": "notes/brief.md"}],
        },
    }))
    .unwrap();
    let task: Task = serde_json::from_value(json!({
        "metadata": {"name": "one"},
        "spec": {"templateRef": {"name": "base"}, "description": "Say hello"},
    }))
    .unwrap();
    let params = PostParams::default();
    cluster.api().create(&params, &template).await.unwrap();
    cluster.api().create(&params, &task).await.unwrap();
    let ended = |task: Option<&Task>| {
        let phase = task.and_then(|task| task.status.as_ref()?.phase);
        matches!(phase, Some(TaskPhase::Completed | TaskPhase::Failed))
    };
    let ended = await_condition(cluster.api::<Task>(), "one", ended);
    let task = tokio::time::timeout(PATIENCE, ended)
        .await
        .unwrap_or_else(|_| panic!("the Task did not end: {:?}", notes.lock()))
        .unwrap()
        .unwrap();
    let status = task.status.unwrap();
    assert_eq!(status.phase, Some(TaskPhase::Completed), "{status:?}");
    stop.cancel();
    controller.await.unwrap();
    node.await.unwrap().unwrap();
    assert!(notes.lock().is_empty(), "{:#?}", notes.lock());
}
