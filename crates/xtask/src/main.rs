//! Generates the files that are made from code, and checks the rules of the house.

mod generate;
mod licences;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

/// Chores of this repository.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo run -p xtask --")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write deploy/crds from the Rust types.
    Gen {
        /// Write nothing; fail when a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Check layering, file names, file sizes and forbidden calls.
    Tidy,
    /// Check that every dependency's licence is one this project accepts.
    Licences,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(Cli { chore }: Cli) -> anyhow::Result<()> {
    let root = repository_root()?;
    match chore {
        Chore::Gen { check: true } => generate::check(&root),
        Chore::Gen { check: false } => generate::write(&root),
        Chore::Tidy => tidy::tidy(&root),
        Chore::Licences => licences::check(&root),
    }
}

/// The directory of the workspace, two above this crate.
fn repository_root() -> anyhow::Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .context("xtask is not below crates/ any more: correct repository_root")
}

/// Tells the person at the terminal.
fn report(text: &str) {
    #[expect(
        clippy::print_stderr,
        reason = "a command line tool speaks to its user on standard error"
    )]
    {
        eprintln!("{text}");
    }
}
