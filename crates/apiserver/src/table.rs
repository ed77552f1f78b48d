//! The Table form of lists: what `kubectl get` prints.

mod age;
pub(crate) mod columns;
mod jsonpath;

use serde_json::{Value, json};

pub(crate) use self::jsonpath::JsonPath;
use crate::kind::{Cell, Kind};

/// How much of each object a row carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata, as `PartialObjectMetadata`.
    Metadata,
    /// All of it.
    Object,
}

/// A `meta.k8s.io/v1` Table of objects. List metadata (`resourceVersion`, `continue`) is the caller's.
pub(crate) fn table(kind: &Kind, items: &[Value], now: jiff::Timestamp, include: IncludeObject) -> Value {
    // Paths are parsed once for all rows; a path that does not parse prints nothing.
    let paths: Vec<Option<JsonPath>> = kind
        .columns
        .iter()
        .map(|column| match &column.cell {
            Cell::JsonPath(path) => JsonPath::parse(path).ok(),
            Cell::Computed(_) => None,
        })
        .collect();
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let cells: Vec<Value> = kind
                .columns
                .iter()
                .zip(&paths)
                .map(|(column, path)| match (&column.cell, path) {
                    (Cell::Computed(cell), _) => cell(item, now),
                    (Cell::JsonPath(_), Some(path)) => path.cell(item, &column.kind, now),
                    (Cell::JsonPath(_), None) => Value::Null,
                })
                .collect();
            let mut row = json!({"cells": cells});
            match include {
                IncludeObject::None => {}
                IncludeObject::Metadata => row["object"] = partial(item),
                IncludeObject::Object => row["object"] = item.clone(),
            }
            row
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": definitions(kind),
        "rows": rows,
    })
}

fn definitions(kind: &Kind) -> Value {
    let definition = |c: &crate::kind::Column| {
        json!({
            "name": c.name, "type": c.kind, "format": c.format, "description": c.description, "priority": c.priority,
        })
    };
    kind.columns.iter().map(definition).collect()
}

/// An object reduced to its metadata.
pub(crate) fn partial(item: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": item.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

#[cfg(test)]
mod tests;
