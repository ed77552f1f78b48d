//! Fields a schema does not know: found for `fieldValidation`, dropped before storage.

use serde_json::{Map, Value};

use super::node::{Node, Type};
use super::path::Path;

/// Fields every whole object has, whatever its schema says.
const OBJECT_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// The walk over one object.
pub(super) struct Pruner<'a> {
    /// The schema of `metadata`, of the root and of embedded objects alike.
    pub(super) metadata: &'a Node,
    /// Paths of the unknown fields met.
    pub(super) unknown: Vec<String>,
}

impl<'a> Pruner<'a> {
    /// Removes unknown fields and notes their paths.
    pub(super) fn prune(&mut self, node: &Node, value: &mut Value, root: bool, path: Path<'_>) {
        let metadata: &'a Node = self.metadata;
        match value {
            Value::Object(fields) => {
                let whole = root || node.embedded;
                if !whole && keeps_all(node) && node.properties.is_empty() && node.additional.is_none() {
                    return;
                }
                let unknown: Vec<String> = fields
                    .keys()
                    .filter(|name| !knows(node, name, whole))
                    .cloned()
                    .collect();
                for name in unknown {
                    fields.remove(&name);
                    self.unknown.push(path.field(&name).to_string());
                }
                for (name, value) in fields.iter_mut() {
                    if let Some(child) = child(metadata, node, name, whole) {
                        self.prune(child, value, false, path.field(name));
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &node.items {
                    for (i, item) in items.iter_mut().enumerate() {
                        self.prune(schema, item, false, path.index(i));
                    }
                }
            }
            _ => {}
        }
    }

    /// Notes the paths of unknown fields and changes nothing.
    pub(super) fn find(&mut self, node: &Node, value: &Value, root: bool, path: Path<'_>) {
        match value {
            Value::Object(fields) => self.find_in(node, fields, root || node.embedded, path),
            Value::Array(items) => {
                if let Some(schema) = &node.items {
                    for (i, item) in items.iter().enumerate() {
                        self.find(schema, item, false, path.index(i));
                    }
                }
            }
            _ => {}
        }
    }

    fn find_in(&mut self, node: &Node, fields: &Map<String, Value>, whole: bool, path: Path<'_>) {
        let metadata: &'a Node = self.metadata;
        if !whole && keeps_all(node) && node.properties.is_empty() && node.additional.is_none() {
            return;
        }
        for (name, value) in fields {
            if !knows(node, name, whole) {
                self.unknown.push(path.field(name).to_string());
            } else if let Some(child) = child(metadata, node, name, whole) {
                self.find(child, value, false, path.field(name));
            }
        }
    }
}

/// A place that is no object keeps what it has: the type check will refuse it with a better message.
fn keeps_all(node: &Node) -> bool {
    node.preserve || node.kind != Type::Object
}

fn knows(node: &Node, name: &str, whole: bool) -> bool {
    keeps_all(node)
        || node.additional.is_some()
        || node.properties.contains_key(name)
        || (whole && OBJECT_FIELDS.contains(&name))
}

fn child<'n>(metadata: &'n Node, node: &'n Node, name: &str, whole: bool) -> Option<&'n Node> {
    if whole && name == "metadata" {
        return Some(metadata);
    }
    node.properties
        .get(name)
        .or(node.additional.as_ref())
        .map(AsRef::as_ref)
}
