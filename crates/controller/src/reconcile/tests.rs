//! Passes that decide from a view of the cluster that lags behind it.

use k8s_openapi::api::events::v1::Event;
use koc_api::AgentTemplate;
use koc_testkit::faults::{Call, Fault, Faults, Plan, Point, Verb};
use koc_testkit::{Options, TestCluster, template};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::runtime::wait::{await_condition, conditions};
use serde_json::{Value, json};

use super::*;
use crate::view::Bell;

/// A Task `hello`, its template, and a reconciler that sees of the cluster what a test shows it.
struct Scene {
    cluster: TestCluster,
    client: Client,
    caches: Arc<Caches>,
    reconciler: Reconciler,
    key: Key,
}

impl Scene {
    async fn new(plan: Plan) -> Self {
        let cluster = TestCluster::start(Options::default()).await.unwrap();
        let client = Faults::new(plan).client(cluster.client());
        let caches = Arc::new(Caches::new(&Arc::new(Bell::default())));
        let reconciler = Reconciler::new(client.clone(), caches.clone(), Clock::default());
        let key = Key {
            namespace: cluster.namespace().to_owned(),
            name: "hello".to_owned(),
        };
        let scene = Self {
            cluster,
            client,
            caches,
            reconciler,
            key,
        };
        let api = scene.cluster.api::<AgentTemplate>();
        api.create(&PostParams::default(), &template()).await.unwrap();
        let resource = ApiResource::erase::<AgentTemplate>(&());
        let api: Api<DynamicObject> = Api::default_namespaced_with(scene.cluster.client(), &resource);
        let seen = api.get("base").await.unwrap();
        let named = Key {
            name: "base".to_owned(),
            ..scene.key.clone()
        };
        scene.caches.templates.put(named, seen);
        scene.create_task().await;
        scene
    }

    fn tasks(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<Task>(&());
        Api::default_namespaced_with(self.cluster.client(), &resource)
    }

    async fn create_task(&self) {
        let task = koc_testkit::task("hello");
        let api = self.cluster.api::<Task>();
        api.create(&PostParams::default(), &task).await.unwrap();
    }

    /// Shows the Task as it is, and returns it.
    async fn show_task(&self) -> DynamicObject {
        let task = self.tasks().get("hello").await.unwrap();
        self.caches.tasks.put(self.key.clone(), task.clone());
        task
    }

    fn show_pod(&self, pod: Pod) {
        let named = Key {
            name: "hello-pod".to_owned(),
            ..self.key.clone()
        };
        self.caches.pods.put(named, pod);
    }

    async fn pod(&self) -> Option<Pod> {
        self.cluster.api::<Pod>().get_opt("hello-pod").await.unwrap()
    }

    async fn pass(&self) -> Result<Next, kube::Error> {
        Box::pin(self.reconciler.reconcile(&self.key)).await
    }

    /// Another controller takes over.
    fn another(self) -> Self {
        Self {
            reconciler: Reconciler::new(self.client.clone(), self.caches.clone(), Clock::default()),
            ..self
        }
    }

    /// A Task that runs, and is shown as it is.
    async fn started(&self) -> Pod {
        self.show_task().await;
        assert!(matches!(self.pass().await, Ok(Next::Rest(_))));
        self.show_task().await;
        assert_eq!(self.phase().await, "Running");
        self.pod().await.unwrap()
    }

    async fn phase(&self) -> String {
        let task = self.tasks().get("hello").await.unwrap();
        let phase = task.data.pointer("/status/phase").and_then(Value::as_str);
        phase.unwrap_or_default().to_owned()
    }

    async fn annotate(&self, name: &str) {
        let patch = json!({"metadata": {"annotations": {name: "true"}}});
        let params = PatchParams::default();
        self.tasks()
            .patch("hello", &params, &Patch::Merge(patch))
            .await
            .unwrap();
    }

    async fn delete_task(&self, pod: &Pod) {
        self.tasks()
            .delete("hello", &DeleteParams::default())
            .await
            .unwrap();
        let uid = pod.uid().unwrap();
        let gone = conditions::is_deleted(&uid);
        await_condition(self.cluster.api::<Pod>(), "hello-pod", gone)
            .await
            .unwrap();
    }

    async fn events(&self) -> Vec<String> {
        let events = self.cluster.api::<Event>();
        let all = events.list(&ListParams::default()).await.unwrap();
        all.into_iter().filter_map(|event| event.reason).collect()
    }
}

#[tokio::test]
async fn a_task_that_was_deleted_with_its_pod_is_not_called_lost() {
    let scene = Scene::new(Plan::Calm).await;
    let pod = scene.started().await;
    scene.delete_task(&pod).await;
    // The Pod's end is seen, the Task's is not yet.
    assert!(matches!(scene.pass().await, Ok(Next::Again(_))));
    assert!(!scene.events().await.contains(&"Failed".to_owned()));
}

#[tokio::test]
async fn a_pod_of_an_earlier_task_that_is_still_seen_does_not_make_the_new_one_lost() {
    let scene = Scene::new(Plan::Calm).await;
    let earlier = scene.started().await;
    scene.delete_task(&earlier).await;
    scene.create_task().await;
    scene.started().await;
    scene.show_pod(earlier);
    assert!(matches!(scene.pass().await, Ok(Next::Rest(_))));
    assert_eq!(scene.phase().await, "Running");
}

#[tokio::test]
async fn a_pod_that_was_in_the_way_and_is_gone_by_now_is_no_conflict() {
    let scene = Scene::new(Plan::Calm).await;
    let foreign = json!({"metadata": {"name": "hello-pod"}});
    scene.show_pod(serde_json::from_value(foreign).unwrap());
    scene.started().await;
}

#[tokio::test]
async fn a_task_seen_as_it_was_before_its_start_does_not_run_twice() {
    let scene = Scene::new(Plan::Calm).await;
    let new = scene.show_task().await;
    let pod = scene.started().await;
    scene.annotate(koc_api::names::annotations::STOP).await;
    scene.show_task().await;
    scene.show_pod(pod.clone());
    assert!(matches!(scene.pass().await, Ok(Next::Rest(_))));
    scene.caches.pods.forget(&Key {
        name: "hello-pod".to_owned(),
        ..scene.key.clone()
    });
    assert!(matches!(scene.pass().await, Ok(Next::Rest(_))));
    assert_eq!(scene.phase().await, "Completed");
    // Another controller begins with a list of an earlier moment.
    let scene = scene.another();
    scene.caches.tasks.put(scene.key.clone(), new);
    assert!(matches!(scene.pass().await, Ok(Next::Again(_))));
    assert!(scene.pod().await.is_none(), "it was started again");
    assert_eq!(scene.phase().await, "Completed");
}

#[tokio::test]
async fn a_task_that_was_deleted_is_not_started_though_it_is_still_seen() {
    let scene = Scene::new(Plan::Calm).await;
    scene.show_task().await;
    let params = DeleteParams::default();
    scene.tasks().delete("hello", &params).await.unwrap();
    assert!(matches!(scene.pass().await, Ok(Next::Again(_))));
    assert!(scene.pod().await.is_none());
    assert!(scene.events().await.is_empty());
}

#[tokio::test]
async fn a_label_does_not_make_an_outdated_plan_look_current() {
    let scene = Scene::new(Plan::Calm).await;
    let task = scene.show_task().await;
    scene.started().await;
    // Its start was cut off before it was said; then it changed, and the change is not seen yet.
    let nothing = json!({"status": null});
    let params = PatchParams::default();
    let tasks = scene.tasks();
    tasks
        .patch_status("hello", &params, &Patch::Merge(nothing))
        .await
        .unwrap();
    let unlabelled = json!({"metadata": {"labels": null}});
    tasks
        .patch("hello", &params, &Patch::Merge(unlabelled))
        .await
        .unwrap();
    scene.caches.tasks.put(scene.key.clone(), task);
    scene.show_pod(scene.pod().await.unwrap());
    let scene = scene.another();
    assert!(matches!(scene.pass().await, Ok(Next::Again(_))));
    let task = scene.tasks().get("hello").await.unwrap();
    assert_eq!(task.labels().len(), 0);
    assert_eq!(task.data.pointer("/status/phase"), None);
}

#[tokio::test]
async fn a_pod_whose_deletion_met_a_conflict_is_deleted_before_its_task_ends() {
    let call = Call {
        verb: Verb::Delete,
        resource: "pods".to_owned(),
        name: "hello-pod".to_owned(),
    };
    let scene = Scene::new(Plan::Script(vec![(Point { call, nth: 0 }, Fault::Conflict)])).await;
    scene.started().await;
    let waiting = json!({"status": {"containerStatuses": [{
        "name": "agent", "image": "x", "imageID": "x", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "InvalidImageName"}},
    }]}});
    let params = PatchParams::default();
    let pod = scene.cluster.api::<Pod>();
    let pod = pod
        .patch_status("hello-pod", &params, &Patch::Merge(waiting))
        .await
        .unwrap();
    scene.show_pod(pod);
    assert!(scene.pass().await.is_err());
    assert_eq!(scene.phase().await, "Running");
    assert!(matches!(scene.pass().await, Ok(Next::Rest(_))));
    assert_eq!(scene.phase().await, "Failed");
    assert!(scene.pod().await.is_none());
}
