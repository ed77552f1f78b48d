//! OpenCode's own errors, as they appear in messages and in `session.error`.

use serde::Deserialize;

use crate::lenient;

/// An error of a turn.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Fault {
    /// OpenCode's name of the error, such as `APIError`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    data: Data,
    /// Some versions put the text here instead of into `data`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    message: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct Data {
    #[serde(default, deserialize_with = "lenient::or_default")]
    message: String,
    #[serde(default, rename = "statusCode", deserialize_with = "lenient::or_default")]
    status: Option<u16>,
    #[serde(default, rename = "isRetryable", deserialize_with = "lenient::or_default")]
    retryable: bool,
}

/// What kind of error it is, as far as callers tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The provider answered with an error, or could not be reached.
    Provider,
    /// The provider refused the credentials.
    Credentials,
    /// The turn was aborted.
    Aborted,
    /// The conversation no longer fits into the model.
    ContextOverflow,
    /// The answer was cut at the model's output limit.
    OutputLength,
    /// The provider's content filter stopped the answer.
    ContentFilter,
    /// The configured model or provider does not exist.
    ModelNotFound,
    /// Anything else.
    Other,
}

impl Fault {
    /// An error with a name and a text.
    #[must_use]
    pub fn new(name: &str, message: &str) -> Self {
        Self {
            name: name.to_owned(),
            data: Data {
                message: message.to_owned(),
                status: None,
                retryable: false,
            },
            message: String::new(),
        }
    }

    /// The same error with the HTTP status of the provider.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.data.status = Some(status);
        self
    }

    /// The text for a person: the first line of what OpenCode said, or the error's name.
    #[must_use]
    pub fn text(&self) -> &str {
        // OpenCode appends a JavaScript stack to unexpected errors; it helps nobody who runs a task.
        [&self.data.message, &self.message, &self.name]
            .into_iter()
            .filter_map(|text| text.lines().map(str::trim).find(|line| !line.is_empty()))
            .next()
            .unwrap_or("an error without a name")
    }

    /// The HTTP status the provider answered with, where it answered.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.data.status
    }

    /// Whether OpenCode considers the error worth a retry.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.data.retryable
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match (self.name.as_str(), self.data.status) {
            ("ProviderAuthError", _) | ("APIError", Some(401 | 403)) => FaultKind::Credentials,
            ("APIError", _) => FaultKind::Provider,
            ("MessageAbortedError", _) => FaultKind::Aborted,
            ("ContextOverflowError", _) => FaultKind::ContextOverflow,
            ("MessageOutputLengthError", _) => FaultKind::OutputLength,
            ("ContentFilterError", _) => FaultKind::ContentFilter,
            ("ProviderModelNotFoundError", _) => FaultKind::ModelNotFound,
            _ if self.text().contains("Model not found") || self.text().contains("ModelNotFound") => {
                FaultKind::ModelNotFound
            }
            _ => FaultKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_every_shape_are_read() {
        let check = |json: &str, text: &str, status: Option<u16>, kind: FaultKind| {
            let fault: Fault = serde_json::from_str(json).unwrap();
            assert_eq!(
                (fault.text(), fault.status(), fault.kind()),
                (text, status, kind),
                "{json}"
            );
        };
        check(
            r#"{"name":"APIError","data":{"message":"bad key","statusCode":401,"isRetryable":false}}"#,
            "bad key",
            Some(401),
            FaultKind::Credentials,
        );
        check(
            r#"{"name":"APIError","data":{"message":"","statusCode":"x"}}"#,
            "APIError",
            None,
            FaultKind::Provider,
        );
        check(
            r#"{"name":"UnknownError","data":{"message":"Model not found: a/b.\n    at x.js"}}"#,
            "Model not found: a/b.",
            None,
            FaultKind::ModelNotFound,
        );
        check(
            r#"{"name":"MessageAbortedError","message":"stop"}"#,
            "stop",
            None,
            FaultKind::Aborted,
        );
        check(r#"{}"#, "an error without a name", None, FaultKind::Other);
        check(
            r#"{"name":null,"data":null}"#,
            "an error without a name",
            None,
            FaultKind::Other,
        );
    }
}
