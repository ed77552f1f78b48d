//! What `task-run` can be told.

use std::path::PathBuf;

use clap::Args;

/// Options of `task-run`. Every one can come from the environment, because that is how a container is told things.
#[derive(Debug, Clone, Args)]
pub struct TaskRunArgs {
    /// Directory that OpenCode works in.
    #[arg(long, env = koc_api::names::env::WORKSPACE_DIR, default_value = koc_api::names::defaults::WORKSPACE_DIR)]
    pub workspace: PathBuf,

    /// File with the prompt [default: task.md in the workspace].
    #[arg(long, env = koc_api::names::env::TASK_PROMPT_FILE)]
    pub prompt_file: Option<PathBuf>,

    /// Title of the OpenCode session [default: kubeopencode/NAMESPACE/TASK].
    #[arg(long, env = koc_api::names::env::TASK_SESSION_TITLE)]
    pub title: Option<String>,

    /// The OpenCode program [default: "opencode" in $TOOLS_DIR, in /tools, or on the PATH].
    #[arg(long, env = koc_api::names::env::OPENCODE_PROGRAM)]
    pub opencode: Option<PathBuf>,

    /// File for the result as JSON.
    #[arg(long, env = koc_api::names::env::TERMINATION_LOG, default_value = koc_api::names::paths::TERMINATION_LOG)]
    pub termination_log: PathBuf,

    /// How long OpenCode may take to become ready.
    #[arg(
        long,
        env = koc_api::names::env::TASK_START_TIMEOUT_SECONDS,
        default_value_t = 60,
        value_name = "SECONDS"
    )]
    pub start_timeout: u64,

    /// How long nothing at all may happen before the run is given up; 0 waits for ever.
    #[arg(
        long,
        env = koc_api::names::env::TASK_NO_PROGRESS_SECONDS,
        default_value_t = 1800,
        value_name = "SECONDS"
    )]
    pub no_progress: u64,

    /// How long processes may take to end after they were asked to.
    #[arg(
        long,
        env = koc_api::names::env::TASK_STOP_GRACE_SECONDS,
        default_value_t = 5,
        value_name = "SECONDS"
    )]
    pub stop_grace: u64,
}
