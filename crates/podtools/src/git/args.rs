//! What `git-init` and `git-sync` can be told. Secrets come from the environment alone and are no options.

use clap::Args;
use koc_api::names::env;

use crate::input_report::InputArgs;

/// What both programs are told about the clone. All are texts that are read later, so that what is wrong with them is
/// reported as any other failure is, and an empty variable is as good as none.
#[derive(Debug, Clone, Args)]
pub struct CloneArgs {
    /// The repository: https://…, http://…, ssh://… or git@host:path.
    #[arg(long, env = env::GIT_REPO, default_value = "", value_name = "URL", hide_env_values = true)]
    pub(super) repo: String,

    /// Branch, tag, full commit id, or HEAD.
    #[arg(long = "ref", env = env::GIT_REF, default_value = "", value_name = "REF")]
    pub(super) reference: String,

    /// Directory that clones live in. Default /git.
    #[arg(long, env = env::GIT_ROOT, default_value = "", value_name = "DIRECTORY")]
    pub(super) root: String,

    /// Name of the clone there. Default repo.
    #[arg(long, env = env::GIT_LINK, default_value = "", value_name = "NAME")]
    pub(super) link: String,

    /// Other directories at which the worker sees the clone, as a JSON list.
    #[arg(long, env = env::GIT_SAFE_DIRECTORIES, default_value = "", value_name = "JSON")]
    pub(super) safe_directories: String,

    /// File with certificate authorities to trust besides the system's.
    #[arg(long, env = env::CUSTOM_CA_CERT_PATH, default_value = "", value_name = "FILE")]
    pub(super) custom_ca: String,

    /// Seconds that all attempts to reach the repository may take together; 0 means 600.
    #[arg(long, env = env::FETCH_DEADLINE_SECONDS, default_value = "", value_name = "SECONDS")]
    pub(super) deadline: String,

    #[command(flatten)]
    pub(super) input: InputArgs,
}

/// Options of `git-init`; in a pod they come from the environment.
#[derive(Debug, Clone, Args)]
pub struct GitInitArgs {
    #[command(flatten)]
    pub(super) clone: CloneArgs,

    /// Commits to fetch; 0 means the whole history. Default 1.
    #[arg(long, env = env::GIT_DEPTH, default_value = "", value_name = "COMMITS")]
    pub(super) depth: String,

    /// `true` to clone submodules too.
    #[arg(long, env = env::GIT_RECURSE_SUBMODULES, default_value = "", value_name = "BOOL")]
    pub(super) recurse_submodules: String,

    /// Attempts; 0 means 3.
    #[arg(long, env = env::GIT_CLONE_RETRIES, default_value = "", value_name = "NUMBER")]
    pub(super) retries: String,

    /// Wait before the second attempt, as a Go duration; it doubles from then on. 0 means 5s.
    #[arg(long, env = env::GIT_CLONE_RETRY_DELAY, default_value = "", value_name = "DURATION")]
    pub(super) retry_delay: String,

    /// Directory to copy the clone's content to.
    #[arg(long, env = env::GIT_WORKSPACE_DIR, default_value = "", value_name = "DIRECTORY")]
    pub(super) workspace: String,

    /// Only this file or directory of it.
    #[arg(long, env = env::GIT_REPO_SUBPATH, default_value = "", value_name = "PATH")]
    pub(super) sub_path: String,

    /// Paths that must exist in the clone, as a JSON list.
    #[arg(long, env = env::GIT_REQUIRED_PATHS, default_value = "", value_name = "JSON")]
    pub(super) required_paths: String,
}

/// Options of `git-sync`; in a pod they come from the environment.
#[derive(Debug, Clone, Args)]
pub struct GitSyncArgs {
    #[command(flatten)]
    pub(super) clone: CloneArgs,

    /// Seconds between two looks at the repository; 0 or less means 300.
    #[arg(
        long,
        env = env::GIT_SYNC_INTERVAL,
        default_value = "",
        value_name = "SECONDS",
        allow_hyphen_values = true
    )]
    pub(super) interval: String,
}

/// Options of `git-credential`, which `git` itself starts.
#[derive(Debug, Clone, Args)]
pub struct GitCredentialArgs {
    /// What git wants: `get` is answered, `store` and `erase` are not.
    pub(super) operation: String,
}
