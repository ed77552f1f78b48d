use serde_json::{Value, json};

use super::{default, established_status, kinds_of, validate};
use crate::kind::{Cell, Kind};

fn crd() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"], "categories": ["all"]},
            "versions": [
                {
                    "name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "properties": {"mode": {"type": "string", "default": "a", "enum": ["a", "b"]}}}}}},
                    "subresources": {"status": {}, "scale": {
                        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": null}},
                    "additionalPrinterColumns": [{"name": "Mode", "type": "string", "jsonPath": ".spec.mode", "priority": 1}],
                    "selectableFields": [{"jsonPath": ".spec.mode"}],
                },
                {"name": "v1alpha1", "served": false, "storage": false, "schema": {"openAPIV3Schema": {"type": "object"}}},
            ],
        },
    })
}

fn defaulted() -> Value {
    let mut crd = crd();
    default(&mut crd);
    crd
}

#[track_caller]
fn faults(edit: impl FnOnce(&mut Value), old: Option<&Value>) -> Vec<String> {
    let mut crd = crd();
    edit(&mut crd);
    default(&mut crd);
    validate(&crd, old)
        .into_iter()
        .map(|c| format!("{} {}", c.reason.trim_start_matches("FieldValue"), c.field))
        .collect()
}

#[test]
fn a_served_version_becomes_a_kind() {
    let kinds = kinds_of(&defaulted()).unwrap();
    let [
        Kind {
            group,
            version,
            kind,
            list_kind,
            plural,
            singular,
            short_names,
            categories,
            namespaced,
            subresources,
            custom,
            columns,
            field_selectors,
            ..
        },
    ] = kinds.as_slice()
    else {
        panic!("one version is served")
    };
    assert_eq!(
        (
            group.as_str(),
            version.as_str(),
            kind.as_str(),
            list_kind.as_str()
        ),
        ("example.com", "v1", "Widget", "WidgetList")
    );
    assert_eq!(
        (plural.as_str(), singular.as_str(), *namespaced, *custom),
        ("widgets", "widget", true, true)
    );
    assert_eq!(
        (short_names.as_slice(), categories.as_slice()),
        (&["wd".to_owned()][..], &["all".to_owned()][..])
    );
    assert!(subresources.status);
    let scale = subresources.scale.as_ref().unwrap();
    assert_eq!(
        (scale.spec.as_str(), scale.selector.as_deref()),
        (".spec.replicas", None)
    );
    assert_eq!(field_selectors.as_slice(), ["spec.mode".to_owned()]);
    let columns: Vec<_> = columns
        .iter()
        .map(|c| (c.name.as_str(), c.priority, matches!(c.cell, Cell::JsonPath(_))))
        .collect();
    assert_eq!(columns, [("Name", 0, false), ("Mode", 1, true)]);
}

#[test]
fn without_declared_columns_the_age_is_shown() {
    let mut crd = defaulted();
    crd["spec"]["versions"][0]
        .as_object_mut()
        .unwrap()
        .remove("additionalPrinterColumns");
    let kinds = kinds_of(&crd).unwrap();
    let names: Vec<_> = kinds[0].columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["Name", "Age"]);
}

#[test]
fn definitions_are_checked() {
    type Edit = fn(&mut Value);
    let cases: [(Edit, Vec<&str>); 17] = [
        (|_| {}, vec![]),
        (
            |c| c["metadata"]["name"] = json!("gadgets.example.com"),
            vec!["Invalid metadata.name"],
        ),
        (
            |c| c["spec"]["group"] = json!("example"),
            vec!["Invalid spec.group", "Invalid metadata.name"],
        ),
        (
            |c| c["spec"]["scope"] = json!("Galaxy"),
            vec!["NotSupported spec.scope"],
        ),
        (
            |c| c["spec"]["names"]["kind"] = json!("1Widget"),
            vec![
                "Invalid spec.names.singular",
                "Invalid spec.names.kind",
                "Invalid spec.names.listKind",
            ],
        ),
        (
            |c| c["spec"]["names"]["shortNames"] = json!(["W"]),
            vec!["Invalid spec.names.shortNames[0]"],
        ),
        (
            |c| c["spec"]["versions"] = json!([]),
            vec!["Required spec.versions"],
        ),
        (
            |c| c["spec"]["versions"][1]["storage"] = json!(true),
            vec!["Invalid spec.versions"],
        ),
        (
            |c| c["spec"]["versions"][0]["storage"] = json!(false),
            vec!["Invalid spec.versions"],
        ),
        (
            |c| c["spec"]["versions"][1]["name"] = json!("v1"),
            vec!["Duplicate spec.versions[1].name"],
        ),
        (
            |c| c["spec"]["versions"][0]["schema"] = json!(null),
            vec!["Required spec.versions[0].schema.openAPIV3Schema"],
        ),
        (
            |c| c["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = json!({}),
            vec!["Required spec.versions[0].schema.openAPIV3Schema.properties[spec].type"],
        ),
        (
            |c| {
                c["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] =
                    json!([{"rule": "self.("}])
            },
            vec!["Invalid spec.versions[0].schema.openAPIV3Schema.x-kubernetes-validations[0].rule"],
        ),
        (
            |c| {
                c["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["mode"]
                    ["default"] = json!("z")
            },
            vec![
                "NotSupported spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[mode].default",
            ],
        ),
        (
            |c| {
                c["spec"]["versions"][0]["additionalPrinterColumns"] =
                    json!([{"name": "", "type": "text", "jsonPath": "spec"}])
            },
            vec![
                "Required spec.versions[0].additionalPrinterColumns[0].name",
                "NotSupported spec.versions[0].additionalPrinterColumns[0].type",
                "Invalid spec.versions[0].additionalPrinterColumns[0].jsonPath",
            ],
        ),
        (
            |c| c["spec"]["conversion"] = json!({"strategy": "Webhook"}),
            vec!["NotSupported spec.conversion.strategy"],
        ),
        (
            |c| c["spec"]["versions"][0]["subresources"]["scale"]["specReplicasPath"] = json!(".status.x"),
            vec!["Invalid spec.versions[0].subresources.scale.specReplicasPath"],
        ),
    ];
    for (i, (edit, expected)) in cases.into_iter().enumerate() {
        assert_eq!(faults(edit, None), expected, "case {i}");
    }
}

#[test]
fn identity_and_stored_versions_stay() {
    let mut old = defaulted();
    old["status"] = established_status(&old, "2026-01-01T00:00:00Z");
    assert_eq!(faults(|_| {}, Some(&old)), Vec::<String>::new());
    assert_eq!(
        faults(|c| c["spec"]["scope"] = json!("Cluster"), Some(&old)),
        ["Invalid spec.scope"]
    );
    assert_eq!(
        faults(|c| c["spec"]["versions"][0]["name"] = json!("v2"), Some(&old)),
        ["Invalid status.storedVersions[0]"]
    );
}

#[test]
fn the_status_says_established_and_keeps_its_times() {
    let mut crd = defaulted();
    crd["status"] = established_status(&crd, "2026-01-01T00:00:00Z");
    assert_eq!(crd["status"]["storedVersions"], json!(["v1"]));
    assert_eq!(crd["status"]["acceptedNames"]["listKind"], "WidgetList");
    crd["spec"]["versions"][0]["name"] = json!("v2");
    let again = established_status(&crd, "2026-02-02T00:00:00Z");
    assert_eq!(again["storedVersions"], json!(["v1", "v2"]));
    for condition in again["conditions"].as_array().unwrap() {
        assert_eq!(
            (&condition["status"], &condition["lastTransitionTime"]),
            (&json!("True"), &json!("2026-01-01T00:00:00Z"))
        );
    }
}

#[test]
fn nulls_inside_schemas_stay() {
    let mut crd = crd();
    crd["metadata"]["creationTimestamp"] = Value::Null;
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["x"] =
        json!({"type": "string", "nullable": true, "enum": ["a", null]});
    default(&mut crd);
    assert_eq!(crd["metadata"].get("creationTimestamp"), None);
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    assert_eq!(schema["properties"]["x"]["enum"], json!(["a", null]));
}

/// Any definitions that happen to lie in the repository: each must be one this server accepts.
#[test]
fn the_repositorys_own_definitions_are_accepted() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds");
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let mut crd: Value = serde_saphyr::from_str(&text).unwrap();
        let unknown = crate::builtin::kinds()
            .into_iter()
            .find(|k| k.kind == "CustomResourceDefinition")
            .unwrap()
            .schema
            .get()
            .unknown_fields(&crd);
        assert_eq!(unknown, Vec::<String>::new(), "{}", entry.path().display());
        default(&mut crd);
        assert_eq!(validate(&crd, None), [], "{}", entry.path().display());
        for kind in kinds_of(&crd).unwrap() {
            assert!(kind.columns.len() > 1, "{}", kind.kind);
        }
    }
}
