//! Following a resource by cursor.
//!
//! A watcher owns no queue: it remembers the revision it has reached and reads on from the window when the bell
//! rings. A writer therefore never waits for a watcher, and a watcher that falls behind the window is told
//! [`Gone`] instead of holding memory.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use super::event::Event;
use super::state::State;

/// Events the reader takes in one go.
const BATCH: usize = 256;

/// The revision asked for is older than the window: list again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the events since that revision are no longer kept")]
pub(crate) struct Gone;

/// A cursor on one resource's events, or on all.
pub(crate) struct Watch {
    state: Arc<RwLock<State>>,
    resource: Option<Arc<str>>,
    bell: watch::Receiver<u64>,
    cursor: u64,
}

impl Watch {
    pub(super) fn new(state: Arc<RwLock<State>>, resource: Option<&str>, revision: u64) -> Self {
        let resource = resource.map(Arc::<str>::from);
        let bell = state.write().bell(resource.as_ref());
        Self {
            state,
            resource,
            bell,
            cursor: revision,
        }
    }

    /// The revision up to which everything has been handed out.
    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// True when the window still holds everything after the cursor.
    pub(crate) fn is_possible(&self) -> bool {
        self.cursor >= self.state.read().floor(self.resource.as_deref())
    }

    /// What is there already; empty when there is nothing new. The cursor moves in any case.
    pub(crate) fn ready(&mut self) -> Result<Vec<Arc<Event>>, Gone> {
        self.bell.mark_unchanged();
        let state = self.state.read();
        let (events, reached) = state.events_after(self.resource.as_deref(), self.cursor, BATCH)?;
        self.cursor = reached;
        Ok(events)
    }

    /// Waits for the next events. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Event>>, Gone> {
        loop {
            let events = self.ready()?;
            if !events.is_empty() {
                return Ok(events);
            }
            if self.bell.changed().await.is_err() {
                // The store is gone, and with it the server: nothing will ever come.
                std::future::pending::<()>().await;
            }
        }
    }
}
