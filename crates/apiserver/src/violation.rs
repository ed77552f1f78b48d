//! How a wrong field is reported: one function per Kubernetes cause type, so that wording stays the same
//! whether a schema or a builtin kind's rule found the fault.

use serde_json::Value;

use crate::error::Cause;

/// Longest rendering of an offending value in a message; anything longer is cut.
const SHOWN: usize = 120;

/// Renders a value for a message: compact JSON, cut to a readable length; of an object or array only what it is.
///
/// Cutting matters for more than looks: a Secret or a prompt of a megabyte must not be echoed back.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Object(_) => return "\"object\"".to_owned(),
        Value::Array(_) => return "\"array\"".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() <= SHOWN {
        return text;
    }
    let mut cut: String = text.chars().take(SHOWN).collect();
    cut.push('…');
    cut
}

/// A value that breaks a rule.
pub(crate) fn invalid(field: impl Into<String>, value: &Value, why: impl std::fmt::Display) -> Cause {
    Cause::invalid(field, format!("Invalid value: {}: {why}", shown(value)))
}

/// A value of the wrong JSON type.
pub(crate) fn wrong_type(field: impl Into<String>, value: &Value, wanted: &str) -> Cause {
    let got = json_type(value);
    Cause {
        reason: "FieldValueTypeInvalid",
        field: field.into(),
        message: format!(
            "Invalid value: {}: must be of type {wanted}, not {got}",
            shown(value)
        ),
    }
}

/// A value that is missing.
pub(crate) fn required(field: impl Into<String>, why: impl std::fmt::Display) -> Cause {
    let why = why.to_string();
    Cause::required(
        field,
        if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        },
    )
}

/// A value outside a closed set.
pub(crate) fn not_supported<'a>(
    field: impl Into<String>,
    value: &Value,
    allowed: impl IntoIterator<Item = &'a str>,
) -> Cause {
    let allowed: Vec<String> = allowed.into_iter().map(|a| format!("\"{a}\"")).collect();
    Cause {
        reason: "FieldValueNotSupported",
        field: field.into(),
        message: format!(
            "Unsupported value: {}: supported values: {}",
            shown(value),
            allowed.join(", ")
        ),
    }
}

/// A value that must be unique and is there twice.
pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> Cause {
    Cause {
        reason: "FieldValueDuplicate",
        field: field.into(),
        message: format!("Duplicate value: {}", shown(value)),
    }
}

/// A change or field that is not allowed here.
pub(crate) fn forbidden(field: impl Into<String>, why: impl std::fmt::Display) -> Cause {
    Cause {
        reason: "FieldValueForbidden",
        field: field.into(),
        message: format!("Forbidden: {why}"),
    }
}

/// Text or data longer than allowed.
pub(crate) fn too_long(field: impl Into<String>, limit: u64, unit: &str) -> Cause {
    Cause {
        reason: "FieldValueTooLong",
        field: field.into(),
        message: format!("Too long: may not be more than {limit} {unit}"),
    }
}

/// More items than allowed.
pub(crate) fn too_many(field: impl Into<String>, count: usize, limit: u64, unit: &str) -> Cause {
    Cause {
        reason: "FieldValueTooMany",
        field: field.into(),
        message: format!("Too many: {count}: must have at most {limit} {unit}"),
    }
}

/// A reference to something that is not there.
pub(crate) fn not_found(field: impl Into<String>, value: &Value) -> Cause {
    Cause {
        reason: "FieldValueNotFound",
        field: field.into(),
        message: format!("Not found: {}", shown(value)),
    }
}

/// The name of a JSON value's type, in the words of a schema.
pub(crate) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
