//! Every way through a Task's life, as users and the kubelet bring it about.

use std::future::Future;
use std::pin::Pin;

use koc_api::TaskPhase::{Completed, Failed, Pending, Running};
use serde_json::json;

use crate::stage::Stage;

/// One life.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Phase and reason at the end, or that the Task is gone; how many Pods there are then.
    pub(crate) end: &'static str,
    play: fn(Stage) -> Playing,
}

type Playing = Pin<Box<dyn Future<Output = ()>>>;

impl Scenario {
    pub(crate) async fn play(&self, stage: Stage) {
        (self.play)(stage).await;
    }
}

macro_rules! scenarios {
    ($($name:ident: $end:literal,)*) => {
        /// All of them.
        pub(crate) const ALL: &[Scenario] = &[
            $(Scenario { name: stringify!($name), end: $end, play: |stage| Box::pin($name(stage)) },)*
        ];
    };
}

scenarios! {
    completes: "Completed Completed, 1 Pods",
    pod_fails: "Failed OOMKilled, 1 Pods",
    run_says_that_it_failed: "Failed ProviderError, 1 Pods",
    pod_is_evicted: "Failed Evicted, 1 Pods",
    context_error: "Failed ContextError, 0 Pods",
    template_comes_late: "Completed Completed, 1 Pods",
    template_never_comes: "Failed AgentError, 0 Pods",
    config_map_comes_late: "Completed Completed, 1 Pods",
    times_out: "Completed Timeout, 0 Pods",
    stopped: "Completed UserStopped, 0 Pods",
    stopped_before_it_is_scheduled: "Completed UserStopped, 0 Pods",
    stopped_before_the_start: "Completed UserStopped, 0 Pods",
    stopped_on_a_lost_node: "Completed UserStopped, 1 Pods",
    deleted_while_running: "gone, 0 Pods",
    deleted_while_pending: "gone, 0 Pods",
    foreign_config_map: "Failed NameConflict, 0 Pods",
    foreign_pod: "Failed NameConflict, 1 Pods",
    made_again_at_once: "Completed Completed, 1 Pods",
    pod_vanishes: "Failed PodLost, 0 Pods",
    image_comes_late: "Completed Completed, 1 Pods",
    image_never_comes: "Failed ErrImagePull, 0 Pods",
    image_can_not_be: "Failed InvalidImageName, 0 Pods",
    pod_is_refused: "Failed PodCreationError, 0 Pods",
}

/// A Task whose agent runs.
async fn running(stage: &Stage, more: serde_json::Value) {
    stage.template().await;
    stage.task(more).await;
    stage.until_phase(Running).await;
    stage.bind().await;
    stage.pod_runs().await;
}

async fn completes(stage: Stage) {
    running(&stage, json!({})).await;
    stage.pod_succeeds().await;
    stage.until_phase(Completed).await;
}

async fn pod_fails(stage: Stage) {
    running(&stage, json!({})).await;
    stage.pod_ends("Failed", 137, "OOMKilled", "").await;
    stage.until_phase(Failed).await;
}

async fn run_says_that_it_failed(stage: Stage) {
    running(&stage, json!({})).await;
    let result = r#"{"outcome":"Failed","reason":"ProviderError","message":"no answer","cost":"0"}"#;
    stage.pod_ends("Succeeded", 0, "Completed", result).await;
    stage.until_phase(Failed).await;
}

async fn pod_is_evicted(stage: Stage) {
    running(&stage, json!({})).await;
    stage
        .pod_status(json!({"phase": "Failed", "reason": "Evicted", "message": "the node was low on memory"}))
        .await;
    stage.until_phase(Failed).await;
}

async fn context_error(stage: Stage) {
    stage.template().await;
    stage.task(json!({"description": " "})).await;
    stage.until_phase(Failed).await;
}

async fn template_comes_late(stage: Stage) {
    stage.task(json!({})).await;
    stage.until_phase(Pending).await;
    stage.template().await;
    stage.until_phase(Running).await;
    stage.pod_succeeds().await;
    stage.until_phase(Completed).await;
}

async fn template_never_comes(stage: Stage) {
    stage.task(json!({})).await;
    stage.until_phase(Pending).await;
    stage.time_passes().await;
    stage.until_phase(Failed).await;
}

async fn config_map_comes_late(stage: Stage) {
    let docs = format!("{}-docs", stage.name);
    stage.template().await;
    stage
        .task(json!({"contexts": [{"type": "ConfigMap", "configMap": {"name": docs}}]}))
        .await;
    stage.until_phase(Pending).await;
    stage.config_map(&docs).await;
    stage.until_phase(Running).await;
    stage.pod_succeeds().await;
    stage.until_phase(Completed).await;
}

async fn times_out(stage: Stage) {
    running(&stage, json!({"timeout": "60s"})).await;
    stage.time_passes().await;
    stage.until_pod_is_deleted().await;
    stage.pod_goes().await;
    stage.until_phase(Completed).await;
}

async fn stopped(stage: Stage) {
    running(&stage, json!({})).await;
    stage.stop().await;
    stage.until_pod_is_deleted().await;
    // What the agent says on its way out changes nothing.
    stage.pod_ends("Failed", 143, "Error", "").await;
    stage.until_phase(Completed).await;
    stage.pod_goes().await;
}

async fn stopped_before_it_is_scheduled(stage: Stage) {
    stage.template().await;
    stage.task(json!({})).await;
    stage.until_phase(Running).await;
    stage.stop().await;
    stage.until_phase(Completed).await;
}

async fn stopped_before_the_start(stage: Stage) {
    stage.task(json!({})).await;
    stage.until_phase(Pending).await;
    stage.stop().await;
    stage.until_phase(Completed).await;
}

async fn stopped_on_a_lost_node(stage: Stage) {
    running(&stage, json!({})).await;
    stage.stop().await;
    stage.until_pod_is_deleted().await;
    stage.time_passes().await;
    stage.until_phase(Completed).await;
}

async fn deleted_while_running(stage: Stage) {
    running(&stage, json!({})).await;
    stage.delete_task().await;
    stage.until_pod_is_deleted().await;
    stage.pod_goes().await;
    stage.until_nothing_is_left().await;
}

async fn deleted_while_pending(stage: Stage) {
    stage.task(json!({})).await;
    stage.until_phase(Pending).await;
    stage.delete_task().await;
    stage.template().await;
    stage.until_nothing_is_left().await;
}

async fn foreign_config_map(stage: Stage) {
    stage.config_map(&format!("{}-context", stage.name)).await;
    stage.template().await;
    stage.task(json!({})).await;
    stage.until_phase(Failed).await;
}

async fn foreign_pod(stage: Stage) {
    stage.foreign_pod().await;
    stage.template().await;
    stage.task(json!({})).await;
    stage.until_phase(Failed).await;
}

async fn made_again_at_once(stage: Stage) {
    running(&stage, json!({})).await;
    stage.delete_task().await;
    stage.task(json!({"description": "Say it again"})).await;
    stage.until_pod_is_deleted().await;
    stage.pod_goes().await;
    stage.until_pod_is_ours().await;
    stage.until_phase(Running).await;
    stage.pod_succeeds().await;
    stage.until_phase(Completed).await;
}

async fn pod_vanishes(stage: Stage) {
    running(&stage, json!({})).await;
    stage.pod_goes().await;
    stage.until_phase(Failed).await;
}

async fn image_comes_late(stage: Stage) {
    stage.template().await;
    stage.task(json!({})).await;
    stage.until_phase(Running).await;
    stage.bind().await;
    stage.pod_waits("ErrImagePull").await;
    stage.until_ready(false).await;
    stage.pod_runs().await;
    stage.until_ready(true).await;
    stage.pod_succeeds().await;
    stage.until_phase(Completed).await;
}

async fn image_never_comes(stage: Stage) {
    stage.template().await;
    stage.task(json!({})).await;
    stage.until_phase(Running).await;
    stage.bind().await;
    stage.pod_waits("ErrImagePull").await;
    stage.until_ready(false).await;
    stage.time_passes().await;
    stage.until_phase(Failed).await;
    stage.until_pod_is_deleted().await;
    stage.pod_goes().await;
}

async fn image_can_not_be(stage: Stage) {
    stage.template().await;
    stage.task(json!({})).await;
    stage.until_phase(Running).await;
    stage.bind().await;
    // The clock stands still, and may stand before the second in which the Pod was made.
    stage.time_passes().await;
    stage.pod_waits("InvalidImageName").await;
    stage.until_phase(Failed).await;
    stage.until_pod_is_deleted().await;
    stage.pod_goes().await;
}

async fn pod_is_refused(stage: Stage) {
    let pod_spec = json!({"extraVolumeMounts": [{"name": "nowhere", "mountPath": "/x"}]});
    stage.template_with(pod_spec).await;
    stage.task(json!({})).await;
    stage.until_phase(Failed).await;
}
