//! Containers of Pods, and the port they serve.

/// The container that does a Task's work.
pub const AGENT: &str = "agent";
/// The container of an Agent's server.
pub const SERVER: &str = "opencode-server";
/// Name of the server's port.
pub const SERVER_PORT: &str = "http";
/// Brings the OpenCode program.
pub const OPENCODE_INIT: &str = "opencode-init";
/// Writes prompt, contexts and configuration.
pub const CONTEXT_INIT: &str = "context-init";
/// Followed by an index: clones a repository.
pub const GIT_INIT_PREFIX: &str = "git-init-";
/// Followed by an index: fetches a file.
pub const URL_FETCH_PREFIX: &str = "url-fetch-";
/// Installs plugins.
pub const PLUGIN_INIT: &str = "plugin-init";
/// Followed by an index: keeps a clone fresh.
pub const GIT_SYNC_PREFIX: &str = "git-sync-";

/// Subcommands of the product's program that containers run.
pub mod programs {
    /// Does a Task's work.
    pub const TASK_RUN: &str = "task-run";
    /// Serves an Agent.
    pub const AGENT_SERVE: &str = "agent-serve";
    /// Writes prompt, contexts and configuration.
    pub const CONTEXT_INIT: &str = "context-init";
    /// Clones a repository.
    pub const GIT_INIT: &str = "git-init";
    /// Keeps a clone fresh.
    pub const GIT_SYNC: &str = "git-sync";
    /// Gives `git` the credentials of a repository; started by `git` itself.
    pub const GIT_CREDENTIAL: &str = "git-credential";
    /// Fetches a file.
    pub const URL_FETCH: &str = "url-fetch";
    /// Installs plugins.
    pub const PLUGIN_INIT: &str = "plugin-init";
}
