//! Holding a value against its schema, sparing what an update left as it was.

use std::collections::HashMap;

use serde_json::Value;

use super::checks;
use super::node::{Format, ListType, Node, Type};
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
                    let past = Past::of(node, old);
                    for (i, item) in items.iter().enumerate() {
                        self.walk(schema, item, past.find(item), path.index(i));
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
                for i in checks::repeated(items) {
                    self.causes.push(violation::duplicate(path.index(i), &items[i]));
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
        _ if node.kind == Type::String => "text; put numbers and the like in quotes".to_owned(),
        _ => format!("a valid {}", node.kind.word()),
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

/// The old items that the items of a list continue; only lists of type map have such a thing.
///
/// Looked up by key, since lists can be long and a client may send any list.
struct Past<'v> {
    keys: &'v [String],
    items: HashMap<String, &'v Value>,
}

impl<'v> Past<'v> {
    fn of(node: &'v Node, old: Option<&'v Value>) -> Self {
        let keys: &[String] = match &node.list {
            ListType::Map(keys) => keys,
            ListType::Atomic | ListType::Set => &[],
        };
        let old = old.and_then(Value::as_array).filter(|_| !keys.is_empty());
        let items = old
            .into_iter()
            .flatten()
            .map(|item| (key_of(keys, item).to_string(), item))
            .collect();
        Self { keys, items }
    }

    fn find(&self, item: &Value) -> Option<&'v Value> {
        if self.items.is_empty() {
            return None;
        }
        self.items.get(&key_of(self.keys, item).to_string()).copied()
    }
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
                let past = Past::of(node, old);
                for (i, item) in items.iter().enumerate() {
                    run_rules(schema, item, past.find(item), path.index(i), causes);
                }
            }
        }
        _ => {}
    }
}
