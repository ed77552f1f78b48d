//! How stored objects look to a client: in the version, and in the form, it asked for.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::builtin;
use crate::kind::Kind;
use crate::media::Form;
use crate::store::{Key, Object, body_of};
use crate::table::{self, IncludeObject};

/// The object as its kind shows it. Borrowed unless the stored version is another one.
pub(crate) fn value<'a>(kind: &Kind, object: &'a Object) -> Cow<'a, Value> {
    if kind.group == "events.k8s.io" {
        return Cow::Owned(builtin::event_from_core(&object.value));
    }
    let version = kind.api_version();
    if object.value.get("apiVersion").and_then(Value::as_str) == Some(version.as_str()) {
        return Cow::Borrowed(&object.value);
    }
    let mut value = object.value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("apiVersion".into(), version.into());
    }
    Cow::Owned(value)
}

/// The inverse of [`value`]: what is stored for an object of this kind.
pub(crate) fn to_storage(kind: &Kind, value: Value) -> Value {
    if kind.group == "events.k8s.io" {
        builtin::event_to_core(&value)
    } else {
        value
    }
}

fn body(kind: &Kind, object: &Object) -> Bytes {
    if kind.group == "events.k8s.io" {
        body_of(&value(kind, object))
    } else {
        object.body().clone()
    }
}

/// `metadata` alone, as a PartialObjectMetadata.
pub(crate) fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_default(),
    })
}

/// How an answer is to be formed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) form: Form,
    pub(crate) include: IncludeObject,
}

/// One object.
pub(crate) fn one(kind: &Kind, look: Look, object: &Object) -> Bytes {
    match look.form {
        Form::Plain => {
            let body = body(kind, object);
            let mut out = Vec::with_capacity(body.len() + 80);
            type_meta(&mut out, &kind.kind, &kind.api_version());
            out.push(b',');
            out.extend_from_slice(&body);
            out.push(b'}');
            out.into()
        }
        Form::Metadata => partial(&object.value).to_string().into(),
        Form::Table => {
            let mut table = table(kind, look.include, &[value(kind, object).as_ref()]);
            let revision = object.revision.to_string();
            table["metadata"] = json!({"resourceVersion": revision});
            table.to_string().into()
        }
    }
}

/// The Table form of some objects, with its column definitions.
pub(crate) fn table(kind: &Kind, include: IncludeObject, objects: &[&Value]) -> Value {
    let objects: Vec<Value> = objects.iter().copied().cloned().collect();
    table::table(kind, &objects, jiff::Timestamp::now(), include)
}

/// The metadata of a list.
#[derive(Debug, Default)]
pub(crate) struct ListMeta {
    pub(crate) revision: u64,
    pub(crate) next: Option<String>,
    pub(crate) remaining: Option<usize>,
}

impl ListMeta {
    fn to_json(&self) -> Value {
        let mut meta = Map::new();
        meta.insert("resourceVersion".into(), self.revision.to_string().into());
        if let Some(next) = &self.next {
            meta.insert("continue".into(), next.as_str().into());
        }
        if let Some(remaining) = self.remaining {
            meta.insert("remainingItemCount".into(), remaining.into());
        }
        Value::Object(meta)
    }
}

/// A list of objects.
pub(crate) fn list(kind: &Kind, look: Look, items: &[(Key, Arc<Object>)], meta: &ListMeta) -> Bytes {
    match look.form {
        Form::Plain => {
            let bodies: Vec<Bytes> = items.iter().map(|(_, object)| body(kind, object)).collect();
            let mut out = Vec::with_capacity(bodies.iter().map(|b| b.len() + 64).sum::<usize>() + 160);
            type_meta(&mut out, &kind.list_kind, &kind.api_version());
            out.extend_from_slice(b",\"metadata\":");
            out.extend_from_slice(meta.to_json().to_string().as_bytes());
            out.extend_from_slice(b",\"items\":[");
            for (at, body) in bodies.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                if kind.custom {
                    type_meta(&mut out, &kind.kind, &kind.api_version());
                    out.push(b',');
                } else {
                    // Items of builtin lists do not repeat their type, as from a real server.
                    out.push(b'{');
                }
                out.extend_from_slice(body);
                out.push(b'}');
            }
            out.extend_from_slice(b"]}");
            out.into()
        }
        Form::Metadata => {
            let items: Vec<Value> = items.iter().map(|(_, object)| partial(&object.value)).collect();
            json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": meta.to_json(), "items": items,
            })
            .to_string()
            .into()
        }
        Form::Table => {
            let shown: Vec<Cow<'_, Value>> = items.iter().map(|(_, object)| value(kind, object)).collect();
            let shown: Vec<&Value> = shown.iter().map(AsRef::as_ref).collect();
            let mut table = table(kind, look.include, &shown);
            table["metadata"] = meta.to_json();
            table.to_string().into()
        }
    }
}

/// Opens a JSON object with its type.
fn type_meta(out: &mut Vec<u8>, kind: &str, api_version: &str) {
    out.extend_from_slice(b"{\"kind\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"apiVersion\":\"");
    out.extend_from_slice(api_version.as_bytes());
    out.push(b'"');
}
