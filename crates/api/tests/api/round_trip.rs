//! A manifest that uses every field survives decoding and encoding unchanged, and the schema knows all of it.

use koc_api::{Agent, AgentTemplate, CronTask, KubeOpenCodeConfig, Registry, Task, decode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{problems, schema, yaml};

fn check<K: DeserializeOwned + Serialize>(kind: &str, text: &str) {
    let manifest: Value = yaml(text);
    assert_eq!(problems(kind, &manifest, None), Vec::<String>::new(), "{kind}");
    let decoded: K = decode(&manifest).unwrap();
    same(&serde_json::to_value(&decoded).unwrap(), &manifest);
    for part in ["spec", "status"] {
        unused(
            &schema(kind)["properties"][part],
            &manifest[part],
            &format!("{kind}.{part}"),
        );
    }
}

/// Compares with a readable difference; the order of members does not matter.
fn same(found: &Value, expected: &Value) {
    let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    assert!(
        found == expected,
        "found {}\nexpected {}",
        text(found),
        text(expected)
    );
}

/// Members that exclude another one the manifest uses.
const EXCLUDED: &[&str] = &[
    "Task.spec.templateRef",
    "CronTask.spec.taskTemplate.spec.templateRef",
    "Agent.spec.caBundle.secretRef",
    "AgentTemplate.spec.caBundle.secretRef",
];

/// Fails for a property of ours that the manifest does not use: the manifest has to stay rich, and a field that the
/// type has but the schema calls otherwise cannot hide. Below `podSpec` the types are Kubernetes' own.
fn unused(node: &Value, value: &Value, path: &str) {
    if path.contains(".podSpec.") || path.ends_with(".conditions") || path.ends_with(".activeRefs") {
        return;
    }
    for (name, nested) in node["properties"].as_object().into_iter().flatten() {
        if EXCLUDED.contains(&format!("{path}.{name}").as_str()) {
            continue;
        }
        // In a list the items together use all properties.
        let used = match value {
            Value::Array(items) => items
                .iter()
                .map(|item| &item[name])
                .find(|member| !member.is_null()),
            _ => Some(&value[name]).filter(|member| !member.is_null()),
        };
        let used = used.unwrap_or_else(|| panic!("the rich manifest does not use {path}.{name}"));
        let nested_schema = nested.get("items").unwrap_or(nested);
        unused(nested_schema, used, &format!("{path}.{name}"));
    }
}

#[test]
fn task() {
    check::<Task>("Task", include_str!("rich/task.yaml"));
}

#[test]
fn agent() {
    check::<Agent>("Agent", include_str!("rich/agent.yaml"));
}

#[test]
fn agent_template() {
    check::<AgentTemplate>("AgentTemplate", include_str!("rich/agent_template.yaml"));
}

#[test]
fn cron_task() {
    check::<CronTask>("CronTask", include_str!("rich/cron_task.yaml"));
}

#[test]
fn registry() {
    check::<Registry>("Registry", include_str!("rich/registry.yaml"));
}

#[test]
fn config() {
    check::<KubeOpenCodeConfig>("KubeOpenCodeConfig", include_str!("rich/config.yaml"));
}

/// An Agent's empty list clears its template's, an absent one inherits it.
#[test]
fn absent_and_empty_lists_stay_apart() {
    let agent = |spec: Value| -> Agent {
        decode(&json!({ "apiVersion": "kubeopencode.io/v1alpha1", "kind": "Agent", "metadata": {}, "spec": spec })).unwrap()
    };
    let lists = [
        "command",
        "contexts",
        "skills",
        "plugins",
        "credentials",
        "imagePullSecrets",
        "extraPorts",
    ];
    for list in lists {
        let empty = serde_json::to_value(agent(json!({ list: [] }))).unwrap();
        assert_eq!(empty["spec"], json!({ list: [] }));
        let absent = serde_json::to_value(agent(json!({ list: null }))).unwrap();
        assert_eq!(absent["spec"], json!({}));
    }
}
