//! What users and the kubelet do to one Task, and what they wait for.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use koc_api::names::{annotations, objects};
use koc_api::{AgentTemplate, Task, TaskPhase};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::NamespaceResourceScope;
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::world::World;

/// How a script is played.
#[derive(Clone)]
pub(crate) enum Pace {
    /// After each step the controller comes to rest: the same requests in every run.
    Stepwise,
    /// Next to others, as fast as the conditions that it waits for come true. The day that passes is everybody's: the
    /// number of scripts at work is counted here, and when it is 0 the day passes.
    Together(watch::Sender<(usize, bool)>),
}

/// One Task's part of a world.
#[derive(Clone)]
pub(crate) struct Stage {
    world: Arc<World>,
    /// The Task's name.
    pub(crate) name: String,
    pace: Pace,
}

impl Stage {
    pub(crate) fn new(world: Arc<World>, name: String, pace: Pace) -> Self {
        Self { world, name, pace }
    }

    fn pod_name(&self) -> String {
        objects::task_pod(&self.name)
    }

    async fn step(&self) {
        if matches!(self.pace, Pace::Stepwise) {
            self.world.settle().await;
        }
    }

    async fn create<K>(&self, object: Value) -> K
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned,
    {
        let object: K = serde_json::from_value(object).unwrap();
        self.world
            .api()
            .create(&PostParams::default(), &object)
            .await
            .unwrap()
    }

    /// The user makes the template of this Task, with this `podSpec`.
    pub(crate) async fn template_with(&self, pod_spec: Value) {
        let spec =
            json!({"workspaceDir": "/workspace", "serviceAccountName": "default", "podSpec": pod_spec});
        let name = format!("{}-base", self.name);
        self.create::<AgentTemplate>(json!({"metadata": {"name": name}, "spec": spec}))
            .await;
        self.step().await;
    }

    /// The user makes the template of this Task.
    pub(crate) async fn template(&self) {
        self.template_with(json!({})).await;
    }

    /// The user makes the Task, with these fields beside the usual ones.
    pub(crate) async fn task(&self, more: Value) {
        let base = format!("{}-base", self.name);
        let mut spec = json!({"templateRef": {"name": base}, "description": "Say hello"});
        for (field, value) in more.as_object().unwrap() {
            spec[field] = value.clone();
        }
        self.create::<Task>(json!({"metadata": {"name": self.name}, "spec": spec}))
            .await;
        self.step().await;
    }

    /// The user makes a ConfigMap.
    pub(crate) async fn config_map(&self, name: &str) {
        let map = json!({"metadata": {"name": name}, "data": {"from": "the user"}});
        self.create::<ConfigMap>(map).await;
        self.step().await;
    }

    /// The user makes a Pod of the name that the Task's Pod would have.
    pub(crate) async fn foreign_pod(&self) {
        let pod = json!({
            "metadata": {"name": self.pod_name()},
            "spec": {"containers": [{"name": "mine", "image": "mine"}]},
        });
        self.create::<Pod>(pod).await;
        self.step().await;
    }

    /// The user asks the Task to stop.
    pub(crate) async fn stop(&self) {
        let patch = json!({"metadata": {"annotations": {annotations::STOP: annotations::TRUE}}});
        self.patch_task(patch).await;
        self.step().await;
    }

    async fn patch_task(&self, patch: Value) {
        let params = PatchParams::default();
        self.world
            .api::<Task>()
            .patch(&self.name, &params, &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// The user deletes the Task.
    pub(crate) async fn delete_task(&self) {
        let params = DeleteParams::default();
        self.world
            .api::<Task>()
            .delete(&self.name, &params)
            .await
            .unwrap();
        self.step().await;
    }

    /// The scheduler puts the Pod on a machine, so that its deletion needs the kubelet from now on.
    pub(crate) async fn bind(&self) {
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.pod_name()},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "machine"},
        });
        let _bound: Value = self
            .world
            .api::<Pod>()
            .create_subresource("binding", &self.pod_name(), &PostParams::default(), &binding)
            .await
            .unwrap();
        self.step().await;
    }

    /// The kubelet says how the Pod is.
    pub(crate) async fn pod_status(&self, status: Value) {
        let patch = Patch::Merge(json!({"status": status}));
        let params = PatchParams::default();
        self.world
            .api::<Pod>()
            .patch_status(&self.pod_name(), &params, &patch)
            .await
            .unwrap();
        self.step().await;
    }

    /// The kubelet says that the agent runs.
    pub(crate) async fn pod_runs(&self) {
        let state = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
        self.pod_status(pod_status("Running", state)).await;
    }

    /// The kubelet says that the agent can't start yet.
    pub(crate) async fn pod_waits(&self, reason: &str) {
        let state = json!({"waiting": {"reason": reason, "message": "as the kubelet says"}});
        self.pod_status(pod_status("Pending", state)).await;
    }

    /// The kubelet says that the agent ended.
    pub(crate) async fn pod_ends(&self, phase: &str, code: i32, reason: &str, message: &str) {
        let state = json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
        self.pod_status(pod_status(phase, state)).await;
    }

    /// The kubelet says that the agent did its work.
    pub(crate) async fn pod_succeeds(&self) {
        let result = r#"{"outcome":"Completed","reason":"Completed","sessionId":"ses_1","cost":"0.5"}"#;
        self.pod_ends("Succeeded", 0, "Completed", result).await;
    }

    /// The Pod is gone at once: its node was lost, or the kubelet is done with a deleted one.
    pub(crate) async fn pod_goes(&self) {
        let pods = self.world.api::<Pod>();
        // A Pod that ended needs no kubelet to go, and may be gone by now.
        if let Some(pod) = pods.get_opt(&self.pod_name()).await.unwrap() {
            let params = DeleteParams {
                grace_period_seconds: Some(0),
                preconditions: Some(Preconditions {
                    uid: pod.uid(),
                    resource_version: None,
                }),
                ..DeleteParams::default()
            };
            pods.delete(&self.pod_name(), &params).await.unwrap();
        }
        self.step().await;
    }

    /// Every deadline passes.
    pub(crate) async fn time_passes(&self) {
        match &self.pace {
            Pace::Stepwise => self.world.a_day_passes(),
            Pace::Together(at_work) => {
                at_work.send_modify(|(count, _)| *count -= 1);
                _ = at_work.subscribe().wait_for(|(_, passed)| *passed).await;
                at_work.send_modify(|(count, _)| *count += 1);
            }
        }
        if !self.world.is_embedded() {
            // Embedded, the controller's own timers wake it: they cost nothing there. Here nobody waits for them.
            self.patch_task(json!({"metadata": {"annotations": {"touched": "true"}}}))
                .await;
        }
    }

    async fn until<K>(&self, api: Api<K>, name: &str, what: &str, condition: impl Fn(Option<&K>) -> bool)
    where
        K: kube::Resource + Clone + Debug + Send + DeserializeOwned + 'static,
    {
        let what = format!("{name}: {what}");
        self.world
            .within(&what, Box::pin(await_condition(api, name, condition)))
            .await
            .unwrap();
        self.step().await;
    }

    /// Waits for a phase.
    pub(crate) async fn until_phase(&self, phase: TaskPhase) {
        let reached = move |task: Option<&Task>| {
            task.and_then(|task| task.status.as_ref())
                .and_then(|status| status.phase)
                == Some(phase)
        };
        let what = format!("the Task should become {}", phase.as_str());
        self.until(self.world.api(), &self.name, &what, reached).await;
    }

    /// Waits until the Task says so of its Pod.
    pub(crate) async fn until_ready(&self, ready: bool) {
        let told = move |task: Option<&Task>| {
            let conditions = task.and_then(|task| task.status.as_ref()).map(|s| &s.conditions);
            conditions.is_some_and(|all| match ready {
                true => koc_api::is_true(all, "Ready"),
                false => koc_api::is_false(all, "Ready"),
            })
        };
        let what = format!("the Task should say that Ready is {ready}");
        self.until(self.world.api(), &self.name, &what, told).await;
    }

    /// Waits until the Pod is told to end.
    pub(crate) async fn until_pod_is_deleted(&self) {
        let deleted = |pod: Option<&Pod>| pod.is_none_or(|pod| pod.metadata.deletion_timestamp.is_some());
        let what = "the Pod should be deleted";
        self.until(self.world.api(), &self.pod_name(), what, deleted)
            .await;
    }

    /// Waits until Pod and ConfigMap are gone.
    pub(crate) async fn until_nothing_is_left(&self) {
        let what = "it should be gone";
        let no_pod = |pod: Option<&Pod>| pod.is_none();
        self.until(self.world.api(), &self.pod_name(), what, no_pod).await;
        let map = objects::task_context(&self.name);
        let no_map = |map: Option<&ConfigMap>| map.is_none();
        self.until(self.world.api(), &map, what, no_map).await;
    }

    /// Waits until the Pod belongs to the Task that has the name now.
    pub(crate) async fn until_pod_is_ours(&self) {
        let task = self.world.api::<Task>().get(&self.name).await.unwrap();
        let uid = task.uid().unwrap();
        let ours = move |pod: Option<&Pod>| {
            let owners = pod.map(ResourceExt::owner_references);
            owners.is_some_and(|owners| owners.iter().any(|owner| owner.uid == uid))
        };
        let what = "the Pod should be the new Task's";
        self.until(self.world.api(), &self.pod_name(), what, ours).await;
    }
}

fn pod_status(phase: &str, state: Value) -> Value {
    json!({
        "phase": phase,
        "containerStatuses": [{
            "name": "agent", "image": "x", "imageID": "x", "ready": false, "restartCount": 0, "state": state,
        }],
    })
}
