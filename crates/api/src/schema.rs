//! From Rust types to the schemas Kubernetes accepts.
//!
//! schemars describes the types, constraints included; [`structural`] turns its output into what the API server calls
//! a structural schema. Everything here is a pure function on JSON.

use k8s_openapi::api::core::v1::LocalObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

pub(crate) mod patterns;

/// The structural schema of `T`.
pub(crate) fn structural<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| {
        // Kubernetes knows no references.
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(members) = schema.as_object_mut() {
        members.remove("title");
        members.remove("$schema");
    }
    rewrite(&mut schema, "");
    schema
}

/// Makes a schema and everything below it structural; `name` is that of the property it describes.
fn rewrite(schema: &mut Value, name: &str) {
    let Some(members) = schema.as_object_mut() else {
        // `true` stands for any JSON.
        *schema = json!({ "x-kubernetes-preserve-unknown-fields": true });
        return;
    };
    merge_optional(members);
    merge_enum(members);
    members.remove("title");
    // The API server drops a null unless a field is nullable, which is what an absent field means to us too.
    members.remove("nullable");
    if members.get("default").is_some_and(Value::is_null) {
        members.remove("default");
    }
    // Fields nobody knows are pruned or warned about, not refused, so that newer manifests can be tried.
    if members.get("additionalProperties").is_some_and(Value::is_boolean) {
        members.remove("additionalProperties");
    }
    if members.contains_key("x-kubernetes-int-or-string") {
        int_or_string(members, name);
    }
    if members.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) {
        members.remove("type");
    }
    if let Some(Value::String(description)) = members.get_mut("description") {
        *description = unwrapped(description);
    }
    for (name, property) in members
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
    {
        rewrite(property, name);
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(nested) = members.get_mut(nested) {
            rewrite(nested, "");
        }
    }
}

/// The one form in which the API server takes "an integer or a string". Of Kubernetes' own types that we embed, only
/// ports are plain ones; all others are quantities.
fn int_or_string(members: &mut Map<String, Value>, name: &str) {
    members.remove("type");
    members.insert(
        "anyOf".to_owned(),
        json!([{ "type": "integer" }, { "type": "string" }]),
    );
    if name != "port" {
        members.insert("pattern".to_owned(), json!(patterns::QUANTITY));
        // The type's own description is a page of grammar.
        let page = members
            .get("description")
            .and_then(Value::as_str)
            .is_some_and(|text| text.len() > 1000);
        if page {
            members.insert(
                "description".to_owned(),
                json!("A quantity such as 2, 500m or 4Gi."),
            );
        }
    }
}

/// schemars writes an optional struct as "this or null"; an absent field says the same. Outer words win, since they
/// describe the field and not the type.
fn merge_optional(members: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = members.get("anyOf") else {
        return;
    };
    let [inner, null] = variants.as_slice() else {
        return;
    };
    let is_null = null.get("type") == Some(&json!("null")) || null.get("enum") == Some(&json!([null]));
    if let (true, Some(inner)) = (is_null, inner.as_object().cloned()) {
        members.remove("anyOf");
        for (key, value) in inner {
            members.entry(key).or_insert(value);
        }
        // The inner schema may be an option's again, as with a documented enum.
        merge_optional(members);
    }
}

/// schemars writes an enum with documented variants as a choice of constants.
fn merge_enum(members: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = members.get("oneOf") else {
        return;
    };
    let mut values = Vec::new();
    for variant in variants {
        match (variant.get("enum"), variant.get("const")) {
            (Some(Value::Array(several)), _) => values.extend(several.iter().cloned()),
            (_, Some(one)) => values.push(one.clone()),
            _ => return,
        }
    }
    members.remove("oneOf");
    members.insert("type".to_owned(), json!("string"));
    members.insert("enum".to_owned(), Value::Array(values));
}

/// Joins the lines of a paragraph: doc comments are wrapped for editors, `kubectl explain` wraps for terminals.
fn unwrapped(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.lines() {
        let continues = line.starts_with(|c: char| c.is_alphanumeric() || c == '`');
        if continues && !joined.is_empty() && !joined.ends_with('\n') {
            joined.push(' ');
        } else if !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(line);
    }
    joined
}

/// Conditions as every Kubernetes kind has them: one per type.
pub(crate) fn condition_list(generator: &mut SchemaGenerator) -> Schema {
    let mut items = generator.subschema_for::<Condition>().to_value();
    for (field, constraint) in [
        (
            "type",
            json!({ "maxLength": 316, "pattern": patterns::CONDITION_TYPE }),
        ),
        ("status", json!({ "enum": ["True", "False", "Unknown"] })),
        (
            "reason",
            json!({ "minLength": 1, "maxLength": 1024, "pattern": patterns::CONDITION_REASON }),
        ),
        ("message", json!({ "maxLength": 32768 })),
        ("observedGeneration", json!({ "minimum": 0 })),
    ] {
        let target = items
            .pointer_mut(&format!("/properties/{field}"))
            .and_then(Value::as_object_mut);
        if let (Some(target), Value::Object(constraint)) = (target, constraint) {
            target.extend(constraint);
        }
    }
    list(json!({
        "description": "Details by type.",
        "type": "array",
        "items": items,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }))
}

/// References to pull secrets, each replaced as a whole.
pub(crate) fn image_pull_secrets(generator: &mut SchemaGenerator) -> Schema {
    let mut items = generator.subschema_for::<LocalObjectReference>().to_value();
    if let Some(items) = items.as_object_mut() {
        items.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
        items.remove("required");
    }
    if let Some(name) = items
        .pointer_mut("/properties/name")
        .and_then(Value::as_object_mut)
    {
        name.insert("default".to_owned(), json!(""));
    }
    list(json!({ "type": "array", "items": items }))
}

/// Wraps a list's schema, which is always an object.
fn list(schema: Value) -> Schema {
    Schema::try_from(schema).unwrap_or_default()
}
