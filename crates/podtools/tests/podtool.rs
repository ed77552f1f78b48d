//! The programs of this crate as one binary, for its own tests. The product has a binary of its own.

use std::process::ExitCode;

use clap::Parser;
use koc_podtools::{
    ContextInitArgs, GitCredentialArgs, GitInitArgs, GitSyncArgs, PluginInitArgs, TaskRunArgs, UrlFetchArgs,
    context_init, git_credential, git_init, git_sync, plugin_init, task_run, url_fetch,
};

/// The programs that run inside pods.
#[derive(Parser)]
enum Podtool {
    /// Write the files of a Task.
    ContextInit(ContextInitArgs),
    /// Clone a repository.
    GitInit(GitInitArgs),
    /// Keep a clone fresh.
    GitSync(GitSyncArgs),
    /// Give git a password.
    GitCredential(GitCredentialArgs),
    /// Fetch a file.
    UrlFetch(UrlFetchArgs),
    /// Install plugins.
    PluginInit(PluginInitArgs),
    /// Run OpenCode with a prompt.
    TaskRun(TaskRunArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    match Podtool::parse() {
        Podtool::ContextInit(args) => match context_init(args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(%error);
                ExitCode::FAILURE
            }
        },
        Podtool::GitInit(args) => git_init(args).await.into(),
        Podtool::GitSync(args) => git_sync(args).await.into(),
        Podtool::GitCredential(args) => match git_credential(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(%error);
                ExitCode::FAILURE
            }
        },
        Podtool::UrlFetch(args) => url_fetch(args).await.into(),
        Podtool::PluginInit(args) => plugin_init(args).await.into(),
        Podtool::TaskRun(args) => task_run(args).await.into(),
    }
}
