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

/// The document of one group and version; all kinds given are of that group and version.
pub(crate) fn group_version(kinds: &[Kind]) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": concat!("v", env!("CARGO_PKG_VERSION"))},
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
