//! A look at a controller from outside: what it has seen, and whether it has anything left to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::caches::Caches;
use crate::queue::Queue;

/// Rings whenever the controller saw or finished something.
#[derive(Debug, Default)]
pub(crate) struct Bell(watch::Sender<u64>);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// What one controller has seen and does. It changes nothing, and outlives the controller.
///
/// Together with a listing of the cluster it answers whether the controller is done with what there is: it is when
/// [`versions`](Self::versions) equal the listing and it [`is_idle`](Self::is_idle). On a runtime with one thread the two
/// can be asked one after the other; with more threads a change may come between them.
#[derive(Clone)]
pub struct View {
    pub(crate) queue: Arc<Queue>,
    pub(crate) caches: Arc<Caches>,
    pub(crate) bell: Arc<Bell>,
}

impl View {
    /// Whether everything seen so far was worked on: no Task waits for its turn, is being worked on, or is to be tried
    /// again after a failure or an outdated plan. Appointments, such as the end of a timeout, are no work yet.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.caches.are_synced() && self.queue.is_idle()
    }

    /// The resourceVersion of every object it decides by, as last seen, by `kind/namespace/name` with the kinds `task`,
    /// `template`, `config` and `pod`. Of Pods it sees those with our label. ConfigMaps are not kept, and so not told.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<String, String> {
        let caches = &self.caches;
        let kinds = [
            ("task", caches.tasks.versions()),
            ("template", caches.templates.versions()),
            ("config", caches.configs.versions()),
            ("pod", caches.pods.versions()),
        ];
        let named = |(kind, versions): (&'static str, Vec<(crate::queue::Key, String)>)| {
            versions
                .into_iter()
                .map(move |(key, version)| (format!("{kind}/{}/{}", key.namespace, key.name), version))
        };
        kinds.into_iter().flat_map(named).collect()
    }

    /// Something to await changes with: it is marked changed whenever the controller saw or finished something.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.bell.0.subscribe()
    }
}
