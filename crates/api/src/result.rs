//! What `task-run` reports in its container's termination message, and the controller reads from there.

use serde::{Deserialize, Serialize};

/// The kubelet keeps at most this many bytes of a termination message; the writer must stay below it.
pub const MAX_TERMINATION_MESSAGE_BYTES: usize = 4096;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// OpenCode finished its turn and nothing contradicts success.
    Completed,
    /// Anything else.
    Failed,
}

/// Tokens as OpenCode counts them, summed over assistant messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Prompt tokens.
    #[serde(default)]
    pub input: i64,
    /// Answer tokens.
    #[serde(default)]
    pub output: i64,
    /// Tokens of hidden reasoning.
    #[serde(default)]
    pub reasoning: i64,
    /// Cache reads and writes together.
    #[serde(default)]
    pub cache: i64,
}

/// One run of OpenCode, told in one JSON object of at most [`MAX_TERMINATION_MESSAGE_BYTES`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// How it ended.
    pub outcome: Outcome,
    /// One CamelCase word: `Completed`, `ProviderError`, `RetriesExhausted`, `PermissionRequired`, `StreamBroken`,
    /// `OpenCodeCrashed`, `OpenCodeNotStarted`, `Stopped`, `InvalidInput`, `NoProgress`.
    pub reason: String,
    /// One sentence for a person: what happened and what to do about it. Free of secrets.
    #[serde(default)]
    pub message: String,
    /// OpenCode's own exit code, where it ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// OpenCode's session id (`ses_…`), where one came to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The session's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_title: Option<String>,
    /// Messages of the session.
    #[serde(default)]
    pub message_count: i32,
    /// Tokens used.
    #[serde(default)]
    pub tokens: Tokens,
    /// US dollars with six decimals, such as `0.001200`.
    #[serde(default)]
    pub cost: String,
    /// Files the session changed.
    #[serde(default)]
    pub files_changed: i32,
    /// Lines added.
    #[serde(default)]
    pub additions: i32,
    /// Lines deleted.
    #[serde(default)]
    pub deletions: i32,
    /// Provider retries seen.
    #[serde(default)]
    pub retries: i32,
}
