//! Sessions and their state.

use serde::Deserialize;

use crate::lenient;

/// A session.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Session {
    /// `ses_…`
    pub id: String,
    /// Its title.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub title: String,
    /// The session that started this one as a sub-agent.
    #[serde(default, rename = "parentID", deserialize_with = "lenient::or_default")]
    pub parent: Option<String>,
    /// The directory it works in.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub directory: String,
    /// US dollars so far.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub cost: f64,
    /// Tokens so far.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub tokens: TokenCount,
    /// What it changed. OpenCode 1.18 leaves this at zero; see [`crate::MessageInfo::diffs`].
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub summary: Option<Summary>,
}

/// Tokens as OpenCode counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct TokenCount {
    /// Prompt tokens.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub input: i64,
    /// Answer tokens.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub output: i64,
    /// Tokens of hidden reasoning.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub reasoning: i64,
    #[serde(default, deserialize_with = "lenient::or_default")]
    cache: Cache,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct Cache {
    #[serde(default, deserialize_with = "lenient::integer")]
    read: i64,
    #[serde(default, deserialize_with = "lenient::integer")]
    write: i64,
}

impl TokenCount {
    /// Prompt and answer tokens, nothing else.
    #[must_use]
    pub fn new(input: i64, output: i64) -> Self {
        Self {
            input,
            output,
            ..Self::default()
        }
    }

    /// Cache reads and writes together.
    #[must_use]
    pub fn cache(&self) -> i64 {
        self.cache.read.saturating_add(self.cache.write)
    }
}

/// Lines and files changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Summary {
    /// Lines added.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub additions: i64,
    /// Lines deleted.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub deletions: i64,
    /// Files changed.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub files: i64,
}

/// The change of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct FileDiff {
    /// Path, relative to the work tree.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub file: String,
    /// Lines added.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub additions: i64,
    /// Lines deleted.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub deletions: i64,
}

/// What a session is doing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SessionStatus {
    /// Nothing.
    Idle,
    /// A turn.
    Busy,
    /// Waiting to ask the provider again.
    Retry {
        /// Number of the retry, from 1.
        #[serde(default, deserialize_with = "lenient::integer")]
        attempt: i64,
        /// What the provider said.
        #[serde(default, deserialize_with = "lenient::or_default")]
        message: String,
        /// When it is asked again, in milliseconds since 1970.
        #[serde(default, deserialize_with = "lenient::integer")]
        next: i64,
    },
    /// A state this client does not know.
    #[serde(other)]
    Unknown,
}
