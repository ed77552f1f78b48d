//! From an `openAPIV3Schema` to compiled nodes, with the rules a structural schema must keep.

mod value_checks;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::node::{Below, ListType, Node, Type};
use super::path::Path;
use super::rule::Rule;
use crate::error::Cause;
use crate::violation;

/// Deeper schemas are refused: every walk over a schema is recursive.
const MAX_DEPTH: usize = 100;

/// Keywords that a structural schema may not use at all.
const FORBIDDEN: &[&str] = &[
    "$ref",
    "$schema",
    "definitions",
    "dependencies",
    "deprecated",
    "discriminator",
    "id",
    "patternProperties",
    "readOnly",
    "writeOnly",
    "xml",
    "additionalItems",
];

/// Compiles one schema document.
pub(super) struct Compiler {
    pub(super) causes: Vec<Cause>,
    /// Leaves seen so far by their text: a schema has thousands of places that just say "string".
    leaves: HashMap<String, Arc<Node>>,
}

impl Compiler {
    pub(super) fn new() -> Self {
        Self {
            causes: Vec::new(),
            leaves: HashMap::new(),
        }
    }

    /// Compiles the root.
    pub(super) fn root(&mut self, schema: &Value, path: Path<'_>) -> Arc<Node> {
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            let got = schema.get("type").cloned().unwrap_or(Value::Null);
            self.causes.push(match got {
                Value::Null => violation::required(path.field("type"), "must be object at the root"),
                got => violation::invalid(path.field("type"), &got, "must be object at the root"),
            });
        }
        if let Some(Value::Object(metadata)) = schema.pointer("/properties/metadata") {
            for key in metadata
                .keys()
                .filter(|k| !["type", "description", "properties"].contains(&k.as_str()))
            {
                let props = path.field("properties");
                let at = props.key("metadata");
                self.causes.push(violation::forbidden(
                    at.field(key),
                    "metadata is checked by the server itself; only its name and generateName may be restricted",
                ));
            }
        }
        self.node(schema, path, 0)
    }

    fn node(&mut self, schema: &Value, path: Path<'_>, depth: usize) -> Arc<Node> {
        let Some(schema) = schema.as_object() else {
            self.causes.push(violation::wrong_type(path, schema, "object"));
            return Arc::default();
        };
        if depth > MAX_DEPTH {
            self.causes.push(violation::forbidden(
                path,
                format!("schemas may nest at most {MAX_DEPTH} levels"),
            ));
            return Arc::default();
        }
        let leaf = is_leaf(schema).then(|| leaf_text(schema));
        if let Some(known) = leaf.as_ref().and_then(|l| self.leaves.get(l)) {
            return known.clone();
        }
        let before = self.causes.len();
        let node = Arc::new(self.build(schema, path, depth));
        if let Some(leaf) = leaf
            && self.causes.len() == before
        {
            self.leaves.insert(leaf, node.clone());
        }
        node
    }

    fn build(&mut self, schema: &Map<String, Value>, path: Path<'_>, depth: usize) -> Node {
        self.refuse_unstructural(schema, path);
        let kind = self.kind(schema, path);
        let mut node = Node {
            kind,
            nullable: flag(schema, "nullable"),
            preserve: flag(schema, "x-kubernetes-preserve-unknown-fields"),
            embedded: flag(schema, "x-kubernetes-embedded-resource"),
            sensitive: schema.get("format").and_then(Value::as_str) == Some("password"),
            atomic: schema.get("x-kubernetes-map-type").and_then(Value::as_str) == Some("atomic"),
            default: schema
                .get("default")
                .filter(|d| !d.is_null())
                .cloned()
                .map(Box::new),
            ..Node::default()
        };
        let at = path.field("properties");
        for (name, child) in object(schema, "properties") {
            node.properties
                .insert(name.as_str().into(), self.node(child, at.key(name), depth + 1));
        }
        match schema.get("additionalProperties") {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::Bool(true)) => {
                node.additional = Some(Arc::new(Node {
                    preserve: true,
                    nullable: true,
                    ..Node::default()
                }));
            }
            Some(child) => {
                node.additional = Some(self.node(child, path.field("additionalProperties"), depth + 1));
            }
        }
        if node.additional.is_some() && !node.properties.is_empty() {
            let why = "properties and additionalProperties exclude each other";
            self.causes
                .push(violation::forbidden(path.field("additionalProperties"), why));
        }
        match schema.get("items") {
            Some(items @ Value::Object(_)) => {
                node.items = Some(self.node(items, path.field("items"), depth + 1));
            }
            Some(Value::Array(_)) => self.causes.push(violation::forbidden(
                path.field("items"),
                "items must be one schema, not a list of schemas",
            )),
            _ if kind == Type::Array => {
                self.causes.push(violation::required(
                    path.field("items"),
                    "a list says what its items are",
                ));
            }
            _ => {}
        }
        node.list = self.list_type(schema, &node, path);
        node.checks = self.checks(schema, path, depth);
        self.rules(schema, &mut node, path);
        node.below = below(&node);
        node
    }

    fn refuse_unstructural(&mut self, schema: &Map<String, Value>, path: Path<'_>) {
        for key in FORBIDDEN
            .iter()
            .filter(|k| schema.get(**k).is_some_and(|v| !v.is_null()))
        {
            self.causes.push(violation::forbidden(
                path.field(key),
                "a structural schema may not use this keyword",
            ));
        }
        if flag(schema, "uniqueItems") {
            let why = "may not be true, since checking it is too slow; use x-kubernetes-list-type: set";
            self.causes
                .push(violation::forbidden(path.field("uniqueItems"), why));
        }
        if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
            let why = "may not be false; unknown fields are dropped anyway";
            self.causes
                .push(violation::forbidden(path.field("additionalProperties"), why));
        }
        if flag(schema, "x-kubernetes-preserve-unknown-fields")
            && schema
                .get("type")
                .and_then(Value::as_str)
                .is_some_and(|t| t != "object")
        {
            let at = path.field("x-kubernetes-preserve-unknown-fields");
            self.causes
                .push(violation::forbidden(at, "only an object can have unknown fields"));
        }
        if flag(schema, "x-kubernetes-embedded-resource")
            && schema.get("type").and_then(Value::as_str) != Some("object")
        {
            let value = schema.get("type").cloned().unwrap_or(Value::Null);
            self.causes.push(violation::invalid(
                path.field("type"),
                &value,
                "an embedded resource is an object",
            ));
        }
    }

    fn kind(&mut self, schema: &Map<String, Value>, path: Path<'_>) -> Type {
        let named = schema
            .get("type")
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty());
        if flag(schema, "x-kubernetes-int-or-string") {
            if let Some(named) = named {
                let why = "must be absent where x-kubernetes-int-or-string is true";
                self.causes
                    .push(violation::invalid(path.field("type"), &Value::from(named), why));
            }
            return Type::IntOrString;
        }
        match named {
            Some("object") => Type::Object,
            Some("array") => Type::Array,
            Some("string") => Type::String,
            Some("integer") => Type::Integer,
            Some("number") => Type::Number,
            Some("boolean") => Type::Boolean,
            Some(other) => {
                let allowed = ["array", "boolean", "integer", "number", "object", "string"];
                self.causes.push(violation::not_supported(
                    path.field("type"),
                    &Value::from(other),
                    allowed,
                ));
                Type::Any
            }
            None => {
                if !flag(schema, "x-kubernetes-preserve-unknown-fields") {
                    self.causes.push(violation::required(
                        path.field("type"),
                        "every place of a structural schema names its type",
                    ));
                }
                Type::Any
            }
        }
    }

    fn list_type(&mut self, schema: &Map<String, Value>, node: &Node, path: Path<'_>) -> ListType {
        let named = schema.get("x-kubernetes-list-type").and_then(Value::as_str);
        let keys = strings(schema, "x-kubernetes-list-map-keys");
        if named.is_some() && node.kind != Type::Array {
            let at = path.field("x-kubernetes-list-type");
            self.causes
                .push(violation::forbidden(at, "only an array has a list type"));
            return ListType::Atomic;
        }
        match named {
            None | Some("atomic") => ListType::Atomic,
            Some("set") => ListType::Set,
            Some("map") => {
                self.list_map_keys(&keys, node, path);
                ListType::Map(keys)
            }
            Some(other) => {
                let at = path.field("x-kubernetes-list-type");
                self.causes.push(violation::not_supported(
                    at,
                    &Value::from(other),
                    ["atomic", "map", "set"],
                ));
                ListType::Atomic
            }
        }
    }

    fn list_map_keys(&mut self, keys: &[String], node: &Node, path: Path<'_>) {
        let at = path.field("x-kubernetes-list-map-keys");
        if keys.is_empty() {
            self.causes.push(violation::required(
                at,
                "a list of type map names the fields that tell its items apart",
            ));
        }
        let Some(item) = &node.items else { return };
        for (i, key) in keys.iter().enumerate() {
            let Some(field) = item.properties.get(key.as_str()) else {
                let why = "must be a property of the items";
                self.causes
                    .push(violation::invalid(at.index(i), &Value::from(key.as_str()), why));
                continue;
            };
            let needed = item
                .checks
                .as_ref()
                .is_some_and(|c| c.required.iter().any(|r| **r == **key));
            if !needed && field.default.is_none() {
                let why = "a key field must be required or have a default";
                self.causes.push(violation::required(at.index(i), why));
            }
        }
    }

    fn rules(&mut self, schema: &Map<String, Value>, node: &mut Node, path: Path<'_>) {
        let at = path.field("x-kubernetes-validations");
        let Some(entries) = schema.get("x-kubernetes-validations").and_then(Value::as_array) else {
            return;
        };
        for (i, entry) in entries.iter().enumerate() {
            match Rule::compile(entry) {
                Ok(rule) => node.rules.push(rule),
                Err((field, message)) => {
                    let at = at.index(i);
                    let cause = Cause::invalid(at.field(field), message);
                    self.causes.push(cause);
                }
            }
        }
    }
}

/// What the node and its children hold, read off the children once so that walks can stop early.
pub(super) fn below(node: &Node) -> Below {
    let mut sum = Below {
        rules: !node.rules.is_empty(),
        transitions: node.rules.iter().any(|r| r.transition),
    };
    let children = node
        .properties
        .values()
        .chain(&node.additional)
        .chain(&node.items);
    for child in children {
        sum.rules |= child.below.rules;
        sum.transitions |= child.below.transitions;
    }
    sum
}

fn is_leaf(schema: &Map<String, Value>) -> bool {
    const BRANCHING: &[&str] = &[
        "properties",
        "additionalProperties",
        "items",
        "x-kubernetes-validations",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
    ];
    !BRANCHING.iter().any(|k| schema.contains_key(*k))
}

fn leaf_text(schema: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (key, value) in schema.iter().filter(|(k, _)| k.as_str() != "description") {
        text.push_str(key);
        text.push_str(&value.to_string());
    }
    text
}

fn flag(schema: &Map<String, Value>, key: &str) -> bool {
    schema.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn object<'a>(schema: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    schema.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn strings(schema: &Map<String, Value>, key: &str) -> Vec<String> {
    let list = schema
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
