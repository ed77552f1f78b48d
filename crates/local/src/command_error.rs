//! What makes `run` or `up` give up before a Task could say how it went.

use std::io;

use crate::apply::ApplyError;
use crate::data_dir::DataDirError;
use crate::demo_model::DemoModelError;
use crate::host_tools::HostToolsError;
use crate::manifest::ManifestError;
use crate::opencode_package::OpenCodeError;
use crate::terminal::Terminal;
use crate::wiring::StartError;

/// Any reason to give up; each says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{files} holds no Task, so there is nothing to run; add one, as in examples/hello.yaml")]
    NoTask { files: String },
    #[error(
        "Task {name} already ended ({phase}) in this data directory, and a Task runs once; give it another name or use another --data-dir"
    )]
    AlreadyEnded { name: String, phase: String },
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    HostTools(#[from] HostToolsError),
    #[error(transparent)]
    OpenCode(#[from] OpenCodeError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    DemoModel(#[from] DemoModelError),
    #[error("cannot create {title}")]
    Make {
        title: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    #[error(
        "cannot listen on {addr}: the port is in use; stop what listens there, or choose another with --port (0 takes any free one)"
    )]
    PortInUse { addr: std::net::SocketAddr },
    #[error("cannot listen on {addr}; choose another port with --port")]
    Listen {
        addr: std::net::SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Tls(#[from] koc_apiserver::TlsError),
    #[error("cannot write {}; make its directory writable, or name another with --data-dir", path.display())]
    Write {
        path: std::path::PathBuf,
        #[source]
        source: io::Error,
    },
}

impl CommandError {
    /// 2 where the input is to be corrected, 1 where something else went wrong.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Manifest(_)
            | Self::NoTask { .. }
            | Self::AlreadyEnded { .. }
            | Self::Apply(ApplyError::UnknownKind { .. } | ApplyError::Refused { .. })
            | Self::OpenCode(OpenCodeError::OwnProgram { .. } | OpenCodeError::Version { .. }) => 2,
            _ => 1,
        }
    }

    /// Tells the error with its causes, and returns the exit code that goes with it.
    pub(crate) fn report(&self, terminal: &Terminal) -> u8 {
        terminal.error(&with_causes(self));
        self.exit_code()
    }
}

/// The error's sentence, then each cause on a line of its own; causes that the sentence contains already are left out.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}\n  because: {next}");
        }
        cause = error.source();
    }
    text
}
