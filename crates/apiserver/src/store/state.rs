//! What is visible: objects, windows, the revision; and the rule every write obeys.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::Snapshot;
use super::event::{Change, Event};
use super::object::{Key, Object};
use super::ring::Ring;
use super::watch::Gone;

/// What a write must find, or be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    Absent,
    Revision(u64),
}

/// One write; `value` is none for a removal.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) resource: Arc<str>,
    pub(crate) key: Key,
    pub(crate) expect: Expect,
    pub(crate) value: Option<Value>,
}

/// Why a write was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum WriteError {
    /// Something of that name is there already.
    #[error("an object of that name exists")]
    Exists,
    /// Nothing of that name is there.
    #[error("no object of that name exists")]
    Missing,
    /// It is there, in another revision.
    #[error("the object was changed by someone else")]
    Conflict,
    /// The disk or the database refused; nothing was written.
    #[error("the database refused the write: {0}")]
    Storage(Arc<str>),
}

impl Write {
    /// Checks the expectation against the current object and makes the event; changes nothing.
    pub(super) fn decide(
        self,
        current: Option<Arc<Object>>,
        revision: u64,
    ) -> Result<Arc<Event>, WriteError> {
        match (self.expect, &current) {
            (Expect::Absent, Some(_)) => return Err(WriteError::Exists),
            (Expect::Revision(_), None) => return Err(WriteError::Missing),
            (Expect::Revision(wanted), Some(object)) if object.revision != wanted => {
                return Err(WriteError::Conflict);
            }
            _ => {}
        }
        let (change, value) = match (self.value, &current) {
            (Some(value), None) => (Change::Added, value),
            (Some(value), Some(_)) => (Change::Modified, value),
            (None, Some(object)) => (Change::Deleted, object.value.clone()),
            (None, None) => return Err(WriteError::Missing),
        };
        let object = Arc::new(Object::new(value, revision));
        // The answer to the write, the database and the watchers all need the JSON; made here, it is made once.
        object.body();
        Ok(Arc::new(Event::new(
            self.resource,
            self.key,
            change,
            object,
            current,
        )))
    }
}

/// One resource's objects, window, and the bell its watchers listen for.
struct Resource {
    objects: BTreeMap<Key, Arc<Object>>,
    ring: Ring,
    bell: watch::Sender<u64>,
}

/// Everything visible. Guarded by one lock.
pub(super) struct State {
    pub(super) revision: u64,
    window: usize,
    /// The revision this process started at: no window reaches back further.
    start: u64,
    resources: HashMap<Arc<str>, Resource>,
    journal: Ring,
    journal_bell: watch::Sender<u64>,
}

impl State {
    pub(super) fn new(window: usize, start: u64) -> Self {
        Self {
            revision: start,
            window,
            start,
            resources: HashMap::new(),
            journal: Ring::new(window, start),
            journal_bell: watch::channel(start).0,
        }
    }

    fn resource(&mut self, resource: &Arc<str>) -> &mut Resource {
        let (window, start) = (self.window, self.start);
        self.resources
            .entry(resource.clone())
            .or_insert_with(|| Resource {
                objects: BTreeMap::new(),
                ring: Ring::new(window, start),
                bell: watch::channel(start).0,
            })
    }

    /// Puts an object that was on disk; no event.
    pub(super) fn load(&mut self, resource: &Arc<str>, key: Key, object: Object) {
        self.resource(resource).objects.insert(key, Arc::new(object));
    }

    pub(super) fn get(&self, resource: &str, key: &Key) -> Option<&Arc<Object>> {
        self.resources.get(resource)?.objects.get(key)
    }

    pub(super) fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<(Key, Arc<Object>)> {
        let Some(resource) = self.resources.get(resource) else {
            return Vec::new();
        };
        let pair = |(key, object): (&Key, &Arc<Object>)| (key.clone(), object.clone());
        match namespace {
            None => resource.objects.iter().map(pair).collect(),
            Some(namespace) => resource
                .objects
                .range(Key::new(namespace, "")..)
                .take_while(|(key, _)| &*key.namespace == namespace)
                .map(pair)
                .collect(),
        }
    }

    pub(super) fn list_at(
        &self,
        resource: &str,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Snapshot, Gone> {
        if revision < self.start {
            return Err(Gone);
        }
        let mut objects: BTreeMap<Key, Arc<Object>> = self.list(resource, namespace).into_iter().collect();
        if let Some(resource) = self.resources.get(resource) {
            for event in resource.ring.after(revision).ok_or(Gone)?.rev() {
                if namespace.is_some_and(|namespace| namespace != &*event.key.namespace) {
                    continue;
                }
                match &event.previous {
                    Some(previous) => objects.insert(event.key.clone(), previous.clone()),
                    None => objects.remove(&event.key),
                };
            }
        }
        Ok(Snapshot {
            revision,
            objects: objects.into_iter().collect(),
        })
    }

    pub(super) fn resources(&self) -> Vec<Arc<str>> {
        let held = self
            .resources
            .iter()
            .filter(|(_, resource)| !resource.objects.is_empty());
        held.map(|(name, _)| name.clone()).collect()
    }

    /// Makes events visible: objects, windows and revision change together, then the bells ring.
    pub(super) fn publish(&mut self, events: Vec<Arc<Event>>) {
        for event in events {
            self.revision = event.revision;
            let resource = self.resource(&event.resource);
            match event.change {
                Change::Deleted => resource.objects.remove(&event.key),
                Change::Added | Change::Modified => {
                    resource.objects.insert(event.key.clone(), event.object.clone())
                }
            };
            resource.ring.push(event.clone());
            resource.bell.send_replace(event.revision);
            self.journal.push(event);
        }
        self.journal_bell.send_replace(self.revision);
    }

    pub(super) fn trim(&mut self) {
        self.journal.trim();
        for resource in self.resources.values_mut() {
            resource.ring.trim();
        }
    }

    /// The bell to listen for, made now if the resource was never written to.
    pub(super) fn bell(&mut self, resource: Option<&Arc<str>>) -> watch::Receiver<u64> {
        match resource {
            Some(resource) => self.resource(resource).bell.subscribe(),
            None => self.journal_bell.subscribe(),
        }
    }

    /// Up to `limit` events after a revision, and the revision they bring the reader to.
    pub(super) fn events_after(
        &self,
        resource: Option<&str>,
        revision: u64,
        limit: usize,
    ) -> Result<(Vec<Arc<Event>>, u64), Gone> {
        let ring = match resource {
            Some(resource) => match self.resources.get(resource) {
                Some(resource) => &resource.ring,
                None if revision < self.start => return Err(Gone),
                None => return Ok((Vec::new(), self.revision.max(revision))),
            },
            None => &self.journal,
        };
        let events: Vec<_> = ring.after(revision).ok_or(Gone)?.take(limit).cloned().collect();
        let reached = match events.last() {
            Some(last) if events.len() == limit => last.revision,
            // Everything was read, so the reader is as far as the whole store is.
            _ => self.revision.max(revision),
        };
        Ok((events, reached))
    }

    /// The oldest revision a watch may start from.
    pub(super) fn floor(&self, resource: Option<&str>) -> u64 {
        match resource {
            Some(resource) => self
                .resources
                .get(resource)
                .map_or(self.start, |r| r.ring.floor()),
            None => self.journal.floor(),
        }
    }
}
