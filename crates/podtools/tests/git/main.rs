//! `git-init` and `git-sync` from outside: as processes, against real Git servers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod https;
mod refusals;
mod rerun;
mod secrets;
mod ssh;
mod stage;
mod submodules;
mod sync;
mod trouble;
mod workspace;
