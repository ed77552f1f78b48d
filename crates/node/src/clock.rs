use std::fmt::Debug;

use jiff::{SignedDuration, Timestamp};

/// Where the node takes the time from.
///
/// Waiting always happens on tokio's timer, so a test that pauses tokio's time uses a
/// [`TokioClock`] and sees back-offs and grace periods pass at once.
pub trait Clock: Send + Sync + Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that starts at the moment it is made and then follows tokio's time, paused or not.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: Timestamp,
    instant: tokio::time::Instant,
}

impl TokioClock {
    /// Starts the clock. Must be called inside a tokio runtime when its time is paused.
    pub fn new() -> Self {
        Self {
            origin: Timestamp::now(),
            instant: tokio::time::Instant::now(),
        }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.instant.elapsed()).unwrap_or(SignedDuration::ZERO);
        self.origin.saturating_add(passed).unwrap_or(self.origin)
    }
}

/// How long from `now` until `then`; zero when it has passed.
pub(crate) fn until(now: Timestamp, then: Timestamp) -> std::time::Duration {
    std::time::Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

/// `from` moved ahead by a number of seconds, never past the end of time.
pub(crate) fn after(from: Timestamp, seconds: i64) -> Timestamp {
    from.saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}
