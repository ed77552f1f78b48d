//! Watches every Pod of a world from its beginning: a Task may have one in its life, and no second one.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tokio::task::JoinHandle;

/// The Pod whose coming says that all Pods before it were seen.
const LAST: &str = "the-last-pod";

pub(crate) struct Audit {
    pods: Api<Pod>,
    watching: JoinHandle<BTreeMap<String, BTreeSet<String>>>,
}

impl Audit {
    pub(crate) fn start(pods: Api<Pod>) -> Self {
        let watching = tokio::spawn(follow(pods.clone()));
        Self { pods, watching }
    }

    /// What was found against the rule, once every Pod so far was seen.
    pub(crate) async fn finish(self) -> Vec<String> {
        let last = json!({
            "metadata": {"name": LAST},
            "spec": {"containers": [{"name": "none", "image": "none"}]},
        });
        let last: Pod = serde_json::from_value(last).unwrap();
        self.pods.create(&PostParams::default(), &last).await.unwrap();
        let owners = self.watching.await.unwrap();
        owners
            .into_iter()
            .filter(|(_, pods)| pods.len() > 1)
            .map(|(owner, pods)| format!("{owner} had {} Pods: {pods:?}", pods.len()))
            .collect()
    }
}

/// UIDs of Pods by the Task that owns them.
async fn follow(pods: Api<Pod>) -> BTreeMap<String, BTreeSet<String>> {
    let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut events = pin!(watcher(pods, watcher::Config::default()));
    while let Some(event) = events.next().await {
        let pod = match event {
            Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => pod,
            Ok(_) => continue,
            Err(error) => panic!("the audit's own watch broke: {error}"),
        };
        if pod.name_any() == LAST {
            break;
        }
        let task = pod.owner_references().iter().find(|owner| owner.kind == "Task");
        if let Some(task) = task {
            let owner = format!("Task {} ({})", task.name, task.uid);
            owners
                .entry(owner)
                .or_default()
                .insert(pod.uid().unwrap_or_default());
        }
    }
    owners
}
