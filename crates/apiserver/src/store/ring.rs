//! The window of past events: how far back a watch may start.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::event::Event;

/// Events older than this are forgotten, as a real server compacts its history after five minutes.
const MAX_AGE: Duration = Duration::from_secs(300);
/// Serialized bytes a window may hold besides its newest events.
const MAX_WEIGHT: usize = 6 << 20;

/// Events in revision order. Everything after `floor` is there; everything up to it may be gone.
#[derive(Debug)]
pub(super) struct Ring {
    events: VecDeque<Arc<Event>>,
    floor: u64,
    limit: usize,
    weight: usize,
}

impl Ring {
    pub(super) fn new(limit: usize, floor: u64) -> Self {
        Self {
            events: VecDeque::new(),
            floor,
            limit: limit.max(1),
            weight: 0,
        }
    }

    pub(super) fn push(&mut self, event: Arc<Event>) {
        self.weight += event.object.weight();
        self.events.push_back(event);
        while self.events.len() > self.limit || (self.weight > MAX_WEIGHT && self.events.len() > 1) {
            self.forget_oldest();
        }
    }

    /// Forgets what is too old.
    pub(super) fn trim(&mut self) {
        while self
            .events
            .front()
            .is_some_and(|event| event.at.elapsed() > MAX_AGE)
        {
            self.forget_oldest();
        }
        self.events.shrink_to(self.events.len() * 2);
    }

    fn forget_oldest(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.weight = self.weight.saturating_sub(event.object.weight());
            self.floor = event.revision;
        }
    }

    /// The revision up to which events may be gone.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Events after a revision, oldest first; none when that reaches back too far.
    pub(super) fn after(&self, revision: u64) -> Option<impl DoubleEndedIterator<Item = &Arc<Event>>> {
        if revision < self.floor {
            return None;
        }
        let start = self.events.partition_point(|event| event.revision <= revision);
        Some(self.events.range(start..))
    }
}
