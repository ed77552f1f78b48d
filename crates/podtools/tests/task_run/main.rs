//! `task-run` from outside: as a process, with a stand-in for OpenCode and with the real one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod real;
mod stage;
mod stand_in;
