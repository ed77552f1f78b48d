//! CustomResourceDefinitions: what makes one valid, and the kinds it declares.

mod kinds;
mod validate;

use serde_json::{Map, Value, json};

pub(crate) use self::kinds::kinds_of;
pub(crate) use self::validate::validate;

/// Fills names derived from the kind, and the conversion strategy.
pub(crate) fn default(value: &mut Value) {
    // Nulls go everywhere except inside schemas, where a null default or enum value means something.
    let schemas: Vec<Option<Value>> = versions(value).iter().map(|v| v.get("schema").cloned()).collect();
    crate::schema::drop_nulls(value);
    if let Some(list) = value.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        for (version, schema) in list.iter_mut().filter_map(Value::as_object_mut).zip(schemas) {
            if let Some(schema) = schema.filter(|s| !s.is_null()) {
                version.insert("schema".into(), schema);
            }
        }
    }
    let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) {
        let kind = names
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let mut fill = |name: &str, value: String| {
            if names.get(name).and_then(Value::as_str).is_none_or(str::is_empty) && !kind.is_empty() {
                names.insert(name.to_owned(), value.into());
            }
        };
        fill("singular", kind.to_lowercase());
        fill("listKind", format!("{kind}List"));
    }
    let conversion = spec.entry("conversion").or_insert_with(|| json!({}));
    if let Some(conversion) = conversion.as_object_mut() {
        conversion.entry("strategy").or_insert_with(|| "None".into());
    }
}

/// The status of a definition that was accepted; `now` is an RFC 3339 time.
///
/// Conditions that already hold keep their transition time, and storage versions of the past stay listed.
pub(crate) fn established_status(crd: &Value, now: &str) -> Value {
    let mut stored: Vec<Value> = crd
        .pointer("/status/storedVersions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let storage = versions(crd)
        .iter()
        .find(|v| v.get("storage") == Some(&Value::Bool(true)));
    if let Some(name) = storage.and_then(|v| v.get("name"))
        && !stored.contains(name)
    {
        stored.push(name.clone());
    }
    let since = |kind: &str| -> String {
        let conditions = crd
            .pointer("/status/conditions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let held = conditions
            .filter(|c| c.get("type").and_then(Value::as_str) == Some(kind))
            .find(|c| c.get("status").and_then(Value::as_str) == Some("True"));
        held.and_then(|c| c.get("lastTransitionTime")?.as_str())
            .unwrap_or(now)
            .to_owned()
    };
    json!({
        "acceptedNames": crd.pointer("/spec/names").cloned().unwrap_or_else(|| Value::Object(Map::new())),
        "storedVersions": stored,
        "conditions": [
            {
                "type": "NamesAccepted", "status": "True", "reason": "NoConflicts",
                "message": "no conflicts found", "lastTransitionTime": since("NamesAccepted"),
            },
            {
                "type": "Established", "status": "True", "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted", "lastTransitionTime": since("Established"),
            },
        ],
    })
}

/// The versions a definition declares.
fn versions(crd: &Value) -> &[Value] {
    crd.pointer("/spec/versions")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
