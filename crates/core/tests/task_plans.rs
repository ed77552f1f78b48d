//! Every file in `cases/` is a list of cases: a cluster state, a time, and what must follow from them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what broke by panicking"
)]

#[path = "support/given.rs"]
mod given;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use koc_api::decode;
use koc_core::{Creation, Effect, Plan, RefusedCreation, World, plan_task};
use serde::Deserialize;
use serde_json::{Value, json};

use given::{json_merge, told};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    name: String,
    #[serde(default)]
    now: Option<Timestamp>,
    #[serde(default)]
    task: Value,
    #[serde(default)]
    template: Option<Value>,
    #[serde(default)]
    config: Option<Value>,
    #[serde(default)]
    config_maps: BTreeMap<String, Value>,
    #[serde(default)]
    pod: Option<Value>,
    #[serde(default)]
    context_maps: Vec<Value>,
    /// Code and sentence with which the API server refused the Pod.
    #[serde(default)]
    pod_refused: Option<(u16, String)>,
    expect: Expectation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expectation {
    /// The effects in short, in order.
    #[serde(default)]
    effects: Vec<String>,
    /// Seconds until the next look; absent means "only when something changes".
    #[serde(default)]
    wake: Option<u64>,
    /// Parts that the written status must have.
    #[serde(default)]
    status: Value,
    /// Parts of sentences that the status message must have.
    #[serde(default)]
    message: Vec<String>,
    /// The event's words, where given.
    #[serde(default)]
    note: Option<String>,
    /// Data of the created ConfigMap, where given.
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
    /// Parts that the created Pod must have, by JSON pointer.
    #[serde(default)]
    pod: BTreeMap<String, Value>,
}

#[test]
fn every_case_gives_its_plan() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut count = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let cases: Vec<Case> =
            serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for case in cases {
            count += 1;
            if let Err(problem) = check(&case) {
                failures.push(format!(
                    "{} / {}: {problem}",
                    path.file_name().unwrap().display(),
                    case.name
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count} cases failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(count >= 40, "only {count} cases were found");
}

fn check(case: &Case) -> Result<(), String> {
    let world = world(case)?;
    let now = case
        .now
        .unwrap_or_else(|| "2026-01-01T00:00:01Z".parse().unwrap());
    let plan = plan_task(&world, now);
    if plan != plan_task(&world, now) {
        return Err("planning twice gives two plans".into());
    }
    let expect = &case.expect;
    equal("effects", &summary(&plan), &expect.effects)?;
    equal("wake", &plan.wake.map(|w| w.as_secs()), &expect.wake)?;
    for effect in &plan.effects {
        match effect {
            Effect::Status(status) => {
                let status = serde_json::to_value(status).unwrap();
                contains("status", &status, &expect.status)?;
                let told = told(&status);
                for part in &expect.message {
                    if !told.contains(part.as_str()) {
                        return Err(format!("the status does not say {part:?}:\n{told}"));
                    }
                }
            }
            Effect::CreateContextMap(map) => {
                if let Some(data) = &expect.data {
                    equal("data", map.data.as_ref().unwrap(), data)?;
                }
            }
            Effect::CreatePod(pod) => {
                let pod = serde_json::to_value(pod).unwrap();
                for (pointer, wanted) in &expect.pod {
                    equal(pointer, pod.pointer(pointer).unwrap_or(&Value::Null), wanted)?;
                }
            }
            Effect::Announce(event) => {
                if let Some(note) = &expect.note {
                    equal("note", &event.note, note)?;
                }
            }
            Effect::RewriteContextMap(_) | Effect::DeletePod { .. } | Effect::Label(_) => {}
        }
    }
    Ok(())
}

fn world(case: &Case) -> Result<World, String> {
    Ok(World {
        pod: case.pod.as_ref().map(owned_pod).transpose()?,
        context_maps: case
            .context_maps
            .iter()
            .map(|map| {
                let map: ConfigMap = decode(&given::written_out(map)).map_err(|e| e.to_string())?;
                Ok((map.metadata.name.clone().unwrap_or_default(), map))
            })
            .collect::<Result<_, String>>()?,
        refused: case.pod_refused.clone().map(|(code, message)| RefusedCreation {
            what: Creation::Pod,
            name: "demo-pod".to_owned(),
            code,
            message,
        }),
        ..given::world(
            &case.task,
            case.template.as_ref(),
            case.config.as_ref(),
            &case.config_maps,
        )?
    })
}

/// A Pod of the Task unless the case says otherwise.
fn owned_pod(given: &Value) -> Result<Pod, String> {
    let mut pod = json!({
        "metadata": {
            "name": "demo-pod", "namespace": "team", "uid": "pod-uid", "creationTimestamp": "2026-01-01T00:00:02Z",
            "ownerReferences": [{
                "apiVersion": "kubeopencode.io/v1alpha1", "kind": "Task", "name": "demo",
                "uid": "0123456789abcdef", "controller": true,
            }],
        },
    });
    json_merge(&mut pod, given);
    decode(&pod).map_err(|e| e.to_string())
}

fn summary(plan: &Plan) -> Vec<String> {
    plan.effects
        .iter()
        .map(|effect| match effect {
            Effect::CreateContextMap(map) => format!("ConfigMap {}", map.metadata.name.as_ref().unwrap()),
            Effect::RewriteContextMap(rewrite) => format!(
                "rewrite {} at {}: {}",
                rewrite.name,
                rewrite.version,
                serde_json::to_string(&rewrite.data).unwrap()
            ),
            Effect::CreatePod(pod) => format!("Pod {}", pod.metadata.name.as_ref().unwrap()),
            Effect::DeletePod { name, uid } => format!("delete {name} {uid}"),
            Effect::Announce(event) => {
                format!(
                    "{} {}/{}",
                    if event.warning { "Warning" } else { "Normal" },
                    event.reason,
                    event.action
                )
            }
            Effect::Label(labels) => labels
                .iter()
                .map(|(k, v)| format!("label {k}={v}"))
                .collect::<Vec<_>>()
                .join(" "),
            Effect::Status(status) => format!("status {}", status.phase.unwrap()),
        })
        .collect()
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, wanted: &T) -> Result<(), String> {
    if is == wanted {
        Ok(())
    } else {
        Err(format!("{what}\n  is     {is:?}\n  wanted {wanted:?}"))
    }
}

/// True when `is` has everything that `wanted` has. Conditions are looked up by type.
fn contains(what: &str, is: &Value, wanted: &Value) -> Result<(), String> {
    match (is, wanted) {
        (_, Value::Null) => Ok(()),
        (Value::Object(is), Value::Object(wanted)) => {
            for (key, value) in wanted {
                let found = is.get(key).unwrap_or(&Value::Null);
                contains(&format!("{what}.{key}"), found, value)?;
            }
            Ok(())
        }
        (Value::Array(is), Value::Array(wanted)) => {
            for value in wanted {
                let same = |other: &&Value| other["type"] == value["type"];
                let found = is.iter().find(same).unwrap_or(&Value::Null);
                contains(&format!("{what}[{}]", value["type"]), found, value)?;
            }
            Ok(())
        }
        (is, wanted) => equal(what, is, wanted),
    }
}
