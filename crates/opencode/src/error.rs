//! What can go wrong between this client and a server.

use std::time::Duration;

/// A request to an OpenCode server failed. No variant holds a password or a prompt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The base URL cannot be used.
    #[error(
        "the OpenCode server's address {url:?} cannot be used: expected http://HOST:PORT or https://HOST:PORT"
    )]
    Address {
        /// What was given.
        url: String,
    },
    /// The HTTP client could not be built.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(#[source] reqwest::Error),
    /// The server could not be reached or the connection broke.
    #[error("cannot {doing}: the OpenCode server does not answer ({source})")]
    Unreachable {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: reqwest::Error,
    },
    /// The server took the request and did not answer in time.
    #[error("cannot {doing}: the OpenCode server gave no answer within {} ms", limit.as_millis())]
    Timeout {
        /// What was tried.
        doing: &'static str,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The server demands a password, or another one.
    #[error("cannot {doing}: the OpenCode server refused the password")]
    Unauthorized {
        /// What was tried.
        doing: &'static str,
    },
    /// The server answered with an error.
    #[error("cannot {doing}: the OpenCode server answered {status}{}", detail_of(detail))]
    Status {
        /// What was tried.
        doing: &'static str,
        /// The HTTP status.
        status: u16,
        /// What the server said, shortened.
        detail: String,
    },
    /// The answer is not what this client understands.
    #[error(
        "cannot {doing}: the OpenCode server's answer is not understood ({detail}); is it another version?"
    )]
    Undecodable {
        /// What was tried.
        doing: &'static str,
        /// Why it is not understood.
        detail: String,
    },
    /// The answer is larger than this client wants to hold.
    #[error("cannot {doing}: the OpenCode server's answer is larger than {limit} bytes")]
    TooLarge {
        /// What was tried.
        doing: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// An id that cannot be part of a URL.
    #[error("{0:?} is not an id of OpenCode")]
    Id(String),
    /// No event and no heartbeat came for so long that the stream must be dead.
    #[error("the event stream has been silent for {} s", .0.as_secs())]
    Silent(Duration),
}

impl Error {
    /// Whether the server answered at all, so that asking again soon is not about reaching it.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized { .. } | Self::Status { .. } | Self::Undecodable { .. }
        )
    }

    /// The HTTP status, where the server answered with an error.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Unauthorized { .. } => Some(401),
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

fn detail_of(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(": {detail}")
    }
}
