//! When to try again. Pure.

use std::time::Duration;

/// How often and how long to wait in between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    /// Attempts altogether.
    pub attempts: u32,
    /// Wait after the first attempt; it doubles from then on.
    pub delay: Duration,
    /// No wait is longer, unless the first one is.
    pub longest: Duration,
    /// Spreads the waits of many Pods that were refused together.
    pub seed: u64,
}

impl Retry {
    /// How long to wait after this attempt, counted from 1, has failed; `None` when it was the last.
    pub(super) fn after(&self, attempt: u32) -> Option<Duration> {
        (attempt < self.attempts).then(|| self.wait(attempt))
    }

    /// The wait after so many failures in a row: between a half and the whole of the doubled delay.
    pub(super) fn wait(&self, failures: u32) -> Duration {
        let doubled = 1u32
            .checked_shl(failures.saturating_sub(1))
            .and_then(|factor| self.delay.checked_mul(factor))
            .map_or(self.longest, |wait| wait.min(self.longest.max(self.delay)));
        let parts = u32::try_from(spread(self.seed.wrapping_add(failures.into())) % 1001).unwrap_or(0);
        doubled / 2 + (doubled / 2) * parts / 1000
    }
}

/// A seed that differs between processes.
pub(super) fn any_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// SplitMix64: one step of a small generator whose neighbours differ widely.
fn spread(seed: u64) -> u64 {
    let mut value = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_their_jitter_and_end() {
        for seed in 0..100 {
            let retry = Retry {
                attempts: 9,
                delay: Duration::from_secs(5),
                longest: Duration::from_secs(60),
                seed,
            };
            for (attempt, whole) in [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (8, 60)] {
                let wait = retry.after(attempt).unwrap();
                let whole = Duration::from_secs(whole);
                assert!(
                    wait >= whole / 2 && wait <= whole,
                    "seed {seed}: {attempt}: {wait:?}"
                );
            }
            assert_eq!(retry.after(9), None);
            assert!(retry.wait(u32::MAX) <= Duration::from_secs(60));
        }
    }

    #[test]
    fn two_pods_do_not_wait_equally_long() {
        let wait = |seed| {
            Retry {
                attempts: 3,
                delay: Duration::from_secs(5),
                longest: Duration::from_secs(60),
                seed,
            }
            .after(1)
        };
        let waits: std::collections::BTreeSet<_> = (0..100).map(wait).collect();
        assert!(waits.len() > 50, "{}", waits.len());
        assert_eq!(wait(7), wait(7));
    }
}
