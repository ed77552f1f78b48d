//! OpenAPI v3 documents: what kubectl needs to validate, apply and explain.
//!
//! Documents are built when they are asked for and not kept: they are large, and clients cache them by the hash
//! that the index gives.

mod components;
mod paths;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::kind::Kind;

const TITLE: &str = "Kubernetes";
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// The index at `/openapi/v3`: where the document of each group and version is.
pub(crate) fn index(kinds: &[Kind]) -> Value {
    let mut versions: BTreeMap<String, Vec<&Kind>> = BTreeMap::new();
    for kind in kinds {
        versions.entry(root(kind)).or_default().push(kind);
    }
    let paths: Map<String, Value> = versions
        .into_iter()
        .map(|(path, kinds)| {
            let url = format!("/openapi/v3/{path}?hash={}", hash(&kinds));
            (path, json!({"serverRelativeURL": url}))
        })
        .collect();
    json!({"paths": paths})
}

/// The document of the older format, which describes nothing: kinds are described in version 3 alone.
///
/// It has to be there all the same. kubectl asks for it when it meets a kind that no version 3 document has, and takes
/// its absence for a broken server instead of telling its user that there is no such kind.
pub(crate) fn v2() -> Value {
    json!({"swagger": "2.0", "info": {"title": TITLE, "version": VERSION}, "paths": {}})
}

/// [`v2`] as an `openapi.v2.Document` message: `swagger` is field 1, `info` field 2 with title and version.
pub(crate) fn v2_protobuf() -> Vec<u8> {
    let mut info = Vec::new();
    put(&mut info, 1, TITLE.as_bytes());
    put(&mut info, 2, VERSION.as_bytes());
    let mut document = Vec::new();
    put(&mut document, 1, b"2.0");
    put(&mut document, 2, &info);
    document
}

/// Appends a field of bytes. Number and length must be small enough for one byte each.
fn put(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    debug_assert!(number < 16 && bytes.len() < 128, "a varint of one byte");
    message.push(number << 3 | 2);
    message.push(u8::try_from(bytes.len()).unwrap_or(0));
    message.extend_from_slice(bytes);
}

/// The document of one group and version; all kinds given are of that group and version.
pub(crate) fn group_version(kinds: &[Kind]) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": {"title": TITLE, "version": VERSION},
        "paths": paths::of(kinds),
        "components": {"schemas": components::of(kinds)},
    })
}

/// `api/v1` or `apis/apps/v1`.
fn root(kind: &Kind) -> String {
    let prefix = if kind.group.is_empty() { "api" } else { "apis" };
    format!("{prefix}/{}", kind.api_version())
}

/// A hash that changes with the document. It is taken from what the document is made of, since building every
/// document just to hash it would cost what the hash is there to save.
fn hash(kinds: &[&Kind]) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    for kind in kinds {
        hash.update(kind.kind.as_bytes());
        hash.update(kind.plural.as_bytes());
        hash.update([0, u8::from(kind.namespaced), u8::from(kind.subresources.status)]);
        if kind.custom
            && let Some(source) = kind.schema.get().source_text()
        {
            hash.update(source.as_bytes());
        }
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02X}"))
        .collect()
}

/// The extension by which clients find a kind in a document.
fn identity(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

/// The name of a kind's schema in a document: `com.example.v1.Widget`, or the API library's own name.
fn component_name(kind: &Kind) -> String {
    let mut parts: Vec<&str> = kind.group.split('.').rev().filter(|p| !p.is_empty()).collect();
    parts.extend([kind.version.as_str(), kind.kind.as_str()]);
    parts.join(".")
}
