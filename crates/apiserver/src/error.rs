//! The one error type of the server: what a client sees as a `Status` object.

use serde_json::{Value, json};

/// One entry of `details.causes`: which field was wrong and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// A Kubernetes cause type such as `FieldValueInvalid`, `FieldValueRequired`, `FieldManagerConflict`.
    pub reason: &'static str,
    /// The field's path in Kubernetes notation, such as `spec.containers[0].name`; empty where none applies.
    pub field: String,
    /// What was wrong and what would be right.
    pub message: String,
}

impl Cause {
    /// A value that is there and is wrong.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: "FieldValueInvalid",
            field: field.into(),
            message: message.into(),
        }
    }

    /// A value that is missing and must be there.
    pub fn required(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: "FieldValueRequired",
            field: field.into(),
            message: message.into(),
        }
    }
}

/// A refusal, as the Kubernetes API words it: HTTP code, machine-readable reason, sentence, details.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status code.
    pub code: u16,
    /// `metav1.StatusReason`, such as `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, `Expired`.
    pub reason: &'static str,
    /// The sentence a person reads.
    pub message: String,
    /// `details` of the `Status`: `name`, `group`, `kind` (the plural for most reasons), `uid`,
    /// `retryAfterSeconds`, and `causes` are filled from [`ApiError::causes`].
    pub details: Option<Value>,
    /// `details.causes`.
    pub causes: Vec<Cause>,
}

impl ApiError {
    /// An error with neither details nor causes.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            causes: Vec::new(),
        }
    }

    /// The `v1/Status` object that stands for this error on the wire.
    pub fn to_status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": self.message, "reason": self.reason, "code": self.code,
        });
        let mut details = self.details.clone().unwrap_or_else(|| json!({}));
        if !self.causes.is_empty() {
            details["causes"] = self
                .causes
                .iter()
                .map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field}))
                .collect();
        }
        if details.as_object().is_some_and(|d| !d.is_empty()) {
            status["details"] = details;
        }
        status
    }
}
