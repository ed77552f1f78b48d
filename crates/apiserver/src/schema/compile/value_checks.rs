//! The keywords that judge values: sizes, ranges, patterns, alternatives.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Compiler, MAX_DEPTH, flag, object, strings};
use crate::schema::format::Format;
use crate::schema::node::{Checks, Node, Pattern, Type};
use crate::schema::path::Path;
use crate::violation;

/// Keywords that describe structure, which only the schema itself may do, never a branch of `allOf` and its kin.
const STRUCTURE: &[&str] = &[
    "description",
    "type",
    "default",
    "additionalProperties",
    "nullable",
    "title",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
];

impl Compiler {
    pub(super) fn checks(
        &mut self,
        schema: &Map<String, Value>,
        path: Path<'_>,
        depth: usize,
    ) -> Option<Box<Checks>> {
        const KEYWORDS: &[&str] = &[
            "required",
            "enum",
            "format",
            "pattern",
            "minimum",
            "maximum",
            "multipleOf",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "allOf",
            "anyOf",
            "oneOf",
            "not",
            "uniqueItems",
        ];
        if !KEYWORDS.iter().any(|k| schema.contains_key(*k)) {
            return None;
        }
        let number = |key: &str| schema.get(key).and_then(Value::as_f64);
        let count = |key: &str| schema.get(key).and_then(Value::as_u64);
        let pattern = schema.get("pattern").and_then(Value::as_str).and_then(|text| {
            Pattern::new(text)
                .map_err(|e| {
                    let why = format!("must be a regular expression: {e}");
                    self.causes
                        .push(violation::invalid(path.field("pattern"), &Value::from(text), why));
                })
                .ok()
        });
        let int_or_string = flag(schema, "x-kubernetes-int-or-string");
        Some(Box::new(Checks {
            required: strings(schema, "required").into_iter().map(Into::into).collect(),
            allowed: schema
                .get("enum")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
            format: schema
                .get("format")
                .and_then(Value::as_str)
                .and_then(Format::named),
            pattern,
            minimum: number("minimum"),
            maximum: number("maximum"),
            exclusive_minimum: flag(schema, "exclusiveMinimum"),
            exclusive_maximum: flag(schema, "exclusiveMaximum"),
            multiple_of: number("multipleOf"),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            unique: flag(schema, "uniqueItems"),
            all_of: self.branches(schema, "allOf", int_or_string, path, depth),
            any_of: self.branches(schema, "anyOf", int_or_string, path, depth),
            one_of: self.branches(schema, "oneOf", int_or_string, path, depth),
            not: schema
                .get("not")
                .filter(|n| n.is_object())
                .map(|n| self.branch(n, int_or_string, path.field("not"), depth + 1)),
        }))
    }

    fn branches(
        &mut self,
        schema: &Map<String, Value>,
        key: &str,
        int_or_string: bool,
        path: Path<'_>,
        depth: usize,
    ) -> Vec<Arc<Node>> {
        let at = path.field(key);
        let branches = schema
            .get(key)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        branches
            .iter()
            .enumerate()
            .map(|(i, b)| self.branch(b, int_or_string, at.index(i), depth + 1))
            .collect()
    }

    /// A branch of `allOf`, `anyOf`, `oneOf` or `not`: it judges values and describes no structure.
    fn branch(&mut self, schema: &Value, int_or_string: bool, path: Path<'_>, depth: usize) -> Arc<Node> {
        let Some(schema) = schema.as_object().filter(|_| depth <= MAX_DEPTH) else {
            self.causes.push(violation::invalid(
                path,
                schema,
                "must be a schema that nests less deeply",
            ));
            return Arc::default();
        };
        for key in STRUCTURE
            .iter()
            .filter(|k| schema.get(**k).is_some_and(|v| !v.is_null() && *v != false))
        {
            // The one accepted idiom: int-or-string spelled out as two typed branches.
            let idiom = int_or_string && *key == "type";
            if !idiom {
                let why = "belongs to the schema itself, not into allOf, anyOf, oneOf or not";
                self.causes.push(violation::forbidden(path.field(key), why));
            }
        }
        let kind = match schema.get("type").and_then(Value::as_str) {
            Some("integer") => Type::Integer,
            Some("string") => Type::String,
            _ => Type::Any,
        };
        let mut node = Node {
            kind,
            nullable: true,
            preserve: true,
            ..Node::default()
        };
        let at = path.field("properties");
        for (name, child) in object(schema, "properties") {
            node.properties.insert(
                name.as_str().into(),
                self.branch(child, false, at.key(name), depth + 1),
            );
        }
        if let Some(items @ Value::Object(_)) = schema.get("items") {
            node.items = Some(self.branch(items, false, path.field("items"), depth + 1));
        }
        node.checks = self.checks(schema, path, depth);
        Arc::new(node)
    }
}
