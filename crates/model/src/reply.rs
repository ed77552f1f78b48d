//! What the provider can answer.

use std::time::Duration;

use serde_json::Value;

/// One answer, before it is put into the wire format.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// Text, optionally slowed down, optionally with an unusual finish reason.
    Text {
        text: String,
        finish: &'static str,
        per_word: Option<Duration>,
    },
    /// Hidden reasoning, then text.
    Reasoning { thought: String, text: String },
    /// A tool call.
    Tool { name: String, arguments: Value },
    /// The first half of the text and then no more; with `reset`, the connection breaks too.
    Broken { text: String, reset: bool },
    /// An HTTP error.
    Error(HttpError),
    /// Nothing at all for this long, then the reply inside.
    Hang { wait: Duration, then: Box<Reply> },
}

/// An HTTP error with an OpenAI error body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpError {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// Header name and value that tell the caller when to come back.
    pub(crate) retry_after: Option<(&'static str, String)>,
}

impl Reply {
    /// Plain text that ends as it should.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text {
            text: text.into(),
            finish: "stop",
            per_word: None,
        }
    }

    /// A tool call.
    pub(crate) fn tool(name: &str, arguments: Value) -> Self {
        Self::Tool {
            name: name.to_owned(),
            arguments,
        }
    }
}
