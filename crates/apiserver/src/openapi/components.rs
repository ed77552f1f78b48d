//! The schemas of a document, descriptions and all.

use schemars::generate::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::{component_name, identity};
use crate::builtin::{self, schemas};
use crate::kind::Kind;

/// The schemas of all kinds and of everything they refer to.
pub(super) fn of(kinds: &[Kind]) -> Value {
    let mut generator = schemas::generator();
    let metadata = reference_to_metadata(&mut generator);
    let mut components = Map::new();
    let mut identities = Vec::new();
    for kind in kinds {
        match builtin::describe(kind, &mut generator).filter(|_| !kind.custom) {
            Some(schema) => {
                let name = schemas::reference(schema.as_value())
                    .unwrap_or_default()
                    .to_owned();
                identities.push((name, identity(kind)));
            }
            None => {
                components.insert(component_name(kind), custom(kind, &metadata));
            }
        }
    }
    let mut typed = generator.take_definitions(false);
    typed.values_mut().for_each(wrap_references);
    components.extend(typed);
    for (name, identity) in identities {
        if let Some(schema) = components.get_mut(&name).and_then(Value::as_object_mut) {
            schema.insert("x-kubernetes-group-version-kind".to_owned(), json!([identity]));
        }
    }
    Value::Object(components)
}

fn reference_to_metadata(generator: &mut SchemaGenerator) -> Value {
    let mut schema =
        schemas::document::<k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>(generator);
    schema.insert("description".to_owned(), "Standard object's metadata.".into());
    let mut schema = schema.to_value();
    wrap_references(&mut schema);
    schema
}

/// A declared kind's schema, with what every object has.
fn custom(kind: &Kind, metadata: &Value) -> Value {
    let mut schema = kind
        .schema
        .get()
        .source()
        .unwrap_or_else(|| json!({"type": "object"}));
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(
            "x-kubernetes-group-version-kind".to_owned(),
            json!([identity(kind)]),
        );
        let properties = schema.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert("metadata".to_owned(), metadata.clone());
            for (name, about) in [
                (
                    "apiVersion",
                    "The version of the schema this object is written in.",
                ),
                ("kind", "The kind of this object, in CamelCase."),
            ] {
                properties
                    .entry(name)
                    .or_insert_with(|| json!({"type": "string", "description": about}));
            }
        }
    }
    schema
}

/// In OpenAPI 3.0 nothing may stand beside `$ref`, so a described reference is wrapped in `allOf`.
fn wrap_references(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(wrap_references);
            // A property may itself be named "$ref"; only text is a reference.
            if fields.len() > 1
                && fields.get("$ref").is_some_and(Value::is_string)
                && let Some(target) = fields.remove("$ref")
            {
                fields.insert("allOf".to_owned(), json!([{"$ref": target}]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(wrap_references),
        _ => {}
    }
}
