//! The definitions as a whole: names, columns, and what the API server demands of schemas.

use serde_json::Value;

use crate::{CRDS, definition, schema};

#[test]
fn names_scopes_and_status() {
    for (kind, plural, singular, short, scope, status) in [
        ("Task", "tasks", "task", "tk", "Namespaced", true),
        ("Agent", "agents", "agent", "ag", "Namespaced", true),
        (
            "AgentTemplate",
            "agenttemplates",
            "agenttemplate",
            "agt",
            "Namespaced",
            true,
        ),
        ("CronTask", "crontasks", "crontask", "ct", "Namespaced", true),
        ("Registry", "registries", "registry", "reg", "Namespaced", true),
        (
            "KubeOpenCodeConfig",
            "kubeopencodeconfigs",
            "kubeopencodeconfig",
            "ktc",
            "Cluster",
            false,
        ),
    ] {
        let crd = definition(kind);
        let names = &crd["spec"]["names"];
        assert_eq!(crd["metadata"]["name"], format!("{plural}.kubeopencode.io"));
        assert_eq!(crd["spec"]["group"], "kubeopencode.io");
        assert_eq!(crd["spec"]["scope"], scope, "{kind}");
        assert_eq!(
            (
                &names["plural"],
                &names["singular"],
                &names["listKind"],
                &names["shortNames"]
            ),
            (
                &plural.into(),
                &singular.into(),
                &format!("{kind}List").into(),
                &vec![short].into()
            )
        );
        assert!(names["categories"].is_null(), "{kind}");
        let versions = crd["spec"]["versions"].as_array().unwrap();
        assert_eq!(versions.len(), 1);
        assert_eq!(versions[0]["name"], "v1alpha1");
        assert_eq!(
            (&versions[0]["served"], &versions[0]["storage"]),
            (&true.into(), &true.into())
        );
        assert_eq!(!versions[0]["subresources"]["status"].is_null(), status, "{kind}");
        assert_eq!(!schema(kind)["properties"]["status"].is_null(), status, "{kind}");
        assert_eq!(schema(kind)["required"], serde_json::json!(["spec"]), "{kind}");
    }
    assert_eq!(CRDS.len(), 6);
}

#[test]
fn printer_columns() {
    let check = |kind: &str, expected: &[(&str, &str, &str, i64)]| {
        let columns = definition(kind)["spec"]["versions"][0]["additionalPrinterColumns"]
            .as_array()
            .unwrap();
        let found: Vec<_> = columns
            .iter()
            .map(|column| {
                (
                    column["name"].as_str().unwrap(),
                    column["jsonPath"].as_str().unwrap(),
                    column["type"].as_str().unwrap(),
                    column["priority"].as_i64().unwrap_or(0),
                )
            })
            .collect();
        let age = ("Age", ".metadata.creationTimestamp", "date", 0);
        assert_eq!(found, [expected, &[age]].concat(), "{kind}");
    };
    check(
        "Task",
        &[
            ("Phase", ".status.phase", "string", 0),
            ("Agent", ".status.agentRef.name", "string", 0),
            ("Template", ".status.templateRef.name", "string", 1),
            ("Pod", ".status.podName", "string", 0),
        ],
    );
    check(
        "Agent",
        &[
            ("Profile", ".spec.profile", "string", 1),
            ("Image", ".spec.executorImage", "string", 1),
            ("ServiceAccount", ".spec.serviceAccountName", "string", 0),
            ("MaxTasks", ".spec.maxConcurrentTasks", "integer", 1),
            ("Ready", ".status.ready", "boolean", 0),
        ],
    );
    check(
        "AgentTemplate",
        &[
            ("Image", ".spec.executorImage", "string", 1),
            ("WorkspaceDir", ".spec.workspaceDir", "string", 1),
            ("ServiceAccount", ".spec.serviceAccountName", "string", 0),
        ],
    );
    check(
        "CronTask",
        &[
            ("Schedule", ".spec.schedule", "string", 0),
            ("Suspend", ".spec.suspend", "boolean", 0),
            ("Active", ".status.active", "integer", 1),
            ("Last Schedule", ".status.lastScheduleTime", "date", 0),
            ("Next Schedule", ".status.nextScheduleTime", "date", 1),
        ],
    );
    check(
        "Registry",
        &[
            ("Images", ".status.summary.images", "integer", 0),
            ("Skills", ".status.summary.skills", "integer", 0),
            ("Plugins", ".status.summary.plugins", "integer", 0),
            ("Ready", ".status.summary.readyCount", "integer", 0),
            ("Total", ".status.summary.totalCount", "integer", 0),
        ],
    );
    check("KubeOpenCodeConfig", &[]);
}

/// `kubectl apply` keeps the manifest in an annotation, which holds 256 KiB at most.
#[test]
fn definitions_can_be_applied_from_the_client_side() {
    for crd in CRDS.iter() {
        let size = crd.to_string().len();
        assert!(size < 250_000, "{}: {size} bytes", crd["metadata"]["name"]);
    }
}

#[test]
fn schemas_are_structural() {
    for crd in CRDS.iter() {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
        structural(schema(kind), kind);
    }
}

/// What the API server demands of every schema node.
fn structural(node: &Value, path: &str) {
    let members = node
        .as_object()
        .unwrap_or_else(|| panic!("{path} is no schema: {node}"));
    for keyword in [
        "$ref",
        "$defs",
        "definitions",
        "nullable",
        "oneOf",
        "allOf",
        "not",
        "const",
        "title",
        "uniqueItems",
    ] {
        assert!(!members.contains_key(keyword), "{path} has {keyword}");
    }
    let int_or_string = node["x-kubernetes-int-or-string"] == true;
    let any = node["x-kubernetes-preserve-unknown-fields"] == true;
    assert!(
        members.contains_key("type") != (int_or_string || any),
        "{path}: type {}",
        node["type"]
    );
    assert_eq!(members.contains_key("anyOf"), int_or_string, "{path}");
    assert!(
        !node["additionalProperties"].is_boolean(),
        "{path} has boolean additionalProperties"
    );
    assert!(
        !(node.get("properties").is_some() && node.get("additionalProperties").is_some()),
        "{path}"
    );
    if let Some(format) = node["format"].as_str() {
        assert!(
            ["int32", "int64", "date-time", "double", "byte"].contains(&format),
            "{path}: format {format}"
        );
    }
    for (name, nested) in node["properties"].as_object().into_iter().flatten() {
        structural(nested, &format!("{path}.{name}"));
    }
    if let Some(nested) = node.get("additionalProperties") {
        structural(nested, &format!("{path}[*]"));
    }
    if node["type"] == "array" {
        structural(&node["items"], &format!("{path}[]"));
    }
    map_list_keys(node, path);
    rules_compile(node, path);
}

/// Keys of a map list are required, or have a default.
fn map_list_keys(node: &Value, path: &str) {
    assert_eq!(
        node["x-kubernetes-list-type"] == "map",
        node.get("x-kubernetes-list-map-keys").is_some(),
        "{path}"
    );
    for key in node["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let items = &node["items"];
        let required = items["required"]
            .as_array()
            .is_some_and(|names| names.contains(key));
        let defaulted = items["properties"][key.as_str().unwrap()]
            .get("default")
            .is_some();
        assert!(required || defaulted, "{path}: key {key} may be absent");
    }
}

/// Rules are valid, stay within the API server's budget, and say what to do.
fn rules_compile(node: &Value, path: &str) {
    let compiled = kube_cel::compile_schema(node);
    assert!(
        compiled.compilation_errors().is_empty(),
        "{path}: {:?}",
        compiled.compilation_errors()
    );
    for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let text = rule["rule"].as_str().unwrap();
        let warnings = kube_cel::estimate_rule_cost(text, &compiled);
        assert!(warnings.is_empty(), "{path}: {warnings:?}");
        let message = rule["message"].as_str().unwrap();
        assert!(message.len() > 20 && !message.contains('\n'), "{path}: {message}");
    }
}

/// A rule below a list is checked for each item, and the API server multiplies its cost with the greatest possible
/// number of items: every list and map with a rule below it has a limit.
#[test]
fn lists_with_rules_below_them_are_limited() {
    for crd in CRDS.iter() {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
        limited(schema(kind), kind);
    }
}

/// Returns whether there is a rule at or below the node.
fn limited(node: &Value, path: &str) -> bool {
    let mut has_rule = node.get("x-kubernetes-validations").is_some();
    if has_rule && node["type"] == "array" {
        assert!(node.get("maxItems").is_some(), "{path} has no maxItems");
    }
    for (name, nested) in node["properties"].as_object().into_iter().flatten() {
        has_rule |= limited(nested, &format!("{path}.{name}"));
    }
    if let Some(nested) = node.get("additionalProperties")
        && limited(nested, &format!("{path}[*]"))
    {
        assert!(node.get("maxProperties").is_some(), "{path} has no maxProperties");
        has_rule = true;
    }
    if let Some(nested) = node.get("items")
        && limited(nested, &format!("{path}[]"))
    {
        assert!(node.get("maxItems").is_some(), "{path} has no maxItems");
        has_rule = true;
    }
    has_rule
}
