//! All watches of the controller, and which Tasks each change concerns.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use koc_api::names::labels;
use koc_api::{AgentTemplate, KubeOpenCodeConfig, Task};
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::cache::{Cache, key_of};
use crate::queue::{Key, Queue};
use crate::view::Bell;

/// What the controller has seen of the cluster. Our own kinds are kept as plain objects and decoded one by one, so
/// that a malformed one hides no other.
pub(crate) struct Caches {
    pub(crate) tasks: Arc<Cache<DynamicObject>>,
    pub(crate) templates: Arc<Cache<DynamicObject>>,
    pub(crate) configs: Arc<Cache<DynamicObject>>,
    pub(crate) pods: Arc<Cache<Pod>>,
    waiting: Mutex<HashMap<String, HashSet<Key>>>,
}

impl Caches {
    pub(crate) fn new(bell: &Arc<Bell>) -> Self {
        Self {
            tasks: Arc::new(Cache::new(bell.clone())),
            templates: Arc::new(Cache::new(bell.clone())),
            configs: Arc::new(Cache::new(bell.clone())),
            pods: Arc::new(Cache::new(bell.clone())),
            waiting: Mutex::default(),
        }
    }

    pub(crate) fn are_synced(&self) -> bool {
        self.tasks.is_synced()
            && self.templates.is_synced()
            && self.configs.is_synced()
            && self.pods.is_synced()
    }

    pub(crate) async fn wait_synced(&self) {
        self.tasks.wait_synced().await;
        self.templates.wait_synced().await;
        self.configs.wait_synced().await;
        self.pods.wait_synced().await;
    }

    /// Remembers that a Task waits for something that is missing. Said before looking, so that nothing comes unseen
    /// between the look and the waiting.
    pub(crate) fn waits(&self, key: &Key) {
        self.waiting
            .lock()
            .entry(key.namespace.clone())
            .or_default()
            .insert(key.clone());
    }

    /// The Task waits for nothing any more.
    pub(crate) fn waits_no_more(&self, key: &Key) {
        let mut waiting = self.waiting.lock();
        if let Some(keys) = waiting.get_mut(&key.namespace) {
            keys.remove(key);
            if keys.is_empty() {
                waiting.remove(&key.namespace);
            }
        }
    }

    /// Tasks that wait for something missing, in one namespace or everywhere.
    fn waiting_tasks(&self, namespace: Option<&str>) -> Vec<Key> {
        let waiting = self.waiting.lock();
        match namespace {
            Some(namespace) => waiting.get(namespace).into_iter().flatten().cloned().collect(),
            None => waiting.values().flatten().cloned().collect(),
        }
    }
}

/// Starts every watch; each ends with `shutdown`.
pub(crate) fn follow_all(
    caches: &Arc<Caches>,
    client: &Client,
    queue: &Arc<Queue>,
    shutdown: &CancellationToken,
    watches: &mut JoinSet<()>,
) {
    let api = |resource: &ApiResource| Api::<DynamicObject>::all_with(client.clone(), resource);
    let config = watcher::Config::default();

    let wake = queue.clone();
    let tasks = caches.tasks.clone();
    let task_api = api(&ApiResource::erase::<Task>(&()));
    watches.spawn(
        tasks.follow(task_api, config.clone(), shutdown.clone(), move |task| {
            wake.add(key_of_dynamic(task));
        }),
    );

    // A template or setting that comes or is mended may let waiting Tasks start.
    let (wake, waiting) = (queue.clone(), caches.clone());
    let templates = caches.templates.clone();
    let template_api = api(&ApiResource::erase::<AgentTemplate>(&()));
    watches.spawn(
        templates.follow(template_api, config.clone(), shutdown.clone(), move |template| {
            for key in waiting.waiting_tasks(template.metadata.namespace.as_deref()) {
                wake.add(key);
            }
        }),
    );
    let (wake, waiting) = (queue.clone(), caches.clone());
    let configs = caches.configs.clone();
    let config_api = api(&ApiResource::erase::<KubeOpenCodeConfig>(&()));
    watches.spawn(
        configs.follow(config_api, config.clone(), shutdown.clone(), move |_| {
            for key in waiting.waiting_tasks(None) {
                wake.add(key);
            }
        }),
    );

    let wake = queue.clone();
    let pods = caches.pods.clone();
    let ours = config.labels(&format!("{}={}", labels::APP, labels::APP_VALUE));
    watches.spawn(
        pods.follow(Api::all(client.clone()), ours, shutdown.clone(), move |pod| {
            if let Some(key) = owning_task(pod) {
                wake.add(key);
            }
        }),
    );
    watches.spawn(follow_config_maps(
        caches.clone(),
        client.clone(),
        queue.clone(),
        shutdown.clone(),
    ));
}

/// ConfigMaps are read when needed and never kept; only their coming and going is watched, without their contents.
async fn follow_config_maps(
    caches: Arc<Caches>,
    client: Client,
    queue: Arc<Queue>,
    shutdown: CancellationToken,
) {
    let stream = watcher(
        Api::<PartialObjectMeta<ConfigMap>>::all(client),
        watcher::Config::default(),
    )
    .default_backoff()
    .take_until(shutdown.cancelled_owned());
    futures::pin_mut!(stream);
    while let Some(event) = stream.next().await {
        match event {
            Ok(watcher::Event::Apply(map) | watcher::Event::InitApply(map) | watcher::Event::Delete(map)) => {
                for key in caches.waiting_tasks(map.metadata.namespace.as_deref()) {
                    queue.add(key);
                }
            }
            Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) => warn!(%error, "the watch of ConfigMaps was interrupted and is being resumed"),
        }
    }
}

/// The Task that a Pod's controller reference names.
fn owning_task(pod: &Pod) -> Option<Key> {
    let owner = pod
        .metadata
        .owner_references
        .iter()
        .flatten()
        .find(|r| r.controller == Some(true))?;
    (owner.kind == "Task").then(|| Key {
        name: owner.name.clone(),
        ..key_of(pod)
    })
}

fn key_of_dynamic(object: &DynamicObject) -> Key {
    Key {
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        name: object.metadata.name.clone().unwrap_or_default(),
    }
}
