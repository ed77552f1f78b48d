//! JSON values as CEL sees them: typed by the schema, names escaped, nulls absent.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use kube_cel::cel::objects::{Key, Map};
use kube_cel::cel::{self, Context, Program};
use serde_json::Value;

use super::format::Format;
use super::node::{Node, Type};

/// Words that cannot stand as a field name in CEL.
const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
];

/// Converts a value under the schema that describes it.
pub(crate) fn to_cel(value: &Value, node: &Node, base: &Context<'static>) -> cel::Value {
    match value {
        Value::String(text) => string(text, node, base),
        Value::Number(n) if node.kind == Type::Number => cel::Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        Value::Array(items) => {
            let items = items.iter().map(|item| match &node.items {
                Some(schema) => to_cel(item, schema, base),
                None => untyped(item),
            });
            cel::Value::List(Arc::new(items.collect()))
        }
        Value::Object(fields) => {
            // Keys of a map are data and stay as they are; names of declared fields are escaped.
            let map = node.additional.is_some();
            let fields = fields.iter().filter(|(_, v)| !v.is_null()).map(|(name, v)| {
                let v = match node.properties.get(name.as_str()).or(node.additional.as_ref()) {
                    Some(schema) => to_cel(v, schema, base),
                    None => untyped(v),
                };
                (key(name, !map), v)
            });
            object(fields.collect())
        }
        other => untyped(other),
    }
}

fn untyped(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(b) => cel::Value::Bool(*b),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => cel::Value::Int(i),
            (None, f) => cel::Value::Float(f.unwrap_or(f64::NAN)),
        },
        Value::String(s) => cel::Value::String(Arc::new(s.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(untyped).collect())),
        Value::Object(fields) => object(
            fields
                .iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| (key(k, true), untyped(v)))
                .collect(),
        ),
    }
}

fn object(map: HashMap<Key, cel::Value>) -> cel::Value {
    cel::Value::Map(Map { map: Arc::new(map) })
}

fn key(name: &str, escape: bool) -> Key {
    Key::String(Arc::new(if escape { escaped(name) } else { name.to_owned() }))
}

/// Field names as CEL expressions write them.
pub(super) fn escaped(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    if !name.contains("__") && !name.contains(['.', '-', '/']) {
        return name.to_owned();
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}

fn string(text: &str, node: &Node, base: &Context<'static>) -> cel::Value {
    let plain = || cel::Value::String(Arc::new(text.to_owned()));
    match node.checks.as_ref().and_then(|c| c.format) {
        Some(Format::Byte) => match base64::engine::general_purpose::STANDARD.decode(text) {
            Ok(bytes) => cel::Value::Bytes(Arc::new(bytes)),
            Err(_) => plain(),
        },
        Some(Format::DateTime) => call("timestamp(text)", text, base).unwrap_or_else(plain),
        Some(Format::Duration) => call("duration(text)", text, base).unwrap_or_else(plain),
        _ => plain(),
    }
}

/// CEL's own constructors make the time values, so no second time library is needed here.
fn call(expression: &str, text: &str, base: &Context<'static>) -> Option<cel::Value> {
    let mut scope = base.new_inner_scope();
    scope.add_variable_from_value("text", cel::Value::String(Arc::new(text.to_owned())));
    Program::compile(expression).ok()?.execute(&scope).ok()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_are_escaped_as_the_api_documents() {
        for (name, expected) in [
            ("replicas", "replicas"),
            ("snake_case", "snake_case"),
            ("namespace", "__namespace__"),
            ("x-prop", "x__dash__prop"),
            ("redact__d", "redact__underscores__d"),
            ("a.b/c", "a__dot__b__slash__c"),
        ] {
            assert_eq!(escaped(name), expected);
        }
    }
}
