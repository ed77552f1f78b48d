//! Flags that `run` and `up` share.

use std::path::{Path, PathBuf};

use crate::opencode_package::{OPENCODE_VERSION, OpenCodeError, OpenCodeSource};
use crate::terminal::{ColorChoice, Terminal};

/// Which OpenCode program to use.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "OpenCode")]
pub struct OpenCodeArgs {
    /// Use this OpenCode program instead of the npm package's
    #[arg(
        id = "opencode",
        long = "opencode",
        value_name = "PATH",
        env = "KUBEOPENCODE_OPENCODE"
    )]
    pub program: Option<PathBuf>,
    /// Version of the npm package `opencode-ai` to fetch when it is not cached yet
    #[arg(
        id = "opencode-version",
        long = "opencode-version",
        value_name = "VERSION",
        env = "KUBEOPENCODE_OPENCODE_VERSION",
        default_value = OPENCODE_VERSION
    )]
    pub version: String,
}

impl OpenCodeArgs {
    /// What the flags say, checked as far as that needs no network.
    ///
    /// # Errors
    /// Fails when the program is not executable or the version malformed.
    pub fn source(&self, cache: &Path) -> Result<OpenCodeSource, OpenCodeError> {
        let Self { program, version } = self;
        OpenCodeSource::new(program.as_deref(), version, cache)
    }
}

/// How to write.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub output: OutputForm,
    /// Show only logs, warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// When to use colour; NO_COLOR switches it off too
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorChoice,
}

impl OutputArgs {
    /// The terminal these flags describe.
    #[must_use]
    pub fn terminal(&self) -> Terminal {
        let Self {
            output: _,
            quiet,
            color,
        } = self;
        Terminal::new(*color, *quiet)
    }
}

/// Form of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputForm {
    /// Text for people.
    #[default]
    Text,
    /// One line of JSON for each result; logs go to standard error.
    Json,
}

/// How this machine is used.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "This machine")]
pub struct MachineArgs {
    /// Never install missing programs (bubblewrap, ripgrep) with apt-get, even as root
    #[arg(long)]
    pub no_install: bool,
}
