use serde_json::{Value, json};

use super::{VERSION, group_version, index, v2_protobuf};
use crate::kind::Kind;

fn widgets(description: &str) -> Vec<Kind> {
    let crd = json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "description": description}}}}}],
        },
    });
    crate::crd::kinds_of(&crd).unwrap()
}

fn of(group: &str) -> Vec<Kind> {
    crate::builtin::kinds()
        .into_iter()
        .filter(|k| k.group == group)
        .collect()
}

#[test]
fn the_index_points_to_every_group_and_version() {
    let mut kinds = crate::builtin::kinds();
    kinds.extend(widgets("a"));
    let index = index(&kinds);
    for path in [
        "api/v1",
        "apis/apps/v1",
        "apis/events.k8s.io/v1",
        "apis/example.com/v1",
    ] {
        let url = index["paths"][path]["serverRelativeURL"].as_str().unwrap();
        assert!(url.starts_with(&format!("/openapi/v3/{path}?hash=")), "{url}");
    }
}

#[test]
fn the_hash_changes_with_the_schema() {
    let hash = |kinds: &[Kind]| index(kinds)["paths"]["apis/example.com/v1"].to_string();
    assert_eq!(hash(&widgets("a")), hash(&widgets("a")));
    assert_ne!(hash(&widgets("a")), hash(&widgets("b")));
}

#[test]
fn patches_offer_server_side_validation() {
    for kinds in [of(""), of("apps"), widgets("a")] {
        let document = group_version(&kinds);
        for kind in &kinds {
            let paths = document["paths"].as_object().unwrap();
            let patch = paths
                .values()
                .filter_map(|p| p.get("patch"))
                .find(|p| p["x-kubernetes-group-version-kind"]["kind"] == kind.kind.as_str());
            let parameters = patch.unwrap()["parameters"].as_array().unwrap();
            assert!(
                parameters.iter().any(|p| p["name"] == "fieldValidation"),
                "{}",
                kind.kind
            );
        }
    }
}

#[test]
fn every_kind_has_a_schema_and_every_reference_a_target() {
    for kinds in [
        of(""),
        of("apps"),
        of("apiextensions.k8s.io"),
        of("rbac.authorization.k8s.io"),
        widgets("a"),
    ] {
        let document = group_version(&kinds);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for kind in &kinds {
            let schema = schemas
                .values()
                .find(|s| s["x-kubernetes-group-version-kind"][0]["kind"] == kind.kind.as_str());
            assert!(
                schema.unwrap()["properties"]["metadata"].is_object(),
                "{}",
                kind.kind
            );
        }
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(schemas.contains_key(name), "{reference}");
        }
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                assert_eq!(fields.len(), 1, "nothing stands beside a reference");
                references.push(target.to_owned());
            }
            fields.values().for_each(|v| collect(v, references));
        }
        Value::Array(items) => items.iter().for_each(|v| collect(v, references)),
        _ => {}
    }
}

#[test]
fn descriptions_are_kept() {
    let document = group_version(&widgets("about the spec"));
    assert_eq!(
        document["components"]["schemas"]["com.example.v1.Widget"]["properties"]["spec"]["description"],
        "about the spec"
    );
    let document = group_version(&of(""));
    let pod = &document["components"]["schemas"]["io.k8s.api.core.v1.Pod"];
    assert!(
        pod["properties"]["spec"]["description"]
            .as_str()
            .unwrap()
            .contains("behavior")
    );
    assert_eq!(
        pod["properties"]["spec"]["allOf"][0]["$ref"],
        "#/components/schemas/io.k8s.api.core.v1.PodSpec"
    );
}

#[test]
fn the_older_document_is_a_message_with_title_and_version() {
    let mut expected = b"\x0a\x032.0\x12".to_vec();
    expected.push(u8::try_from(14 + VERSION.len()).unwrap());
    expected.extend_from_slice(b"\x0a\x0aKubernetes\x12");
    expected.push(u8::try_from(VERSION.len()).unwrap());
    expected.extend_from_slice(VERSION.as_bytes());
    assert_eq!(v2_protobuf(), expected);
}
