//! The refusals of the Kubernetes API, worded and detailed as clients expect them.

use serde_json::{Map, Value, json};

use crate::error::{ApiError, Cause};
use crate::kind::Kind;
use crate::store::WriteError;

fn details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = Map::new();
    for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details.insert(key.into(), value.into());
        }
    }
    Value::Object(details)
}

fn about(kind: &Kind, name: &str, code: u16, reason: &'static str, message: String) -> ApiError {
    let details = Some(details(&kind.group, &kind.plural, name));
    ApiError {
        code,
        reason,
        message,
        details,
        causes: Vec::new(),
    }
}

/// 404 for an object.
pub(crate) fn not_found(kind: &Kind, name: &str) -> ApiError {
    about(
        kind,
        name,
        404,
        "NotFound",
        format!("{} \"{name}\" not found", kind.resource_key()),
    )
}

/// 404 for a path that leads nowhere.
pub(crate) fn no_such_path() -> ApiError {
    ApiError {
        details: Some(json!({})),
        ..ApiError::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
    }
}

/// 409 for a name that is taken.
pub(crate) fn already_exists(kind: &Kind, name: &str) -> ApiError {
    about(
        kind,
        name,
        409,
        "AlreadyExists",
        format!("{} \"{name}\" already exists", kind.resource_key()),
    )
}

/// 409 for an update that lost, with why.
pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> ApiError {
    let message = format!(
        "Operation cannot be fulfilled on {} \"{name}\": {why}",
        kind.resource_key()
    );
    about(kind, name, 409, "Conflict", message)
}

/// 409 for an update whose `resourceVersion` is not the stored one.
pub(crate) fn modified(kind: &Kind, name: &str) -> ApiError {
    let why = "the object has been modified; please apply your changes to the latest version and try again";
    conflict(kind, name, why)
}

/// 422 for an object whose fields are wrong.
pub(crate) fn invalid(kind: &Kind, name: &str, causes: Vec<Cause>) -> ApiError {
    let place = if kind.group.is_empty() {
        kind.kind.clone()
    } else {
        format!("{}.{}", kind.kind, kind.group)
    };
    let mut texts: Vec<String> = causes
        .iter()
        .map(|c| {
            if c.field.is_empty() {
                c.message.clone()
            } else {
                format!("{}: {}", c.field, c.message)
            }
        })
        .collect();
    let text = if texts.len() == 1 {
        texts.remove(0)
    } else {
        format!("[{}]", texts.join(", "))
    };
    ApiError {
        code: 422,
        reason: "Invalid",
        message: format!("{place} \"{name}\" is invalid: {text}"),
        details: Some(details(&kind.group, &kind.kind, name)),
        causes,
    }
}

/// 403 with why.
pub(crate) fn forbidden(kind: &Kind, name: &str, why: &str) -> ApiError {
    let message = format!("{} \"{name}\" is forbidden: {why}", kind.resource_key());
    about(kind, name, 403, "Forbidden", message)
}

/// 400.
pub(crate) fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "BadRequest", message)
}

/// 405 for a verb a resource does not have.
pub(crate) fn method_not_allowed() -> ApiError {
    ApiError {
        details: Some(json!({})),
        ..ApiError::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }
}

/// 415 with the content types that would do.
pub(crate) fn unsupported_media_type(accepted: &[&str]) -> ApiError {
    let message = format!(
        "the body of the request was in an unknown format - accepted media types include: {}",
        accepted.join(", ")
    );
    ApiError::new(415, "UnsupportedMediaType", message)
}

/// 410 for a revision the server no longer remembers.
pub(crate) fn expired(message: impl Into<String>) -> ApiError {
    ApiError::new(410, "Expired", message)
}

/// The 410 of a watch that starts too far back or was too slow.
pub(crate) fn too_old(asked: u64, current: u64) -> ApiError {
    expired(format!("too old resource version: {asked} ({current})"))
}

/// 504 for a revision that has not happened yet.
pub(crate) fn too_large(asked: u64, current: u64) -> ApiError {
    ApiError {
        details: Some(json!({"retryAfterSeconds": 1})),
        causes: vec![Cause {
            reason: "ResourceVersionTooLarge",
            field: String::new(),
            message: "Too large resource version".into(),
        }],
        ..ApiError::new(
            504,
            "Timeout",
            format!("Too large resource version: {asked}, current: {current}"),
        )
    }
}

/// 413 for a body over the limit.
pub(crate) fn too_large_body(limit: usize) -> ApiError {
    ApiError::new(
        413,
        "RequestEntityTooLarge",
        format!("the request is too large: the limit is {limit} bytes"),
    )
}

/// 401 for a request without the right token.
pub(crate) fn unauthorized() -> ApiError {
    ApiError::new(401, "Unauthorized", "Unauthorized")
}

/// 500 for what should not happen.
pub(crate) fn internal(message: impl Into<String>) -> ApiError {
    ApiError::new(
        500,
        "InternalError",
        format!("Internal error occurred: {}", message.into()),
    )
}

/// 503 while something is not there that will come back.
pub(crate) fn unavailable(message: impl Into<String>) -> ApiError {
    ApiError::new(503, "ServiceUnavailable", message)
}

/// 400 or 422 of wrong request options, the shape every bad option has.
pub(crate) fn bad_options(group_kind: &str, causes: Vec<Cause>) -> ApiError {
    let texts: Vec<String> = causes
        .iter()
        .map(|c| format!("{}: {}", c.field, c.message))
        .collect();
    ApiError {
        code: 422,
        reason: "Invalid",
        message: format!("{group_kind}.meta.k8s.io \"\" is invalid: {}", texts.join(", ")),
        details: Some(json!({"group": "meta.k8s.io", "kind": group_kind})),
        causes,
    }
}

/// A refused write, told to the client.
pub(crate) fn from_write(kind: &Kind, name: &str, error: &WriteError) -> ApiError {
    match error {
        WriteError::Exists => already_exists(kind, name),
        WriteError::Missing => not_found(kind, name),
        WriteError::Conflict => modified(kind, name),
        WriteError::Storage(_) => {
            tracing::error!(resource = kind.resource_key(), name, %error, "a write failed");
            internal(error.to_string())
        }
    }
}
