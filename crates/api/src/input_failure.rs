//! What a program that prepares a Pod (`git-init`, `url-fetch`, `plugin-init`, …) reports in its container's
//! termination message when it gives up, and the controller reads from there.

use serde::{Deserialize, Serialize};

/// Why an input of a Pod could not be provided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum InputFailureKind {
    /// The manifest asks for something that can't be right, such as a reference that begins with a dash.
    InvalidInput,
    /// The other side answered that it has no such thing: repository, branch, path, file, package.
    NotFound,
    /// The other side wants other credentials, or its identity could not be proved to us.
    AccessDenied,
    /// The other side could not be reached, or kept failing, until the time for attempts was over.
    Unreachable,
    /// Our own rules forbid it, such as an address of a private network.
    Refused,
    /// It is larger than allowed.
    TooLarge,
    /// The program itself could not do its work: no disk, no git.
    Internal,
}

impl InputFailureKind {
    /// The program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::InvalidInput => 10,
            Self::NotFound => 11,
            Self::AccessDenied => 12,
            Self::Unreachable => 13,
            Self::Refused => 14,
            Self::TooLarge => 15,
        }
    }
}

/// One failure, told in one JSON object of at most [`crate::result::MAX_TERMINATION_MESSAGE_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputFailure {
    /// What kind of failure.
    pub kind: InputFailureKind,
    /// One sentence for a person that begins with the input's name, such as
    /// `git context "rules": branch "mian" not found in https://…`. Free of secrets.
    pub message: String,
}
