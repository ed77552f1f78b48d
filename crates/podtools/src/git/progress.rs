//! What `git` prints while it works.

use std::time::{Duration, Instant};

use crate::git::log::Log;

/// At most one line of progress in so much time.
const STEP: Duration = Duration::from_secs(5);

/// How the meters of git, and of the git at the other end, begin.
const METERS: [&str; 10] = [
    "Enumerating objects",
    "Counting objects",
    "Compressing objects",
    "Finding sources",
    "Receiving objects",
    "Resolving deltas",
    "Unpacking objects",
    "Updating files",
    "Filtering content",
    "Total ",
];

/// Shows progress now and then.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    log: &'a Log,
    shown: Instant,
}

impl<'a> Progress<'a> {
    /// Nothing is shown in the first seconds, which most fetches do not exceed.
    pub(super) fn new(log: &'a Log) -> Self {
        Self {
            log,
            shown: Instant::now(),
        }
    }

    /// Shows a line of progress if it is time for one.
    pub(super) fn see(&mut self, line: &str) {
        if self.shown.elapsed() >= STEP {
            self.shown = Instant::now();
            self.log
                .say(line.strip_prefix("remote: ").unwrap_or(line).trim_end());
        }
    }
}

/// True for a line that only says how far git is.
pub(super) fn is_progress(line: &str) -> bool {
    let line = line.strip_prefix("remote: ").unwrap_or(line);
    METERS.iter().any(|meter| line.starts_with(meter))
}

#[cfg(test)]
mod tests {
    use super::is_progress;

    #[test]
    fn progress_is_told_from_what_matters() {
        for (line, expected) in [
            ("remote: Enumerating objects: 9, done.", true),
            ("Receiving objects:  45% (450/1000), 1.2 MiB | 500.00 KiB/s", true),
            ("Resolving deltas: 100% (3/3), done.", true),
            (
                "remote: Total 9 (delta 0), reused 0 (delta 0), pack-reused 0",
                true,
            ),
            ("remote: Repository not found.", false),
            ("fatal: early EOF", false),
            ("", false),
        ] {
            assert_eq!(is_progress(line), expected, "{line}");
        }
    }
}
