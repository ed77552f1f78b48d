//! The programs of this crate as one binary, for its own tests. The product has a binary of its own.

use std::process::ExitCode;

use clap::Parser;
use koc_podtools::{
    ContextInitArgs, PluginInitArgs, TaskRunArgs, UrlFetchArgs, context_init, plugin_init, task_run,
    url_fetch,
};

/// The programs that run inside pods.
#[derive(Parser)]
enum Podtool {
    /// Write the files of a Task.
    ContextInit(ContextInitArgs),
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
        Podtool::UrlFetch(args) => url_fetch(args).await.into(),
        Podtool::PluginInit(args) => plugin_init(args).await.into(),
        Podtool::TaskRun(args) => task_run(args).await.into(),
    }
}
