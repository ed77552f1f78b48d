//! Turning one untyped object into its kind.

use std::fmt;

use kube::core::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why an object is not what its kind says it should be.
///
/// The text names the field and what belongs there, never the value found: a misplaced value may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Kind of the object, if it says so.
    pub kind: Option<String>,
    /// Its namespace, if it has one.
    pub namespace: Option<String>,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The field that does not fit, such as `spec.contexts[0].type`; empty when the object as a whole does not.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_deref().unwrap_or("object"))?;
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => write!(f, " {namespace}/{name}")?,
            (None, Some(name)) => write!(f, " {name}")?,
            _ => {}
        }
        if !self.path.is_empty() {
            write!(f, ", field {}", self.path)?;
        }
        write!(f, ": {}; correct the field, or delete the object", self.problem)
    }
}

impl std::error::Error for DecodeError {}

/// Reads an object of kind `K` from JSON.
///
/// # Errors
///
/// A [`DecodeError`] that names the first field that does not fit.
pub fn decode<K: DeserializeOwned>(object: &Value) -> Result<K, DecodeError> {
    serde_path_to_error::deserialize(object).map_err(|error| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let path = error.path().to_string();
        DecodeError {
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
            path: if path == "." { String::new() } else { path },
            problem: without_value(&error.inner().to_string()),
        }
    })
}

/// Reads an object of kind `K` from what a watch of untyped objects delivers.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_object<K: DeserializeOwned>(object: &DynamicObject) -> Result<K, DecodeError> {
    match serde_json::to_value(object) {
        Ok(value) => decode(&value),
        Err(error) => Err(DecodeError {
            kind: object.types.as_ref().map(|types| types.kind.clone()),
            namespace: object.metadata.namespace.clone(),
            name: object.metadata.name.clone(),
            path: String::new(),
            problem: without_value(&error.to_string()),
        }),
    }
}

/// Serde quotes the value it did not expect; this keeps only its type.
fn without_value(text: &str) -> String {
    let Some((found, expected)) = text.rsplit_once(", expected ") else {
        // What remains is "missing field `name`" and texts of types that parse strings, which may quote them.
        return if text.starts_with("missing field `") {
            text.to_owned()
        } else {
            "its value cannot be read".to_owned()
        };
    };
    let found = found.strip_prefix("invalid type: ").unwrap_or(found);
    let kinds = [
        "string",
        "integer",
        "floating point",
        "boolean",
        "null",
        "map",
        "sequence",
    ];
    match kinds.iter().find(|kind| found.starts_with(**kind)) {
        Some(kind) => format!("expected {expected}, found a value of type {kind}"),
        None => format!("expected {expected}, found something else"),
    }
}
