//! `task-run`: process 1 of a Task's container.
//!
//! It starts `opencode serve` on the loopback interface with a random password, gives it the prompt over HTTP, shows
//! what happens as lines that a person can read, and decides the outcome from what OpenCode's interface says rather
//! than from an exit code: `opencode run` exits with 0 when a permission stopped it or the provider's stream broke
//! off, and is silent for minutes while it asks a failing provider again. When it returns, no process it has started
//! is left over.

mod args;
mod descendants;
mod environment;
mod evidence;
mod follow;
mod lines;
mod log;
mod npm;
mod program;
mod prompt;
mod reaper;
mod run;
mod server;
mod termination;
mod tool;
mod totals;
mod turn;
mod verdict;

pub use args::TaskRunArgs;
pub use run::{RunExit, task_run};
