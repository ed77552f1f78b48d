//! The paths of a document: which operations a kind has, and that writes can be validated by the server.

use serde_json::{Map, Value, json};

use super::{identity, root};
use crate::kind::Kind;

/// The paths of all kinds.
pub(super) fn of(kinds: &[Kind]) -> Value {
    let mut paths = Map::new();
    for kind in kinds {
        let root = root(kind);
        let list = if kind.namespaced {
            let all = format!("/{root}/{}", kind.plural);
            paths.insert(all, json!({"get": operation(kind, "list", &[])}));
            format!("/{root}/namespaces/{{namespace}}/{}", kind.plural)
        } else {
            format!("/{root}/{}", kind.plural)
        };
        paths.insert(
            list.clone(),
            json!({
                "get": operation(kind, "list", &[]),
                "post": operation(kind, "post", &WRITE),
                "delete": operation(kind, "deletecollection", &DELETE),
                "parameters": parameters(kind, false),
            }),
        );
        let one = format!("{list}/{{name}}");
        if kind.subresources.status {
            paths.insert(format!("{one}/status"), item(kind, false));
        }
        paths.insert(one, item(kind, true));
    }
    Value::Object(paths)
}

const WRITE: [&str; 3] = ["dryRun", "fieldManager", "fieldValidation"];
const DELETE: [&str; 3] = ["dryRun", "gracePeriodSeconds", "propagationPolicy"];

fn item(kind: &Kind, whole: bool) -> Value {
    let mut patch = operation(kind, "patch", &WRITE);
    if let Some(parameters) = patch.get_mut("parameters").and_then(Value::as_array_mut) {
        parameters.push(query("force", "boolean"));
    }
    let mut item = json!({
        "get": operation(kind, "get", &[]),
        "put": operation(kind, "put", &WRITE),
        "patch": patch,
        "parameters": parameters(kind, true),
    });
    if whole {
        item["delete"] = operation(kind, "delete", &DELETE);
    }
    item
}

fn operation(kind: &Kind, action: &str, queries: &[&str]) -> Value {
    let parameters: Vec<Value> = queries
        .iter()
        .map(|name| {
            query(
                name,
                if *name == "gracePeriodSeconds" {
                    "integer"
                } else {
                    "string"
                },
            )
        })
        .collect();
    json!({
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": identity(kind),
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
    })
}

fn query(name: &str, kind: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}

fn parameters(kind: &Kind, named: bool) -> Value {
    let names = [("namespace", kind.namespaced), ("name", named)];
    let present = names.iter().filter(|(_, present)| *present);
    present
        .map(|(name, _)| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect()
}
