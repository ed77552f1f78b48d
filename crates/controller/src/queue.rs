//! Which objects to look at next: each key waits once, is worked on by one worker at a time, and can be woken later.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::view::Bell;

/// Namespace and name of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// First delay after a failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// Longest delay after failures.
const LAST_RETRY: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Inner {
    ready: VecDeque<Key>,
    entries: HashMap<Key, Entry>,
    timers: BinaryHeap<Reverse<(Instant, Key)>>,
}

/// What is known of a key that waits, runs, or failed. Keys at rest have no entry.
#[derive(Default)]
struct Entry {
    waiting: bool,
    running: bool,
    /// Asked for while running: to be run again afterwards, since the run may have seen the old state.
    dirty: bool,
    /// What was done is not the end of it: it is to be run again after a while.
    unfinished: bool,
    failures: u32,
}

impl Queue {
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        Self {
            bell,
            ..Self::default()
        }
    }

    /// Whether nothing waits, runs, or is to be tried again. Keys to be looked at later only are at rest.
    pub(crate) fn is_idle(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.release_due(Instant::now());
        inner.entries.is_empty()
    }

    /// Asks for a key to be worked on as soon as possible.
    pub(crate) fn add(&self, key: Key) {
        self.inner.lock().add(key);
        self.wake();
    }

    /// Waits for a key; the caller owns it until [`Queue::done`], [`Queue::again`] or [`Queue::failed`].
    pub(crate) async fn next(&self) -> Key {
        loop {
            let wake_at = {
                let mut inner = self.inner.lock();
                inner.release_due(Instant::now());
                if let Some(key) = inner.ready.pop_front() {
                    let entry = inner.entries.entry(key.clone()).or_default();
                    entry.waiting = false;
                    entry.running = true;
                    entry.unfinished = false;
                    return key;
                }
                inner.timers.peek().map(|Reverse((at, _))| *at)
            };
            match wake_at {
                Some(at) => tokio::select! {
                    () = self.changed.notified() => {}
                    () = tokio::time::sleep_until(at) => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    /// The key was worked on; look again after `wake`, where given.
    pub(crate) fn done(&self, key: Key, wake: Option<Duration>) {
        let mut inner = self.inner.lock();
        if let Some(delay) = wake {
            inner.timers.push(Reverse((Instant::now() + delay, key.clone())));
        }
        inner.rest(key, 0);
        drop(inner);
        self.wake();
    }

    /// The key was worked on, and there is more to do after `delay`.
    pub(crate) fn again(&self, key: Key, delay: Duration) {
        let mut inner = self.inner.lock();
        inner.timers.push(Reverse((Instant::now() + delay, key.clone())));
        if let Some(entry) = inner.entries.get_mut(&key) {
            entry.unfinished = true;
        }
        inner.rest(key, 0);
        drop(inner);
        self.wake();
    }

    /// The work failed; it is tried again with growing delays. Returns the delay.
    pub(crate) fn failed(&self, key: Key) -> Duration {
        let mut inner = self.inner.lock();
        let failures = inner
            .entries
            .get(&key)
            .map_or(0, |e| e.failures)
            .saturating_add(1);
        let delay = FIRST_RETRY
            .saturating_mul(1 << (failures - 1).min(16))
            .min(LAST_RETRY);
        inner.timers.push(Reverse((Instant::now() + delay, key.clone())));
        inner.rest(key, failures);
        drop(inner);
        self.wake();
        delay
    }

    fn wake(&self) {
        self.changed.notify_one();
        self.bell.ring();
    }
}

impl Inner {
    fn add(&mut self, key: Key) {
        let entry = self.entries.entry(key.clone()).or_default();
        if entry.running {
            entry.dirty = true;
        } else if !entry.waiting {
            entry.waiting = true;
            self.ready.push_back(key);
        }
    }

    fn release_due(&mut self, now: Instant) {
        while self.timers.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            if let Some(Reverse((_, key))) = self.timers.pop() {
                self.add(key);
            }
        }
    }

    fn rest(&mut self, key: Key, failures: u32) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.running = false;
        entry.failures = failures;
        let unfinished = entry.unfinished;
        let again = std::mem::take(&mut entry.dirty);
        if again {
            self.add(key);
        } else if failures == 0 && !unfinished {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            namespace: "ns".into(),
            name: name.into(),
        }
    }

    #[tokio::test]
    async fn a_key_waits_only_once_and_keeps_its_place() {
        let queue = Queue::default();
        for name in ["a", "b", "a"] {
            queue.add(key(name));
        }
        assert_eq!(queue.next().await, key("a"));
        assert_eq!(queue.next().await, key("b"));
        assert!(queue.inner.lock().ready.is_empty());
    }

    #[tokio::test]
    async fn a_key_asked_for_while_running_runs_again_but_never_twice_at_once() {
        let queue = Queue::default();
        queue.add(key("a"));
        let running = queue.next().await;
        queue.add(key("a"));
        assert!(queue.inner.lock().ready.is_empty(), "one worker at a time");
        queue.done(running, None);
        assert_eq!(queue.next().await, key("a"));
        queue.done(key("a"), None);
        assert!(queue.inner.lock().entries.is_empty(), "keys at rest cost nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_idle_when_nothing_waits_runs_or_is_to_be_tried_again() {
        let queue = Queue::default();
        assert!(queue.is_idle());
        queue.add(key("a"));
        assert!(!queue.is_idle(), "it waits");
        let k = queue.next().await;
        assert!(!queue.is_idle(), "it runs");
        queue.failed(k);
        assert!(!queue.is_idle(), "it is to be tried again");
        let k = queue.next().await;
        queue.again(k, Duration::from_secs(1));
        assert!(!queue.is_idle(), "there is more to do");
        let k = queue.next().await;
        queue.done(k, Some(Duration::from_secs(1)));
        assert!(queue.is_idle(), "an appointment is no work yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!queue.is_idle(), "it is due");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_retried_ever_later_and_forgotten_on_success() {
        let queue = Queue::default();
        queue.add(key("a"));
        let mut delays = Vec::new();
        for _ in 0..12 {
            let k = queue.next().await;
            delays.push(queue.failed(k));
        }
        assert_eq!(delays[0], FIRST_RETRY);
        assert_eq!(delays[1], FIRST_RETRY * 2);
        assert_eq!(delays[11], LAST_RETRY);
        let k = queue.next().await;
        queue.done(k, None);
        queue.add(key("a"));
        let k = queue.next().await;
        assert_eq!(queue.failed(k), FIRST_RETRY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_key_comes_when_it_is_due() {
        let queue = Queue::default();
        let start = Instant::now();
        queue.done(key("late"), Some(Duration::from_secs(60)));
        queue.done(key("soon"), Some(Duration::from_secs(5)));
        assert_eq!(queue.next().await, key("soon"));
        assert_eq!(queue.next().await, key("late"));
        assert_eq!(start.elapsed(), Duration::from_secs(60));
    }
}
