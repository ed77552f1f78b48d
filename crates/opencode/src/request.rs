//! What OpenCode asks the person in front of it.

use serde::Deserialize;

use crate::lenient;

/// A tool call waits for permission.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PermissionRequest {
    /// `per_…`
    pub id: String,
    /// The session that asks.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient::or_default")]
    pub session: String,
    /// What is asked for, such as `bash`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub permission: String,
    /// On what, such as the command.
    #[serde(default, deserialize_with = "lenient::list")]
    pub patterns: Vec<String>,
}

/// The model asks the user something and waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct QuestionRequest {
    /// `que_…`
    pub id: String,
    /// The session that asks.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient::or_default")]
    pub session: String,
    /// What it wants to know.
    #[serde(default, deserialize_with = "lenient::list")]
    pub questions: Vec<Question>,
}

/// One question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Question {
    /// The text.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub question: String,
}
