//! One pass over one Task: see, decide, act.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use koc_api::names::{group, objects};
use koc_api::{AgentTemplate, Task, TaskPhase};
use koc_core::{Effect, Lookup, Ownership, World, config_maps_named_by, ownership, plan_task};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client, ResourceExt as _};
use parking_lot::Mutex;

use crate::caches::Caches;
use crate::clock::Clock;
use crate::effects::{Executor, Obstacle};
use crate::queue::Key;

/// A plan may meet an existing ConfigMap and then an existing Pod; more often would be a fault.
const MAX_PASSES: usize = 4;

/// When a write was refused for being based on old data, the newer data is on its way; this is the safety net.
const STALE_RECHECK: Duration = Duration::from_secs(1);

/// What is left to do about a Task after a pass.
pub(crate) enum Next {
    /// Nothing until something changes, or until this time has passed.
    Rest(Option<Duration>),
    /// The pass was based on outdated data: the same again, after this time at the latest.
    Again(Duration),
}

pub(crate) struct Reconciler {
    client: Client,
    caches: Arc<Caches>,
    clock: Clock,
    /// Versions of Tasks that were acted upon already. Until the watch brings a newer one, acting again would only
    /// repeat requests that the API server refuses.
    acted_upon: Mutex<HashMap<Key, Vec<String>>>,
}

impl Reconciler {
    pub(crate) fn new(client: Client, caches: Arc<Caches>, clock: Clock) -> Self {
        Self {
            client,
            caches,
            clock,
            acted_upon: Mutex::default(),
        }
    }

    pub(crate) async fn reconcile(&self, key: &Key) -> Result<Next, kube::Error> {
        let Some(object) = self.caches.tasks.get(key) else {
            self.acted_upon.lock().remove(key);
            self.caches.waits_no_more(key);
            return Ok(Next::Rest(None));
        };
        let version = object.resource_version().unwrap_or_default();
        if self
            .acted_upon
            .lock()
            .get(key)
            .is_some_and(|versions| versions.contains(&version))
        {
            return Ok(Next::Rest(None));
        }
        let now = self.clock.now();
        let executor = Executor::new(self.client.clone(), key.namespace.clone());
        let task: Task = match koc_api::decode_object(&object) {
            Ok(task) => task,
            Err(error) => {
                if let Some(status) = koc_core::undecodable(&object.data, &error.to_string(), now)
                    && executor
                        .write_status(&object.name_any(), &version, &status)
                        .await?
                        .is_err()
                {
                    return Ok(Next::Again(STALE_RECHECK));
                }
                return Ok(Next::Rest(None));
            }
        };
        let starting = !matches!(
            task.status.as_ref().and_then(|s| s.phase),
            Some(TaskPhase::Running | TaskPhase::Completed | TaskPhase::Failed)
        );
        if starting {
            self.caches.waits(key);
        }
        let Some(mut world) = self.world(key, task, starting).await? else {
            return Ok(Next::Again(STALE_RECHECK));
        };
        for _ in 0..MAX_PASSES {
            let plan = plan_task(&world, now);
            // What is started can't be taken back. A Task that was deleted, or that ran long ago and is seen as it was
            // before, must not run; later writes would notice, but the Pod comes first.
            if plan
                .effects
                .iter()
                .any(|effect| matches!(effect, Effect::CreatePod(_)))
                && self.is_outdated(key, &world.task).await?
            {
                return Ok(Next::Again(STALE_RECHECK));
            }
            match executor.execute(&world.task, &plan).await? {
                Ok(versions) => {
                    if plan.wake.is_none() {
                        self.caches.waits_no_more(key);
                    }
                    if !versions.is_empty() {
                        self.acted_upon.lock().insert(key.clone(), versions);
                    }
                    return Ok(Next::Rest(plan.wake));
                }
                Err(Obstacle::ContextMapExists) => {
                    for map in plan.effects.iter().filter_map(created_map) {
                        let found = self.live::<ConfigMap>(key, &map).await?;
                        world.context_maps.extend(found.map(|found| (map, found)));
                    }
                }
                Err(Obstacle::PodExists) => {
                    world.pod = self.live::<Pod>(key, &objects::task_pod(&key.name)).await?;
                }
                Err(Obstacle::Refused(refused)) => world.refused = Some(refused),
                Err(Obstacle::Stale) => return Ok(Next::Again(STALE_RECHECK)),
            }
        }
        Ok(Next::Again(STALE_RECHECK))
    }

    /// What the decision is made from; nothing where the Task itself turns out to be seen as it was before.
    async fn world(&self, key: &Key, task: Task, starting: bool) -> Result<Option<World>, kube::Error> {
        let running = task.status.as_ref().and_then(|s| s.phase) == Some(TaskPhase::Running);
        let pod_key = Key {
            name: objects::task_pod(&key.name),
            ..key.clone()
        };
        let is_ours = |pod: &Pod| ownership(&task, &pod.metadata) == Ownership::Ours;
        let mut pod = self.caches.pods.get(&pod_key).map(|p| Pod::clone(&p));
        // "Not seen" must not be taken for "gone", and a Pod that was in the way may be gone by now: the watch lags behind.
        if pod.as_ref().map_or(running, |pod| !is_ours(pod)) {
            pod = self.live(key, &pod_key.name).await?;
        }
        // The Pod of a Task goes with it, and this may be heard of first.
        let lost = running && !pod.as_ref().is_some_and(is_ours);
        if lost && self.is_outdated(key, &task).await? {
            return Ok(None);
        }
        let mut world = World {
            task,
            pod,
            ..World::default()
        };
        if !starting {
            return Ok(Some(world));
        }
        if let Some(reference) = &world.task.spec.template_ref {
            let template_key = Key {
                namespace: key.namespace.clone(),
                name: reference.name.clone(),
            };
            world.template = match self.caches.templates.get(&template_key) {
                // Who applies a template and its Task together must not read that the template is missing.
                None => self.live_template(&template_key).await?,
                seen => decoded(seen),
            };
        }
        let config_key = Key {
            namespace: String::new(),
            name: group::CONFIG_NAME.to_owned(),
        };
        world.config = decoded(self.caches.configs.get(&config_key));
        let of_template = world
            .template
            .found()
            .and_then(|t| t.spec.contexts.as_ref())
            .into_iter()
            .flatten();
        let wanted = config_maps_named_by(of_template.chain(world.task.spec.contexts.iter().flatten()));
        let reads = wanted.into_iter().map(|name| async move {
            let map = self.live::<ConfigMap>(key, &name).await?;
            Ok::<_, kube::Error>((name, Lookup::from(map)))
        });
        world.config_maps = try_join_all(reads).await?.into_iter().collect::<BTreeMap<_, _>>();
        Ok(Some(world))
    }

    /// Whether the Task is gone, or another version than the one seen. A newer one is on its way to us then.
    async fn is_outdated(&self, key: &Key, task: &Task) -> Result<bool, kube::Error> {
        let current = Api::<Task>::namespaced(self.client.clone(), &key.namespace)
            .get_metadata_opt(&key.name)
            .await?;
        Ok(current.is_none_or(|current| current.resource_version() != task.resource_version()))
    }

    /// A template that the watch has not told yet.
    async fn live_template(&self, key: &Key) -> Result<Lookup<AgentTemplate>, kube::Error> {
        let resource = ApiResource::erase::<AgentTemplate>(&());
        let templates: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &key.namespace, &resource);
        match templates.get_opt(&key.name).await {
            // A name that no object may have names no object.
            Err(kube::Error::BuildRequest(_)) => Ok(Lookup::Missing),
            Err(kube::Error::Api(status)) if status.code == 400 || status.code == 422 => Ok(Lookup::Missing),
            found => Ok(decoded(found?.map(Arc::new))),
        }
    }

    async fn live<K>(&self, key: &Key, name: &str) -> Result<Option<K>, kube::Error>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        match Api::<K>::namespaced(self.client.clone(), &key.namespace)
            .get_opt(name)
            .await
        {
            // A name that no object may have names no object.
            Err(kube::Error::Api(status)) if status.code == 400 || status.code == 422 => Ok(None),
            other => other,
        }
    }
}

/// The name of the ConfigMap that an effect creates.
fn created_map(effect: &Effect) -> Option<String> {
    match effect {
        Effect::CreateContextMap(map) => Some(map.name_any()),
        _ => None,
    }
}

fn decoded<K: serde::de::DeserializeOwned>(object: Option<Arc<DynamicObject>>) -> Lookup<K> {
    match object {
        None => Lookup::Missing,
        Some(object) => match koc_api::decode_object(&object) {
            Ok(object) => Lookup::Found(object),
            Err(error) => Lookup::Unreadable(error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests;
