//! The one program of KubeOpenCode: what people start on their machine, what a cluster runs, and what runs within Pods.

mod controller;
mod telemetry;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use koc_local::{ProvisionArgs, RunArgs, UpArgs};
use koc_podtools::{
    ContextInitArgs, GitCredentialArgs, GitInitArgs, GitSyncArgs, PluginInitArgs, TaskRunArgs, UrlFetchArgs,
};

use crate::controller::ControllerArgs;

/// AI coding agent Tasks as Kubernetes objects: on a cluster, or on this machine without one
#[derive(Debug, Parser)]
#[command(
    name = "kubeopencode",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
#[command(after_help = "First steps:\n  kubeopencode run examples/hello.yaml")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(RunArgs),
    Up(UpArgs),
    Provision(ProvisionArgs),
    Controller(ControllerArgs),
    /// Print the version
    #[command(after_help = "Example:\n  kubeopencode version")]
    Version,
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  kubeopencode completion bash > /etc/bash_completion.d/kubeopencode")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Within a Pod: write prompt, contexts and configuration
    #[command(hide = true)]
    ContextInit(ContextInitArgs),
    /// Within a Pod: clone a repository
    #[command(hide = true)]
    GitInit(GitInitArgs),
    /// Within a Pod: keep a clone fresh
    #[command(hide = true)]
    GitSync(GitSyncArgs),
    /// Within a Pod: give git the password of a repository
    #[command(hide = true)]
    GitCredential(GitCredentialArgs),
    /// Within a Pod: fetch one file over HTTP
    #[command(hide = true)]
    UrlFetch(UrlFetchArgs),
    /// Within a Pod: install OpenCode plugins
    #[command(hide = true)]
    PluginInit(PluginInitArgs),
    /// Within a Pod: drive OpenCode through one Task
    #[command(hide = true)]
    TaskRun(TaskRunArgs),
}

fn main() -> ExitCode {
    // The first process of every sandbox is this program too. It has no flags and must not read any.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == koc_local::SANDBOX_INIT)
    {
        return koc_local::sandbox_init();
    }
    let Cli { command } = Cli::parse();
    telemetry::start();
    match run(command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            telemetry::report(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Run(args) => block_on(koc_local::run(args)),
        Command::Up(args) => block_on(koc_local::up(args)),
        Command::Provision(args) => block_on(koc_local::provision(args)),
        Command::Controller(args) => block_on(controller::controller(args))?,
        Command::Version => print(|out| writeln!(out, "kubeopencode {}", env!("CARGO_PKG_VERSION"))),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "kubeopencode", &mut script);
            print(|out| out.write_all(&script))
        }
        // No runtime and no cryptography for this one: it copies files and should be gone before anybody waits.
        Command::ContextInit(args) => koc_podtools::context_init(args).map(|()| 0).map_err(Into::into),
        Command::GitInit(args) => block_on_one_thread(koc_podtools::git_init(args)).map(|exit| exit.code()),
        Command::GitSync(args) => block_on_one_thread(koc_podtools::git_sync(args)).map(|exit| exit.code()),
        Command::GitCredential(args) => koc_podtools::git_credential(&args)
            .map(|()| 0)
            .map_err(Into::into),
        Command::UrlFetch(args) => block_on_one_thread(koc_podtools::url_fetch(args)).map(|exit| exit.code()),
        Command::PluginInit(args) => {
            block_on_one_thread(koc_podtools::plugin_init(args)).map(|exit| exit.code())
        }
        Command::TaskRun(args) => block_on_one_thread(koc_podtools::task_run(args)).map(|exit| exit.code()),
    }
}

/// Writes to standard output; a reader that went away is no failure.
fn print(write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> anyhow::Result<u8> {
    match write(&mut std::io::stdout().lock()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(0),
    }
}

/// For a program that waits for one other: a second thread would only cost memory in every Pod.
fn block_on_one_thread<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future))
}

fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    // Whoever speaks TLS takes this provider. A second installation, which would fail, cannot happen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    // What still runs in the background (a read of a terminal, say) must not keep the process.
    runtime.shutdown_background();
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
