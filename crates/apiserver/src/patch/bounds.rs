//! Limits that keep a small request from becoming a large document.

use serde_json::Value;

/// The deepest nesting a document may have: what the JSON parser accepts, so that whatever is written can be
/// read again.
pub(crate) const MAX_DEPTH: usize = 127;

/// True if objects and lists are nested more than `limit` deep. Needs no recursion, so it may be asked of
/// anything.
pub(crate) fn deeper_than(value: &Value, limit: usize) -> bool {
    let mut open = vec![(value, 1)];
    while let Some((value, depth)) = open.pop() {
        let nested = value.is_array() || value.is_object();
        if nested && depth > limit {
            return true;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(fields) => open.extend(fields.values().map(|field| (field, depth + 1))),
            _ => {}
        }
    }
    false
}

/// Roughly the bytes that a value takes as JSON.
pub(crate) fn weight(value: &Value) -> usize {
    let mut open = vec![value];
    let mut total = 0;
    while let Some(value) = open.pop() {
        total += 4;
        match value {
            Value::String(text) => total += text.len(),
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                total += fields.keys().map(|name| name.len() + 4).sum::<usize>();
                open.extend(fields.values());
            }
            _ => {}
        }
    }
    total
}
