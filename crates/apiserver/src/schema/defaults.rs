//! Structural defaulting: absent fields get their defaults, nulls that may not be are dropped.

use serde_json::Value;

use super::node::Node;

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
