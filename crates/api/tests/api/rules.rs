//! Every pattern, bound and rule, with manifests it accepts and manifests it refuses.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{problems, yaml};

/// A file of cases.
#[derive(Deserialize)]
struct File {
    kind: String,
    cases: Vec<Case>,
}

/// A manifest and what shall be said about it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Name of the object.
    #[serde(default)]
    object: Option<String>,
    spec: Value,
    /// The spec before the change, for rules about changes.
    #[serde(default)]
    before: Option<Value>,
    #[serde(default)]
    status: Option<Value>,
    /// Part of the only problem; absent when the manifest is fine.
    #[serde(default)]
    refused: Option<String>,
}

fn check(text: &str) {
    let file: File = yaml(text);
    let mut wrong = Vec::new();
    for case in file.cases {
        let object = |spec: &Value| {
            let mut object = json!({
                "apiVersion": "kubeopencode.io/v1alpha1",
                "kind": file.kind,
                "metadata": { "name": case.object.as_deref().unwrap_or("example") },
                "spec": spec,
            });
            if let Some(status) = &case.status {
                object["status"] = status.clone();
            }
            object
        };
        let found = problems(
            &file.kind,
            &object(&case.spec),
            case.before.as_ref().map(object).as_ref(),
        );
        let as_expected = match &case.refused {
            None => found.is_empty(),
            Some(part) => found.len() == 1 && found[0].contains(part.as_str()),
        };
        if !as_expected {
            wrong.push(format!(
                "{}: expected {:?}, found {found:#?}",
                case.name, case.refused
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tasks() {
    check(include_str!("cases/task.yaml"));
}

#[test]
fn contexts() {
    check(include_str!("cases/contexts.yaml"));
}

#[test]
fn agents() {
    check(include_str!("cases/agent.yaml"));
}

#[test]
fn agent_templates() {
    check(include_str!("cases/agent_template.yaml"));
}

#[test]
fn cron_tasks() {
    check(include_str!("cases/cron_task.yaml"));
}

#[test]
fn registries() {
    check(include_str!("cases/registry.yaml"));
}

#[test]
fn configs() {
    check(include_str!("cases/config.yaml"));
}
