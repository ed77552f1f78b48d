//! Comparing what is with the part of it that a fixture names.

use serde_json::Value;

/// Notes where `is` lacks something of `wanted`. Maps are compared by the keys that are wanted, `null` means that
/// nothing is there, and a list or map that is wanted where there is a text is compared with the JSON in that text.
pub(crate) fn contains(place: &str, is: &Value, wanted: &Value, misses: &mut Vec<String>) {
    match (is, wanted) {
        (Value::Object(is), Value::Object(wanted)) => {
            for (key, value) in wanted {
                let found = is.get(key).unwrap_or(&Value::Null);
                if value.is_null() && !found.is_null() {
                    misses.push(format!("{place}.{key} is there: {found}"));
                } else {
                    contains(&format!("{place}.{key}"), found, value, misses);
                }
            }
        }
        (Value::String(text), Value::Array(_) | Value::Object(_)) => match serde_json::from_str(text) {
            Ok(parsed) => equal(place, &parsed, wanted, misses),
            Err(_) => equal(place, is, wanted, misses),
        },
        // "Nothing was said about this".
        (_, Value::Null) => {}
        (is, wanted) => equal(place, is, wanted, misses),
    }
}

/// Notes where the two differ at all.
pub(crate) fn equal(place: &str, is: &Value, wanted: &Value, misses: &mut Vec<String>) {
    if is != wanted {
        misses.push(format!("{place}\n  is     {is}\n  wanted {wanted}"));
    }
}
