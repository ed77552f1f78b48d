//! Rules of ConfigMaps and Secrets.

use serde_json::Value;

use super::{any, at, text};
use crate::error::Cause;
use crate::violation;

/// Data of a ConfigMap or Secret may weigh this many bytes.
const MAX_DATA: usize = 1024 * 1024;

/// ConfigMaps: key syntax, no key twice, size, immutability.
pub(in crate::builtin) fn config_map(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = any(value, old);
    let mut bytes = 0;
    for field in ["data", "binaryData"] {
        bytes += data_keys(value, field, &mut causes);
    }
    for key in keys(value, "binaryData").filter(|key| at(value, &["data", key]).is_some()) {
        let why = "the same key is in data too";
        causes.push(violation::invalid(
            format!("binaryData[{key}]"),
            &Value::from(key),
            why,
        ));
    }
    if bytes > MAX_DATA {
        causes.push(violation::too_long("data", MAX_DATA as u64, "bytes"));
    }
    frozen(value, old, &["data", "binaryData"], &mut causes);
    causes
}

/// Secrets: key syntax, size, base64, type that stays, the keys that well-known types need.
pub(in crate::builtin) fn secret(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    use base64::Engine as _;
    let mut causes = any(value, old);
    data_keys(value, "data", &mut causes);
    let mut bytes = 0;
    for entry in value
        .get("data")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|d| d.values())
    {
        // Text that is no base64 is the schema check's to report.
        let decoded = entry
            .as_str()
            .and_then(|t| base64::engine::general_purpose::STANDARD.decode(t).ok());
        bytes += decoded.map_or(0, |d| d.len());
    }
    if bytes > MAX_DATA {
        causes.push(violation::too_long("data", MAX_DATA as u64, "bytes"));
    }
    let kind = text(value, &["type"]);
    let needs: &[&str] = match kind {
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        _ => &[],
    };
    for key in needs.iter().filter(|key| at(value, &["data", key]).is_none()) {
        causes.push(violation::required(
            format!("data[{key}]"),
            format!("a Secret of type {kind} has this key"),
        ));
    }
    if let Some(before) = old
        .map(|o| text(o, &["type"]))
        .filter(|b| !b.is_empty() && *b != kind)
    {
        causes.push(violation::invalid(
            "type",
            &kind.into(),
            format!("field is immutable; it was {before}"),
        ));
    }
    frozen(value, old, &["data"], &mut causes);
    causes
}

/// Checks the keys of a data map and adds up the bytes of its texts.
fn data_keys(value: &Value, field: &str, causes: &mut Vec<Cause>) -> usize {
    let mut bytes = 0;
    for (key, entry) in value.get(field).and_then(Value::as_object).into_iter().flatten() {
        bytes += entry.as_str().map_or(0, str::len);
        let good = !key.is_empty()
            && key.len() <= 253
            && key != "."
            && !key.starts_with("..")
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        if !good {
            let why =
                "a key is at most 253 alphanumeric characters, '-', '_' or '.', and does not start with '..'";
            causes.push(violation::invalid(
                format!("{field}[{key}]"),
                &key.as_str().into(),
                why,
            ));
        }
    }
    bytes
}

/// Immutable means immutable, and cannot be undone.
fn frozen(value: &Value, old: Option<&Value>, fields: &[&str], causes: &mut Vec<Cause>) {
    let Some(old) = old.filter(|o| o.get("immutable") == Some(&Value::Bool(true))) else {
        return;
    };
    if value.get("immutable") != Some(&Value::Bool(true)) {
        causes.push(violation::forbidden(
            "immutable",
            "stays as it is, for the object is marked immutable",
        ));
    }
    for field in fields {
        let empty = |v: Option<&Value>| v.and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
        let (now, before) = (value.get(field), old.get(field));
        if now != before && !(empty(now) && empty(before)) {
            causes.push(violation::forbidden(
                *field,
                "stays as it is, for the object is marked immutable",
            ));
        }
    }
}

fn keys<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    value
        .get(field)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|m| m.keys())
        .map(String::as_str)
}
