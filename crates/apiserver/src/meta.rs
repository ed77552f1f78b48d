//! Reading and setting object metadata in JSON.

use serde_json::{Map, Value};

/// A string under `metadata`, empty when absent.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|m| m.get(field))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// `metadata.name`.
pub(crate) fn name(object: &Value) -> &str {
    text(object, "name")
}

/// `metadata.namespace`.
pub(crate) fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

/// `metadata.uid`.
pub(crate) fn uid(object: &Value) -> &str {
    text(object, "uid")
}

/// True once a deletion has begun.
pub(crate) fn is_deleting(object: &Value) -> bool {
    !text(object, "deletionTimestamp").is_empty()
}

/// `metadata.finalizers`.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    let list = object
        .get("metadata")
        .and_then(|m| m.get("finalizers"))
        .and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// `metadata.deletionGracePeriodSeconds`.
pub(crate) fn grace(object: &Value) -> Option<i64> {
    object
        .get("metadata")?
        .get("deletionGracePeriodSeconds")?
        .as_i64()
}

/// `metadata`, made an object if it is not one.
pub(crate) fn of(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    match metadata {
        Value::Object(map) => map,
        _ => unreachable!("it was made an object above"),
    }
}

/// Sets a field under `metadata`, or removes it when the value is null or an empty list.
pub(crate) fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    let value = value.into();
    let metadata = of(object);
    if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
        metadata.remove(field);
    } else {
        metadata.insert(field.into(), value);
    }
}

/// Makes a field of one object what it is in another, present or absent.
pub(crate) fn copy(field: &str, from: &Value, to: &mut Value) {
    let value = from
        .get("metadata")
        .and_then(|m| m.get(field))
        .cloned()
        .unwrap_or_default();
    set(to, field, value);
}

/// The present second as Kubernetes writes it.
pub(crate) fn now() -> String {
    stamp(jiff::Timestamp::now())
}

/// A time as Kubernetes writes it: UTC, whole seconds.
pub(crate) fn stamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `metadata.resourceVersion`; empty and absent mean the same.
pub(crate) fn revision(object: &Value) -> &str {
    text(object, "resourceVersion")
}
