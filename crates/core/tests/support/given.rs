//! What a case starts from: a small Task and template, changed by what the case says.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use koc_api::{AgentTemplate, KubeOpenCodeConfig, Task, decode};
use koc_core::{Lookup, World};
use serde_json::{Value, json};

/// The world of the Task `demo` in the namespace `team`. Without a template none exists.
pub(crate) fn world(
    task: &Value,
    template: Option<&Value>,
    config: Option<&Value>,
    config_maps: &BTreeMap<String, Value>,
) -> Result<World, String> {
    let mut whole = json!({
        "apiVersion": "kubeopencode.io/v1alpha1", "kind": "Task",
        "metadata": {
            "name": "demo", "namespace": "team", "uid": "0123456789abcdef", "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"description": "Say hello", "templateRef": {"name": "base"}},
    });
    json_merge(&mut whole, &written_out(task));
    let template = template.map(|given| {
        let mut template = json!({
            "apiVersion": "kubeopencode.io/v1alpha1", "kind": "AgentTemplate",
            "metadata": {"name": "base", "namespace": "team"},
            "spec": {"workspaceDir": "/workspace", "serviceAccountName": "runner"},
        });
        json_merge(&mut template, &written_out(given));
        template
    });
    Ok(World {
        task: decode::<Task>(&whole).map_err(|e| e.to_string())?,
        template: lookup::<AgentTemplate>(template.as_ref()),
        config: lookup::<KubeOpenCodeConfig>(config),
        config_maps: config_maps
            .iter()
            .map(|(name, value)| {
                (
                    name.clone(),
                    lookup::<ConfigMap>((!value.is_null()).then(|| written_out(value)).as_ref()),
                )
            })
            .collect(),
        ..World::default()
    })
}

fn lookup<K: serde::de::DeserializeOwned>(value: Option<&Value>) -> Lookup<K> {
    match value {
        None => Lookup::Missing,
        Some(value) => match decode(value) {
            Ok(object) => Lookup::Found(object),
            Err(error) => Lookup::Unreadable(error.to_string()),
        },
    }
}

/// Everything the status says in sentences.
pub(crate) fn told(status: &Value) -> String {
    let mut all = vec![status["message"].as_str().unwrap_or_default().to_owned()];
    for condition in status["conditions"].as_array().into_iter().flatten() {
        let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        all.push(format!(
            "{} {} {}: {}",
            text("type"),
            text("status"),
            text("reason"),
            text("message")
        ));
    }
    all.join("\n")
}

/// Lays `patch` over `target`; null removes.
pub(crate) fn json_merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(key);
                } else {
                    json_merge(target.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (_, Value::Null) => {}
        (target, patch) => *target = patch.clone(),
    }
}

/// Writes out `{$times: [text, n]}`, by which fixtures speak of long texts and lists, and `{$each: [value, n]}`, which is
/// a list in whose texts `#` is replaced by 0 to n-1.
pub(crate) fn written_out(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            if let (1, Some(times)) = (object.len(), object.get("$times")) {
                let count = usize::try_from(times[1].as_u64().unwrap()).unwrap();
                return times[0].as_str().unwrap().repeat(count).into();
            }
            if let (1, Some(each)) = (object.len(), object.get("$each")) {
                let text = serde_json::to_string(&each[0]).unwrap();
                return (0..each[1].as_u64().unwrap())
                    .map(|i| written_out(&serde_json::from_str(&text.replace('#', &i.to_string())).unwrap()))
                    .collect();
            }
            object
                .iter()
                .map(|(key, value)| (key.clone(), written_out(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Value::Array(list) => list.iter().map(written_out).collect(),
        other => other.clone(),
    }
}
