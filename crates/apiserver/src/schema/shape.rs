//! The merge behaviour that a schema declares.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::node::{ListType, Node, Type};
use crate::apply::{Shape, object_meta_shape};

/// Shape of a whole object: its fields, and metadata as every object has it.
pub(super) fn of_object(node: &Node) -> Shape {
    let mut fields = match of(node) {
        Shape::Object { fields, .. } => fields,
        _ => BTreeMap::new(),
    };
    fields.insert("apiVersion".into(), Arc::new(Shape::Atomic));
    fields.insert("kind".into(), Arc::new(Shape::Atomic));
    fields.insert("metadata".into(), object_meta_shape());
    Shape::Object {
        fields,
        other: node.preserve.then(|| Arc::new(Shape::Untyped)),
    }
}

fn of(node: &Node) -> Shape {
    match node.kind {
        Type::Array => list(node),
        _ if node.embedded => of_object_fields(node, true),
        Type::Object if node.atomic => Shape::Atomic,
        Type::Object if node.properties.is_empty() && node.additional.is_none() && node.preserve => {
            Shape::Untyped
        }
        Type::Object => of_object_fields(node, false),
        Type::Any if node.preserve => Shape::Untyped,
        _ => Shape::Atomic,
    }
}

fn of_object_fields(node: &Node, whole: bool) -> Shape {
    let mut fields: BTreeMap<String, Arc<Shape>> = node
        .properties
        .iter()
        .map(|(name, child)| (name.to_string(), Arc::new(of(child))))
        .collect();
    if whole {
        fields.insert("metadata".into(), object_meta_shape());
    }
    let other = match &node.additional {
        Some(child) => Some(Arc::new(of(child))),
        None => node.preserve.then(|| Arc::new(Shape::Untyped)),
    };
    Shape::Object { fields, other }
}

fn list(node: &Node) -> Shape {
    match (&node.list, &node.items) {
        (ListType::Set, _) => Shape::Set,
        (ListType::Map(keys), Some(item)) => Shape::Map {
            keys: keys.clone(),
            key_defaults: keys
                .iter()
                .filter_map(|key| Some((key.clone(), default_of(item, key)?)))
                .collect(),
            item: Arc::new(of(item)),
        },
        _ => Shape::Atomic,
    }
}

fn default_of(item: &Node, key: &str) -> Option<Value> {
    item.properties.get(key)?.default.as_deref().cloned()
}
