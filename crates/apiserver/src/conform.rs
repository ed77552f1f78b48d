//! From what a client sent to what may be stored: types, unknown fields, defaults, validation.

use serde_json::Value;

use crate::call::FieldValidation;
use crate::error::{ApiError, Cause};
use crate::kind::Kind;
use crate::{meta, refusal};

/// Checks `apiVersion` and `kind`, and fills them in where a builtin kind's body leaves them out.
pub(crate) fn type_meta(kind: &Kind, object: &mut Value) -> Result<(), ApiError> {
    let Some(fields) = object.as_object_mut() else {
        return Err(refusal::bad_request(format!(
            "the body of the request must be one {} object, and is {}",
            kind.kind,
            if object.is_array() { "a list" } else { "a scalar" },
        )));
    };
    for (field, expected) in [("apiVersion", kind.api_version()), ("kind", kind.kind.clone())] {
        let word = if field == "kind" { "kind" } else { "API version" };
        match fields.get(field).and_then(Value::as_str).unwrap_or_default() {
            "" if kind.custom => {
                return Err(refusal::bad_request(format!(
                    "the body of the request names no {word}: set {field} to {expected}"
                )));
            }
            "" => {
                fields.insert(field.into(), expected.into());
            }
            given if given == expected => {}
            given => {
                return Err(refusal::bad_request(format!(
                    "the {word} in the data ({given}) does not match the expected {word} ({expected})"
                )));
            }
        }
    }
    Ok(())
}

/// Drops fields the schema does not know; refuses or warns, as the client asked.
pub(crate) fn prune(
    kind: &Kind,
    object: &mut Value,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<(), ApiError> {
    let dropped = kind.schema.get().prune(object);
    if dropped.is_empty() || validation == FieldValidation::Ignore {
        return Ok(());
    }
    let texts: Vec<String> = dropped
        .iter()
        .map(|path| format!("unknown field \"{path}\""))
        .collect();
    if validation == FieldValidation::Strict {
        let what = if kind.custom {
            String::new()
        } else {
            format!(
                "{} in version \"{}\" cannot be handled as a {}: ",
                kind.kind, kind.version, kind.kind
            )
        };
        return Err(refusal::bad_request(format!(
            "{what}strict decoding error: {}",
            texts.join(", ")
        )));
    }
    for text in texts {
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }
    Ok(())
}

/// Fills in defaults of the schema and of the kind.
pub(crate) fn default(kind: &Kind, object: &mut Value) {
    kind.schema.get().apply_defaults(object);
    if let Some(default) = kind.default {
        default(object);
    }
}

/// Everything that must hold for an object to be stored.
pub(crate) fn validate(kind: &Kind, object: &Value, old: Option<&Value>) -> Result<(), ApiError> {
    let mut causes: Vec<Cause> = kind.schema.get().validate(object, old);
    let is_type_error = |cause: &Cause| cause.reason == "FieldValueTypeInvalid";
    if !kind.custom && causes.iter().any(is_type_error) {
        // A real server cannot even decode such an object.
        let texts: Vec<String> = causes
            .iter()
            .map(|c| format!("{}: {}", c.field, c.message))
            .collect();
        return Err(refusal::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: {}",
            kind.kind,
            kind.version,
            kind.kind,
            texts.join(", "),
        )));
    }
    if causes.is_empty() {
        if let Some(validate) = kind.validate {
            causes.extend(validate(object, old));
        }
        if let Some(old) = old {
            causes.extend(added_finalizers(object, old));
        }
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(refusal::invalid(kind, meta::name(object), causes))
    }
}

/// Once a deletion has begun, finalizers only leave.
fn added_finalizers(object: &Value, old: &Value) -> Option<Cause> {
    if !meta::is_deleting(old) {
        return None;
    }
    let before = meta::finalizers(old);
    let added: Vec<&str> = meta::finalizers(object)
        .into_iter()
        .filter(|f| !before.contains(f))
        .collect();
    let message = format!(
        "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
    );
    (!added.is_empty()).then(|| Cause {
        reason: "FieldValueForbidden",
        field: "metadata.finalizers".into(),
        message,
    })
}
