//! One step of a path into an object, as `FieldsV1` writes it.

use std::fmt;

use serde_json::{Map, Value};

/// One step of a path. Keys and values are kept as canonical JSON text, which makes them ordered and comparable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PathElement {
    /// A field of an object, `f:`.
    Field(String),
    /// An item of a keyed list, `k:`: its key fields as a JSON object with sorted names.
    Key(String),
    /// An element of a set, `v:`: its value as JSON.
    Value(String),
    /// A position in a list, `i:`. Never written by this server, but other servers' objects may hold it.
    Index(u64),
}

impl PathElement {
    /// The step to an element of a set.
    pub(crate) fn value(value: &Value) -> Self {
        Self::Value(canonical(value))
    }

    /// The step to the item of a keyed list that has these key fields.
    pub(crate) fn key(fields: &[(&str, &Value)]) -> Self {
        let mut fields = fields.to_vec();
        fields.sort_unstable_by_key(|(name, _)| *name);
        let mut text = String::from("{");
        for (position, (name, value)) in fields.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            text.push_str(&Value::from(*name).to_string());
            text.push(':');
            text.push_str(&canonical(value));
        }
        text.push('}');
        Self::Key(text)
    }

    /// The name under which `FieldsV1` holds this step.
    pub(crate) fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(key) => format!("k:{key}"),
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// Reads what [`PathElement::encode`] wrote; `None` for anything else.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(2)?;
        match kind {
            "f:" => Some(Self::Field(rest.to_owned())),
            "k:" => match serde_json::from_str(rest).ok()? {
                Value::Object(key) => Some(Self::Key(canonical(&Value::Object(key)))),
                _ => None,
            },
            "v:" => Some(Self::value(&serde_json::from_str(rest).ok()?)),
            "i:" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }
}

impl fmt::Display for PathElement {
    /// As conflicts name it: `.replicas`, `[name="web"]`, `["a"]`, `[0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(key) => {
                let fields: Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
                f.write_str("[")?;
                for (position, (name, value)) in fields.iter().enumerate() {
                    let comma = if position > 0 { "," } else { "" };
                    write!(f, "{comma}{name}={value}")?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[{value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// JSON text with the names of objects sorted, whatever order the map type keeps.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let fields: Vec<_> = map.iter().map(|(name, value)| (name.as_str(), value)).collect();
            match PathElement::key(&fields) {
                PathElement::Key(text) => text,
                _ => String::new(),
            }
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        scalar => scalar.to_string(),
    }
}
