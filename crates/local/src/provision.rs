//! `kubeopencode provision`: makes this machine ready, so that a later run needs no network.

use std::path::PathBuf;

use crate::command_error::CommandError;
use crate::data_dir::Places;
use crate::host_tools::ensure_host_tools;
use crate::opencode_package::OpenCodeProgram;
use crate::options::{MachineArgs, OpenCodeArgs, OutputArgs, OutputForm};
use crate::terminal::Terminal;

/// Fetch OpenCode and install what is missing on this machine, then print the path of the OpenCode program
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  kubeopencode provision")]
pub struct ProvisionArgs {
    /// OpenCode
    #[command(flatten)]
    pub opencode: OpenCodeArgs,
    /// This machine
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Output
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Runs the command. Returns the process's exit code; what went wrong has been told by then.
pub async fn provision(args: ProvisionArgs) -> u8 {
    let terminal = args.output.terminal();
    let form = args.output.output;
    match try_provision(args, &terminal).await {
        Ok(path) => {
            terminal.data(&match form {
                OutputForm::Text => path.display().to_string(),
                OutputForm::Json => serde_json::json!({"opencode": path}).to_string(),
            });
            0
        }
        Err(error) => error.report(&terminal),
    }
}

async fn try_provision(args: ProvisionArgs, terminal: &Terminal) -> Result<PathBuf, CommandError> {
    let ProvisionArgs {
        opencode,
        machine,
        output: _,
    } = args;
    let MachineArgs { no_install } = machine;
    ensure_host_tools(!no_install, terminal).await?;
    let source = opencode.source(&Places::from_env()?.cache)?;
    let program = OpenCodeProgram::new(source, terminal.clone());
    Ok(program.path().await?.to_owned())
}
