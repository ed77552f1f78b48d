//! Holding a value against its schema, sparing what an update left as it was.

use serde_json::Value;

use super::checks;
use super::node::{Format, ListType, Node};
use super::path::Path;
use super::rule;
use crate::error::Cause;
use crate::violation;

/// More faults than this in one object help nobody.
const ENOUGH: usize = 100;

/// Faults after which CEL rules are not asked: they would stumble over the same value with worse messages.
const BLOCKING: [&str; 5] = [
    "FieldValueTypeInvalid",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueDuplicate",
];

/// Validates a whole object.
///
/// `old` is the stored object on update. A value that equals its old self is not judged again, so an object
/// stored under a looser schema can still be edited elsewhere; transition rules always run.
/// `lenient` accepts null anywhere, as builtin kinds do.
pub(super) fn object(node: &Node, value: &Value, old: Option<&Value>, lenient: bool) -> Vec<Cause> {
    let mut structure = Structure {
        causes: Vec::new(),
        lenient,
    };
    structure.walk(node, value, old, Path::ROOT);
    let mut causes = structure.causes;
    if node.below.rules && !causes.iter().any(|c| BLOCKING.contains(&c.reason)) {
        run_rules(node, value, old, Path::ROOT, &mut causes);
    }
    causes
}

struct Structure {
    causes: Vec<Cause>,
    lenient: bool,
}

impl Structure {
    fn walk(&mut self, node: &Node, value: &Value, old: Option<&Value>, path: Path<'_>) {
        if old == Some(value) || self.causes.len() >= ENOUGH {
            return;
        }
        if value.is_null() && (node.nullable || self.lenient) {
            return;
        }
        let before = self.causes.len();
        let fits = node.kind.admits(value);
        if !fits {
            self.causes
                .push(violation::wrong_type(path, value, node.kind.word()));
        } else if let Some(checks) = &node.checks {
            checks::run(checks, value, path, &mut self.causes);
        }
        if node.sensitive {
            for cause in &mut self.causes[before..] {
                cause.message = format!("Invalid value: (hidden): must be {}", expectation(node));
            }
        }
        if !fits {
            return;
        }
        match value {
            Value::Object(fields) => {
                if node.embedded {
                    embedded(value, path, &mut self.causes);
                }
                for (name, value) in fields {
                    if let Some(child) = node.properties.get(name.as_str()).or(node.additional.as_ref()) {
                        self.walk(child, value, old.and_then(|o| o.get(name)), path.field(name));
                    }
                }
            }
            Value::Array(items) => {
                self.unique(node, items, path);
                if let Some(schema) = &node.items {
                    for (i, item) in items.iter().enumerate() {
                        self.walk(schema, item, counterpart(node, item, old), path.index(i));
                    }
                }
            }
            _ => {}
        }
    }

    fn unique(&mut self, node: &Node, items: &[Value], path: Path<'_>) {
        match &node.list {
            ListType::Atomic => {}
            ListType::Set => {
                for (i, item) in items
                    .iter()
                    .enumerate()
                    .filter(|(i, item)| items[..*i].contains(item))
                {
                    self.causes.push(violation::duplicate(path.index(i), item));
                }
            }
            ListType::Map(keys) => {
                let mut seen = std::collections::HashSet::new();
                for (i, item) in items.iter().enumerate() {
                    let id = key_of(keys, item);
                    let text = id.to_string();
                    if item.is_object() && !seen.insert(text) {
                        let mut cause = violation::duplicate(path.index(i), &id);
                        cause.message = format!("Duplicate value: {id}");
                        self.causes.push(cause);
                    }
                }
            }
        }
    }
}

/// What a place wants, without a word about what it got.
fn expectation(node: &Node) -> String {
    match node.checks.as_ref().and_then(|c| c.format) {
        Some(Format::Byte) => "base64 text; plain text belongs in stringData".to_owned(),
        _ => format!("a {} that its schema allows", node.kind.word()),
    }
}

/// The key fields of a list item as a small object.
fn key_of(keys: &[String], item: &Value) -> Value {
    Value::Object(
        keys.iter()
            .map(|k| (k.clone(), item.get(k).cloned().unwrap_or(Value::Null)))
            .collect(),
    )
}

/// The old item that a list item continues; only lists of type map have such a thing.
fn counterpart<'v>(node: &Node, item: &Value, old: Option<&'v Value>) -> Option<&'v Value> {
    let ListType::Map(keys) = &node.list else {
        return None;
    };
    let same = |old: &&Value| keys.iter().all(|k| old.get(k) == item.get(k));
    old?.as_array()?.iter().find(same)
}

/// An embedded resource names its own kind.
fn embedded(value: &Value, path: Path<'_>, causes: &mut Vec<Cause>) {
    for field in ["apiVersion", "kind"] {
        if value.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            causes.push(violation::required(
                path.field(field),
                "an embedded resource names its kind",
            ));
        }
    }
}

fn run_rules(node: &Node, value: &Value, old: Option<&Value>, path: Path<'_>, causes: &mut Vec<Cause>) {
    if !node.below.rules || value.is_null() || causes.len() >= ENOUGH {
        return;
    }
    if old == Some(value) && !node.below.transitions {
        return;
    }
    if !node.rules.is_empty() {
        rule::evaluate(node, value, old, &path.to_string(), causes);
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(child) = node.properties.get(name.as_str()).or(node.additional.as_ref()) {
                    run_rules(
                        child,
                        value,
                        old.and_then(|o| o.get(name)),
                        path.field(name),
                        causes,
                    );
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &node.items {
                for (i, item) in items.iter().enumerate() {
                    run_rules(schema, item, counterpart(node, item, old), path.index(i), causes);
                }
            }
        }
        _ => {}
    }
}
