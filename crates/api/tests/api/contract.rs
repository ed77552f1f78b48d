//! Fields and constraints others rely on, written down independently of the Rust types.

use serde_json::Value;

use crate::{definition, schema, yaml};

/// Each line: kind, path, and what the schema says there. A path of `a[].b` goes through a list, `a{}.b` through a map.
const FIELDS: &str = include_str!("fields.txt");

#[test]
fn every_field_is_as_agreed() {
    let mut wrong = Vec::new();
    for line in FIELDS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (kind, rest) = line.split_once(' ').unwrap();
        let (path, expected) = rest.trim().split_once(' ').unwrap();
        let expected: Value = yaml(expected.trim());
        let node = path.split('.').fold(schema(kind), |node, step| {
            let name = step.trim_end_matches("[]").trim_end_matches("{}");
            let node = &node["properties"][name];
            if step.ends_with("[]") {
                &node["items"]
            } else if step.ends_with("{}") {
                &node["additionalProperties"]
            } else {
                node
            }
        });
        for (key, value) in expected.as_object().unwrap() {
            if node[key] != *value && !equal_numbers(&node[key], value) {
                wrong.push(format!(
                    "{kind} {path}: {key} is {}, agreed was {value}",
                    node[key]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bounds are floating point in the definition.
fn equal_numbers(found: &Value, expected: &Value) -> bool {
    found
        .as_f64()
        .is_some_and(|found| expected.as_f64() == Some(found))
}

/// What has to be there, by kind and path.
#[test]
fn required_fields() {
    let check = |kind: &str, pointer: &str, expected: &[&str]| {
        let node = schema(kind)
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{kind} has no {pointer}"));
        let mut found: Vec<&str> = node["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{kind} {pointer}");
    };
    let spec = "/properties/spec";
    let item = |list: &str| format!("{spec}/properties/{list}/items");
    let member = |path: &str| format!("{spec}/properties/{}", path.replace('.', "/properties/"));
    check("Task", spec, &[]);
    check("Task", &item("contexts"), &["type"]);
    check(
        "Task",
        &format!("{}/properties/configMap", item("contexts")),
        &["name"],
    );
    check(
        "Task",
        &format!("{}/properties/git", item("contexts")),
        &["repository"],
    );
    check(
        "Task",
        &format!("{}/properties/git/properties/secretRef", item("contexts")),
        &["name"],
    );
    check(
        "Task",
        &format!("{}/properties/url", item("contexts")),
        &["source"],
    );
    check("Task", &member("agentRef"), &["name"]);
    check("Task", &member("templateRef"), &["name"]);
    check("Agent", spec, &[]);
    check("Agent", &item("skills"), &["name"]);
    check("Agent", &item("plugins"), &["name"]);
    check("Agent", &item("credentials"), &["name", "secretRef"]);
    check("Agent", &item("extraPorts"), &["name", "port"]);
    check("Agent", &item("imagePullSecrets"), &[]);
    check("Agent", &member("quota"), &["maxTaskStarts", "windowSeconds"]);
    check("Agent", &member("standby"), &["idleTimeout"]);
    check("Agent", &member("share"), &["enabled"]);
    check("Agent", &member("persistence.sessions"), &[]);
    check("AgentTemplate", spec, &["serviceAccountName", "workspaceDir"]);
    check("CronTask", spec, &["schedule", "taskTemplate"]);
    check("CronTask", &member("taskTemplate"), &["spec"]);
    check("Registry", spec, &[]);
    check("Registry", &item("images"), &["image", "name"]);
    check("Registry", &item("skills"), &["name"]);
    check("Registry", &item("plugins"), &["name", "plugin"]);
    check("KubeOpenCodeConfig", spec, &[]);
    check(
        "KubeOpenCodeConfig",
        &member("observability.openTelemetry"),
        &["enabled"],
    );
    assert!(
        definition("KubeOpenCodeConfig")["spec"]["versions"][0]
            .get("subresources")
            .is_none()
    );
}
