//! A stored object and its name.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::Value;

/// Namespace (empty for cluster-scoped objects) and name; ordered as lists are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Key {
    pub(crate) fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// One version of an object, never changed once stored.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) value: Value,
    pub(crate) revision: u64,
    body: OnceLock<Bytes>,
}

impl Object {
    /// Stamps the revision into the object's metadata.
    pub(crate) fn new(mut value: Value, revision: u64) -> Self {
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".into(), Value::String(revision.to_string()));
        }
        Self {
            value,
            revision,
            body: OnceLock::new(),
        }
    }

    /// The JSON of everything but `kind` and `apiVersion`, without the enclosing braces. Serialized once and
    /// shared by every list and watch; the two missing keys differ by the version asked for.
    pub(crate) fn body(&self) -> &Bytes {
        self.body.get_or_init(|| body_of(&self.value))
    }

    /// The whole object as JSON, for the database.
    pub(crate) fn json(&self) -> Vec<u8> {
        let body = self.body();
        let mut out = Vec::with_capacity(body.len() + 80);
        out.push(b'{');
        for key in ["apiVersion", "kind"] {
            if let Some(value) = self.value.get(key) {
                out.extend_from_slice(format!("\"{key}\":{value}").as_bytes());
                out.push(b',');
            }
        }
        out.extend_from_slice(body);
        if out.last() == Some(&b',') {
            out.pop();
        }
        out.push(b'}');
        out
    }

    /// Bytes of the serialized form.
    pub(crate) fn weight(&self) -> usize {
        self.body().len()
    }
}

/// See [`Object::body`].
pub(crate) fn body_of(value: &Value) -> Bytes {
    let mut out = Vec::with_capacity(1024);
    for (key, field) in value.as_object().into_iter().flatten() {
        if key == "kind" || key == "apiVersion" {
            continue;
        }
        if !out.is_empty() {
            out.push(b',');
        }
        // Writing JSON values with string keys to a Vec has no way to fail.
        _ = serde_json::to_writer(&mut out, key);
        out.push(b':');
        _ = serde_json::to_writer(&mut out, field);
    }
    Bytes::from(out)
}
