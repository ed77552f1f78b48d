//! The programs that run inside pods, as functions that the product's one binary calls.
//!
//! * [`context_init()`]: writes the files of a Task or an Agent before its container starts.
//! * [`git_init()`] and [`git_sync()`]: bring a repository into a Pod, and keep it fresh; [`git_credential()`] is how
//!   `git` gets the password from them.
//! * [`url_fetch()`]: fetches one file over HTTP.
//! * [`plugin_init()`]: installs OpenCode plugins with npm.
//! * [`task_run()`]: the first process of a Task's container; drives OpenCode and reports how it went.

mod authorities;
mod context_init;
mod git;
mod input_report;
mod plain_text;
mod plugin_init;
mod redact;
mod stop;
mod task_run;
mod termination_log;
mod url_fetch;

pub use context_init::{ContextInitArgs, Error as ContextInitError, context_init};
pub use git::{CloneArgs, GitCredentialArgs, GitInitArgs, GitSyncArgs, git_credential, git_init, git_sync};
pub use input_report::{InputArgs, InputExit};
pub use plugin_init::{PluginInitArgs, plugin_init};
pub use task_run::{RunExit, TaskRunArgs, task_run};
pub use url_fetch::{UrlFetchArgs, url_fetch};
