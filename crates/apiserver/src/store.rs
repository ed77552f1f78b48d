//! The store: every object in memory, one revision for all, and a window of past events per resource.
//!
//! One writer at a time decides, stamps and publishes: a write and its watch event become visible together,
//! under one lock, so "list at a revision, then watch from it" can neither lose nor repeat an event. On disk,
//! writes are committed to SQLite before anyone sees them.

mod event;
mod object;
mod ring;
mod sqlite;
mod state;
mod watch;

use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde_json::Value;

pub(crate) use event::watch_line;
pub(crate) use event::{Change, Event};
pub(crate) use object::{Key, Object, body_of};
pub(crate) use sqlite::OpenError;
pub(crate) use state::{Expect, Write, WriteError};
pub(crate) use watch::{Gone, Watch};

use sqlite::Sqlite;
use state::State;

/// What a list sees: the objects in key order, and the revision they are true at.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) revision: u64,
    pub(crate) objects: Vec<(Key, Arc<Object>)>,
}

/// See the module text.
pub(crate) struct Store {
    state: Arc<RwLock<State>>,
    backend: Backend,
}

enum Backend {
    /// The lock makes deciding and publishing one step; readers only need the state's own lock.
    Memory(Mutex<()>),
    Disk(Sqlite),
}

impl Store {
    /// An empty store that forgets everything when dropped. `window` is the number of events kept per resource.
    pub(crate) fn memory(window: usize) -> Self {
        let state = Arc::new(RwLock::new(State::new(window, 0)));
        Self {
            state,
            backend: Backend::Memory(Mutex::new(())),
        }
    }

    /// Opens or creates a database. Watches from before this moment get 410, since the window starts empty.
    pub(crate) fn open(path: &Path, window: usize) -> Result<Self, OpenError> {
        let (sqlite, state) = Sqlite::open(path, window)?;
        Ok(Self {
            state,
            backend: Backend::Disk(sqlite),
        })
    }

    /// The revision of the newest visible write.
    pub(crate) fn revision(&self) -> u64 {
        self.state.read().revision
    }

    /// One object, or none.
    pub(crate) fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.state
            .read()
            .get(resource, &Key::new(namespace, name))
            .cloned()
    }

    /// All objects of a resource, or those of one namespace.
    pub(crate) fn list(&self, resource: &str, namespace: Option<&str>) -> Snapshot {
        let state = self.state.read();
        Snapshot {
            revision: state.revision,
            objects: state.list(resource, namespace),
        }
    }

    /// The list as it was at an earlier revision, rebuilt by undoing the events since then.
    pub(crate) fn list_at(
        &self,
        resource: &str,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Snapshot, Gone> {
        self.state.read().list_at(resource, namespace, revision)
    }

    /// Every resource that holds an object, for controllers that look at everything.
    pub(crate) fn resources(&self) -> Vec<Arc<str>> {
        self.state.read().resources()
    }

    /// Compare, stamp, keep and publish. Returns once the write cannot be lost any more.
    pub(crate) async fn write(&self, write: Write) -> Result<Arc<Event>, WriteError> {
        match &self.backend {
            Backend::Memory(turn) => {
                // Nothing here ever waits, so a busy client in a runtime with one thread would starve the
                // controllers; this hands the thread over now and then.
                tokio::task::consume_budget().await;
                let _turn = turn.lock();
                let revision = self.state.read().revision + 1;
                // Serializing happens in deciding, and readers need not wait for it.
                let current = self.state.read().get(&write.resource, &write.key).cloned();
                let event = write.decide(current, revision)?;
                self.state.write().publish(vec![event.clone()]);
                Ok(event)
            }
            Backend::Disk(sqlite) => sqlite.write(write).await,
        }
    }

    /// Follows one resource's events after `revision`.
    pub(crate) fn watch(&self, resource: &str, revision: u64) -> Watch {
        Watch::new(self.state.clone(), Some(resource), revision)
    }

    /// Follows the events of every resource after `revision`.
    pub(crate) fn watch_all(&self, revision: u64) -> Watch {
        Watch::new(self.state.clone(), None, revision)
    }

    /// Forgets events nobody can need any more; called now and then so that an idle server shrinks.
    pub(crate) fn trim(&self) {
        self.state.write().trim();
    }

    /// Ends the writer and closes the file. Later writes are refused.
    pub(crate) fn close(&self) {
        if let Backend::Disk(sqlite) = &self.backend {
            sqlite.close();
        }
    }
}

impl Write {
    /// A write that must find nothing under its name.
    pub(crate) fn create(resource: impl Into<Arc<str>>, key: Key, value: Value) -> Self {
        Self {
            resource: resource.into(),
            key,
            expect: Expect::Absent,
            value: Some(value),
        }
    }

    /// A write that must find exactly this revision.
    pub(crate) fn replace(resource: impl Into<Arc<str>>, key: Key, revision: u64, value: Value) -> Self {
        Self {
            resource: resource.into(),
            key,
            expect: Expect::Revision(revision),
            value: Some(value),
        }
    }

    /// A removal that must find exactly this revision.
    pub(crate) fn remove(resource: impl Into<Arc<str>>, key: Key, revision: u64) -> Self {
        Self {
            resource: resource.into(),
            key,
            expect: Expect::Revision(revision),
            value: None,
        }
    }
}

#[cfg(test)]
mod tests;
