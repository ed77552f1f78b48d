//! Diagnostics on standard error, as `RUST_LOG` asks.

use std::io::{IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;

/// Shows warnings and errors unless `RUST_LOG` says otherwise.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !no_color)
        .with_target(false)
        .init();
}

/// An error that ended the program, with its causes.
pub(crate) fn report(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr().lock(), "error: {error:#}");
}
