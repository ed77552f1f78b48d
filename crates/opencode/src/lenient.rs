//! Decoding that takes what it can get.
//!
//! A server of another version may send `null`, a float for an integer, or one list item of a new shape. None of
//! that is a reason to lose the rest of the answer.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// The value, or the default where it is missing, `null` or of another type. Use with `#[serde(default)]`.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// A whole number that may have been written as a float. Use with `#[serde(default)]`.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    // A cast from f64 saturates, so no number is out of range.
    Ok(value
        .as_i64()
        .or_else(|| value.as_f64().map(|float| float as i64))
        .unwrap_or_default())
}

/// The items that can be decoded, in order. Use with `#[serde(default)]`.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(items(Value::deserialize(deserializer)?))
}

/// The items of an array that can be decoded; nothing for any other value.
pub(crate) fn items<T: DeserializeOwned>(value: Value) -> Vec<T> {
    match value {
        Value::Array(items) => items
            .into_iter()
            .filter_map(|item| serde_json::from_value(item).ok())
            .collect(),
        _ => Vec::new(),
    }
}
