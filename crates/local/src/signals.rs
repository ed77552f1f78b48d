//! What the user's terminal or the system asks this process to do.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A request to end, and the exit code that tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, a service manager, or the terminal that was closed.
    Terminate,
}

impl Ask {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Listens from the moment it is made.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Ask {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Ask::Interrupt,
            Some(()) = self.terminate.recv() => Ask::Terminate,
            Some(()) = self.hangup.recv() => Ask::Terminate,
            // Without any listener left there is nothing to wait for, and never an answer.
            else => std::future::pending().await,
        }
    }
}
