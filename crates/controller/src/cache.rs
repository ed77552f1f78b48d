//! What the cluster looks like, kept current by one watch per kind.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use kube::Api;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Resource, ResourceExt as _};
use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::queue::Key;
use crate::view::Bell;

/// The objects of one kind, as last seen.
pub(crate) struct Cache<K> {
    objects: RwLock<HashMap<Key, Arc<K>>>,
    synced: AtomicBool,
    first_sync: Notify,
    bell: Arc<Bell>,
}

impl<K> Cache<K> {
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        Self {
            objects: RwLock::default(),
            synced: AtomicBool::new(false),
            first_sync: Notify::new(),
            bell,
        }
    }
}

impl<K> Cache<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.objects.read().get(key).cloned()
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Acquire)
    }

    /// The resourceVersion of every object.
    pub(crate) fn versions(&self) -> Vec<(Key, String)> {
        let version = |(key, object): (&Key, &Arc<K>)| {
            let version = object.meta().resource_version.clone().unwrap_or_default();
            (key.clone(), version)
        };
        self.objects.read().iter().map(version).collect()
    }

    /// Shows an object as if the watch had brought it.
    #[cfg(test)]
    pub(crate) fn put(&self, key: Key, object: K) {
        self.objects.write().insert(key, Arc::new(object));
    }

    /// The opposite of [`Cache::put`].
    #[cfg(test)]
    pub(crate) fn forget(&self, key: &Key) {
        self.objects.write().remove(key);
    }

    /// Waits until the first listing is complete. Deciding earlier would take "not seen yet" for "not there".
    pub(crate) async fn wait_synced(&self) {
        loop {
            let notified = self.first_sync.notified();
            if self.is_synced() {
                return;
            }
            notified.await;
        }
    }

    /// Follows the watch until shutdown, calling `changed` for each object that came, changed or went.
    pub(crate) async fn follow(
        self: Arc<Self>,
        api: Api<K>,
        config: watcher::Config,
        shutdown: CancellationToken,
        changed: impl Fn(&K) + Send,
    ) {
        let stream = watcher(api, config)
            .default_backoff()
            .take_until(shutdown.cancelled_owned());
        futures::pin_mut!(stream);
        let mut listing: HashMap<Key, Arc<K>> = HashMap::new();
        while let Some(event) = stream.next().await {
            match event {
                Ok(watcher::Event::Init) => listing.clear(),
                Ok(watcher::Event::InitApply(object)) => {
                    listing.insert(key_of(&object), Arc::new(trimmed(object)));
                }
                Ok(watcher::Event::InitDone) => self.replace(std::mem::take(&mut listing), &changed),
                Ok(watcher::Event::Apply(object)) => {
                    let object = Arc::new(trimmed(object));
                    self.objects.write().insert(key_of(&*object), object.clone());
                    changed(&object);
                }
                Ok(watcher::Event::Delete(object)) => {
                    self.objects.write().remove(&key_of(&object));
                    changed(&object);
                }
                // The watcher reconnects by itself; what was seen stays usable meanwhile.
                Err(error) => warn!(%error, "the watch was interrupted and is being resumed"),
            }
            self.bell.ring();
        }
    }

    /// Takes a complete listing over. Objects that vanished while nobody watched are told as changed too.
    fn replace(&self, listing: HashMap<Key, Arc<K>>, changed: &impl Fn(&K)) {
        let old = std::mem::replace(&mut *self.objects.write(), listing);
        let current: Vec<Arc<K>> = self.objects.read().values().cloned().collect();
        for object in &current {
            changed(object);
        }
        for (key, object) in old {
            if !self.objects.read().contains_key(&key) {
                changed(&object);
            }
        }
        // Said last: whoever sees that it is synced finds the work that follows from it in the queue.
        self.synced.store(true, Ordering::Release);
        self.first_sync.notify_waiters();
    }
}

/// Namespace and name of an object; the namespace is empty for cluster-scoped kinds.
pub(crate) fn key_of<K: Resource>(object: &K) -> Key {
    let meta = object.meta();
    Key {
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
    }
}

/// Drops what no decision needs: managed fields are often half of an object's size.
fn trimmed<K: Resource>(mut object: K) -> K {
    object.managed_fields_mut().clear();
    object
}
