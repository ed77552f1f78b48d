//! The controller against a cluster of either kind; the test plays the kubelet.
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::api::events::v1::Event;
use koc_api::{AgentTemplate, Task, TaskPhase};
use koc_testkit::{Controller, Options, TestCluster};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use kube::runtime::wait::{Condition, await_condition, conditions};
use kube::{Api, Client, ResourceExt as _};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Nothing that is waited for takes longer, even on a machine that does ten other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// A cluster with our kinds; the controller can be stopped and started.
struct Cluster {
    inner: TestCluster,
    controller: Option<Controller>,
}

impl Cluster {
    async fn without_controller(options: Options) -> Self {
        Self {
            inner: TestCluster::start(options).await.unwrap(),
            controller: None,
        }
    }

    async fn new() -> Self {
        let mut cluster = Self::without_controller(Options::default()).await;
        cluster.start_controller();
        cluster
    }

    fn start_controller(&mut self) {
        self.controller = Some(self.inner.start_controller());
    }

    async fn stop_controller(&mut self) {
        self.controller.take().unwrap().stop().await.unwrap();
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        self.inner.api()
    }

    async fn create_template(&self) {
        let template: AgentTemplate = serde_json::from_value(json!({
            "metadata": {"name": "base"},
            "spec": {"workspaceDir": "/workspace", "serviceAccountName": "default"},
        }))
        .unwrap();
        self.api()
            .create(&PostParams::default(), &template)
            .await
            .unwrap();
    }

    async fn create_task(&self, name: &str, spec: Value) {
        let mut task = json!({"metadata": {"name": name}, "spec": {"templateRef": {"name": "base"}, "description": "Say hello"}});
        for (key, value) in spec.as_object().unwrap() {
            task["spec"][key] = value.clone();
        }
        let task: Task = serde_json::from_value(task).unwrap();
        self.api().create(&PostParams::default(), &task).await.unwrap();
    }

    async fn wait<K>(&self, name: &str, condition: impl Condition<K>) -> K
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + Send
            + serde::de::DeserializeOwned
            + 'static,
    {
        let object = self.until(self.api::<K>(), name, condition).await;
        object.unwrap()
    }

    /// Waits for an object, or for its absence.
    async fn until<K>(&self, api: Api<K>, name: &str, condition: impl Condition<K>) -> Option<K>
    where
        K: kube::Resource + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
    {
        match tokio::time::timeout(PATIENCE, await_condition(api.clone(), name, condition)).await {
            Ok(found) => found.unwrap(),
            Err(_) => {
                self.inner.check().unwrap();
                panic!(
                    "{name} is not as expected after {PATIENCE:?}: {:#?}",
                    api.get_opt(name).await
                );
            }
        }
    }

    async fn wait_phase(&self, name: &str, phase: TaskPhase) -> Task {
        self.wait(name, move |task: Option<&Task>| {
            task.and_then(|t| t.status.as_ref()).and_then(|s| s.phase) == Some(phase)
        })
        .await
    }

    async fn set_pod_status(&self, pod: &str, status: Value) {
        let patch = json!({"status": status});
        self.api::<Pod>()
            .patch_status(pod, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    async fn events_of(&self, task: &str) -> Vec<String> {
        let events = self.api::<Event>().list(&ListParams::default()).await.unwrap();
        let about = |e: &Event| e.regarding.as_ref().and_then(|r| r.name.clone()).as_deref() == Some(task);
        let mut reasons: Vec<_> = events
            .into_iter()
            .filter(about)
            .filter_map(|e| e.reason)
            .collect();
        reasons.sort();
        reasons
    }
}

fn succeeded(message: &str) -> Value {
    json!({
        "phase": "Succeeded",
        "containerStatuses": [{
            "name": "agent", "image": "x", "imageID": "x", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "reason": "Completed", "message": message}},
        }],
    })
}

#[tokio::test]
async fn a_task_runs_to_completed_and_tells_its_session() {
    let cluster = Cluster::new().await;
    cluster.create_template().await;
    cluster.create_task("hello", json!({})).await;
    let task = cluster.wait_phase("hello", TaskPhase::Running).await;
    assert_eq!(
        task.labels()
            .get("kubeopencode.io/agent-template")
            .map(String::as_str),
        Some("base")
    );
    let map = cluster.api::<ConfigMap>().get("hello-context").await.unwrap();
    assert_eq!(map.data.unwrap()["workspace-task.md"], "Say hello");
    let result = r#"{"outcome":"Completed","reason":"Completed","sessionId":"ses_1","cost":"0.5"}"#;
    cluster.set_pod_status("hello-pod", succeeded(result)).await;
    let task = cluster.wait_phase("hello", TaskPhase::Completed).await;
    let status = task.status.unwrap();
    assert_eq!(status.session.unwrap().id.as_deref(), Some("ses_1"));
    assert!(koc_api::is_true(&status.conditions, "Succeeded"));
    assert_eq!(cluster.events_of("hello").await, ["Completed", "PodCreated"]);
}

#[tokio::test]
async fn a_template_that_comes_late_wakes_its_tasks() {
    let cluster = Cluster::new().await;
    cluster.create_task("early", json!({})).await;
    let pending = cluster.wait_phase("early", TaskPhase::Pending).await;
    assert!(koc_api::is_false(&pending.status.unwrap().conditions, "Ready"));
    cluster.create_template().await;
    cluster.wait_phase("early", TaskPhase::Running).await;
}

/// A client whose watch of templates says nothing; every other request passes.
fn deaf_to_templates(inner: Client, namespace: &str) -> Client {
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let inner = inner.clone();
        async move {
            let watch = request
                .uri()
                .query()
                .is_some_and(|query| query.contains("watch=true"));
            if watch && request.uri().path().ends_with("/agenttemplates") {
                std::future::pending::<()>().await;
            }
            inner.send(request).await
        }
    });
    Client::new(service, namespace)
}

/// On a busy cluster the watch of templates may lag behind the watch of Tasks.
#[tokio::test]
async fn a_template_that_the_watch_has_not_told_is_not_missing() {
    let cluster = Cluster::without_controller(Options::default()).await;
    let client = deaf_to_templates(cluster.inner.client(), cluster.inner.namespace());
    let controller = tokio::spawn(koc_controller::run(
        client,
        koc_controller::Options::default(),
        CancellationToken::new(),
    ));
    // A Task that waits shows that the controller has made its first listings.
    cluster.create_task("early", json!({})).await;
    cluster.wait_phase("early", TaskPhase::Pending).await;
    cluster.create_template().await;
    cluster.create_task("late", json!({})).await;
    cluster.wait_phase("late", TaskPhase::Running).await;
    controller.abort();
}

#[tokio::test]
async fn a_config_map_that_comes_late_wakes_its_tasks() {
    let cluster = Cluster::new().await;
    cluster.create_template().await;
    cluster
        .create_task(
            "early",
            json!({"contexts": [{"type": "ConfigMap", "configMap": {"name": "docs"}}]}),
        )
        .await;
    cluster.wait_phase("early", TaskPhase::Pending).await;
    let docs: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": "docs"}, "data": {"a": "1"}})).unwrap();
    cluster.api().create(&PostParams::default(), &docs).await.unwrap();
    cluster.wait_phase("early", TaskPhase::Running).await;
}

#[tokio::test]
async fn a_failed_pod_tells_reason_and_exit_code() {
    let cluster = Cluster::new().await;
    cluster.create_template().await;
    cluster.create_task("bad", json!({})).await;
    cluster.wait_phase("bad", TaskPhase::Running).await;
    let mut status = succeeded("");
    status["phase"] = "Failed".into();
    status["containerStatuses"][0]["state"]["terminated"] = json!({"exitCode": 137, "reason": "OOMKilled"});
    cluster.set_pod_status("bad-pod", status).await;
    let status = cluster.wait_phase("bad", TaskPhase::Failed).await.status.unwrap();
    assert_eq!(
        (status.reason.as_deref(), status.exit_code),
        (Some("OOMKilled"), Some(137))
    );
    assert_eq!(cluster.events_of("bad").await, ["Failed", "PodCreated"]);
}

#[tokio::test]
async fn stopping_a_task_removes_its_pod_first() {
    let cluster = Cluster::new().await;
    cluster.create_template().await;
    cluster.create_task("long", json!({})).await;
    cluster.wait_phase("long", TaskPhase::Running).await;
    let stop = json!({"metadata": {"annotations": {"kubeopencode.io/stop": "true"}}});
    cluster
        .api::<Task>()
        .patch("long", &PatchParams::default(), &Patch::Merge(stop))
        .await
        .unwrap();
    let status = cluster
        .wait_phase("long", TaskPhase::Completed)
        .await
        .status
        .unwrap();
    assert!(koc_api::is_true(&status.conditions, "Stopped"));
    assert!(koc_api::is_false(&status.conditions, "Succeeded"));
    assert!(cluster.api::<Pod>().get_opt("long-pod").await.unwrap().is_none());
}

#[tokio::test]
async fn a_vanished_pod_fails_its_task() {
    let cluster = Cluster::new().await;
    cluster.create_template().await;
    cluster.create_task("lost", json!({})).await;
    cluster.wait_phase("lost", TaskPhase::Running).await;
    cluster
        .api::<Pod>()
        .delete("lost-pod", &DeleteParams::default())
        .await
        .unwrap();
    let status = cluster
        .wait_phase("lost", TaskPhase::Failed)
        .await
        .status
        .unwrap();
    assert_eq!(status.reason.as_deref(), Some("PodLost"));
}

#[tokio::test]
async fn deleting_a_running_task_takes_pod_and_config_map_along() {
    let cluster = Cluster::new().await;
    cluster.create_template().await;
    cluster.create_task("gone", json!({})).await;
    cluster.wait_phase("gone", TaskPhase::Running).await;
    let uid = cluster.api::<Pod>().get("gone-pod").await.unwrap().uid().unwrap();
    cluster
        .api::<Task>()
        .delete("gone", &DeleteParams::default())
        .await
        .unwrap();
    cluster
        .until(cluster.api::<Pod>(), "gone-pod", conditions::is_deleted(&uid))
        .await;
    let gone = |map: Option<&ConfigMap>| map.is_none();
    cluster
        .until(cluster.api::<ConfigMap>(), "gone-context", gone)
        .await;
}

#[tokio::test]
async fn a_foreign_pod_is_neither_adopted_nor_deleted() {
    let cluster = Cluster::new().await;
    cluster.create_template().await;
    let foreign: Pod = serde_json::from_value(json!({
        "metadata": {"name": "mine-pod"},
        "spec": {"containers": [{"name": "c", "image": "x"}]},
    }))
    .unwrap();
    let before = cluster
        .api()
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();
    cluster.create_task("mine", json!({})).await;
    let status = cluster
        .wait_phase("mine", TaskPhase::Failed)
        .await
        .status
        .unwrap();
    assert_eq!(status.reason.as_deref(), Some("NameConflict"));
    let after = cluster.api::<Pod>().get("mine-pod").await.unwrap();
    assert_eq!(before.resource_version(), after.resource_version());
}

#[tokio::test]
async fn a_pod_that_the_api_server_refuses_fails_its_task() {
    let cluster = Cluster::new().await;
    let template: AgentTemplate = serde_json::from_value(json!({
        "metadata": {"name": "base"},
        "spec": {
            "workspaceDir": "/workspace", "serviceAccountName": "default",
            "podSpec": {"extraVolumeMounts": [{"name": "nowhere", "mountPath": "/x"}]},
        },
    }))
    .unwrap();
    cluster
        .api()
        .create(&PostParams::default(), &template)
        .await
        .unwrap();
    cluster.create_task("bad", json!({})).await;
    let status = cluster.wait_phase("bad", TaskPhase::Failed).await.status.unwrap();
    assert_eq!(status.reason.as_deref(), Some("PodCreationError"));
    assert!(
        status.message.as_deref().unwrap().contains("nowhere"),
        "{status:?}"
    );
}

#[tokio::test]
async fn what_happens_while_the_controller_is_away_is_caught_up() {
    let mut cluster = Cluster::new().await;
    cluster.create_template().await;
    cluster.create_task("a", json!({})).await;
    cluster.wait_phase("a", TaskPhase::Running).await;
    cluster.stop_controller().await;
    cluster.set_pod_status("a-pod", succeeded("")).await;
    cluster.create_task("b", json!({})).await;
    cluster.start_controller();
    cluster.wait_phase("a", TaskPhase::Completed).await;
    cluster.wait_phase("b", TaskPhase::Running).await;
    assert_eq!(cluster.events_of("a").await, ["Completed", "PodCreated"]);
}

#[tokio::test]
async fn one_unreadable_task_hides_no_other() {
    // A schema that lets anything pass, as an older CRD might.
    let mut crds = koc_api::crds();
    for version in crds.iter_mut().flat_map(|crd| &mut crd.spec.versions) {
        let schema =
            json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        version.schema = serde_json::from_value(schema).unwrap();
    }
    let mut cluster = Cluster::without_controller(Options {
        crds: Some(crds),
        ..Options::default()
    })
    .await;
    let resource = kube::core::ApiResource::erase::<Task>(&());
    let raw: Api<DynamicObject> = Api::default_namespaced_with(cluster.inner.client(), &resource);
    let broken = DynamicObject::new("broken", &resource).data(json!({"spec": {"contexts": "none"}}));
    raw.create(&PostParams::default(), &broken).await.unwrap();
    cluster.create_template().await;
    cluster.create_task("fine", json!({})).await;
    cluster.start_controller();
    cluster.wait_phase("fine", TaskPhase::Running).await;
    let told = |task: Option<&DynamicObject>| {
        task.and_then(|t| {
            t.data
                .pointer("/status/message")?
                .as_str()
                .map(|m| m.contains("spec.contexts"))
        })
        .unwrap_or(false)
    };
    cluster.until(raw, "broken", told).await;
}

/// A client that counts the writes which went through, by method and path.
fn counted(inner: Client, namespace: &str) -> (Client, Arc<Mutex<BTreeMap<String, u32>>>) {
    let counts = Arc::new(Mutex::new(BTreeMap::new()));
    let counter = counts.clone();
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (inner, counter) = (inner.clone(), counter.clone());
        async move {
            let writes = request.method() != http::Method::GET;
            let about = format!("{} {}", request.method(), request.uri().path());
            let answer = inner.send(request).await;
            if writes && answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                *counter.lock().entry(about).or_default() += 1;
            }
            answer
        }
    });
    (Client::new(service, namespace), counts)
}

#[tokio::test]
async fn a_hundred_tasks_cost_seven_writes_each() {
    let cluster = Cluster::without_controller(Options::default()).await;
    let (client, writes) = counted(cluster.inner.client(), cluster.inner.namespace());
    let stop = CancellationToken::new();
    let run = koc_controller::run(client, koc_controller::Options::default(), stop.clone());
    let run = tokio::spawn(run);
    cluster.create_template().await;
    for index in 0..100 {
        cluster.create_task(&format!("t{index}"), json!({})).await;
    }
    for index in 0..100 {
        cluster.wait_phase(&format!("t{index}"), TaskPhase::Running).await;
        cluster
            .set_pod_status(&format!("t{index}-pod"), succeeded(""))
            .await;
    }
    for index in 0..100 {
        cluster
            .wait_phase(&format!("t{index}"), TaskPhase::Completed)
            .await;
    }
    stop.cancel();
    run.await.unwrap();
    let core = format!("/api/v1/namespaces/{}", cluster.inner.namespace());
    let ours = format!(
        "/apis/kubeopencode.io/v1alpha1/namespaces/{}",
        cluster.inner.namespace()
    );
    let events = format!(
        "/apis/events.k8s.io/v1/namespaces/{}/events",
        cluster.inner.namespace()
    );
    let mut expected = BTreeMap::from([
        (format!("POST {core}/configmaps"), 100),
        (format!("POST {core}/pods"), 100),
        (format!("POST {events}"), 200),
    ]);
    for index in 0..100 {
        // The label, then Running and Completed.
        expected.insert(format!("PATCH {ours}/tasks/t{index}"), 1);
        expected.insert(format!("PATCH {ours}/tasks/t{index}/status"), 2);
    }
    let written = writes.lock().clone();
    let odd: Vec<_> = written
        .iter()
        .filter(|(what, count)| expected.get(*what) != Some(*count))
        .collect();
    assert!(odd.is_empty(), "written more or less often than once: {odd:#?}");
    assert_eq!(written.len(), expected.len());
}
