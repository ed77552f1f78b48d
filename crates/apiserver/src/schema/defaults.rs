//! Structural defaulting: absent fields get their defaults, nulls that may not be are dropped.

use serde_json::Value;

use super::node::Node;
use super::path::Path;
use super::validate;
use crate::error::Cause;

/// Fills defaults from the top down, so that a default of an object brings the defaults of its fields.
pub(super) fn apply(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| {
                let child = node.properties.get(name.as_str()).or(node.additional.as_ref());
                !value.is_null() || child.is_none_or(|c| c.nullable)
            });
            for (name, child) in &node.properties {
                if let Some(default) = &child.default
                    && !fields.contains_key(&**name)
                {
                    fields.insert(name.to_string(), (**default).clone());
                }
            }
            for (name, value) in fields.iter_mut() {
                if let Some(child) = node.properties.get(name.as_str()).or(node.additional.as_ref()) {
                    apply(child, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &node.items {
                for item in items {
                    apply(schema, item);
                }
            }
        }
        _ => {}
    }
}

/// Holds each default against the place it is for.
pub(super) fn check(node: &Node, path: Path<'_>, causes: &mut Vec<Cause>) {
    if let Some(default) = &node.default {
        // A default may lean on the defaults of its own fields.
        let mut value = (**default).clone();
        apply(node, &mut value);
        for cause in validate::object(node, &value, None, false) {
            let at = path.field("default");
            let dot = if cause.field.is_empty() || cause.field.starts_with('[') {
                ""
            } else {
                "."
            };
            causes.push(Cause {
                field: format!("{at}{dot}{}", cause.field),
                ..cause
            });
        }
    }
    let at = path.field("properties");
    for (name, child) in &node.properties {
        check(child, at.key(name), causes);
    }
    if let Some(child) = &node.additional {
        check(child, path.field("additionalProperties"), causes);
    }
    if let Some(child) = &node.items {
        check(child, path.field("items"), causes);
    }
}
