//! What is left of one Task's life, without what differs from run to run.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::api::events::v1::Event;
use koc_api::Task;
use koc_api::names::labels;
use kube::api::ListParams;
use kube::core::ObjectMeta;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::world::World;

/// See [`of`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    /// Phase and reason, or that the Task is gone; how many Pods there are.
    pub(crate) end: String,
    /// Everything, as text to be compared and shown.
    pub(crate) text: String,
}

/// Task, Pods, ConfigMaps and events of one name.
pub(crate) async fn of(world: &World, name: &str) -> Snapshot {
    let task = world.api::<Task>().get_opt(name).await.unwrap();
    let uid = task.as_ref().and_then(ResourceExt::uid).unwrap_or_default();
    let mut kept: BTreeMap<String, Value> = BTreeMap::new();
    let pods = about(world.api::<Pod>(), name).await;
    for pod in &pods {
        let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
        let facts = json!({
            "owner": owner(&pod.metadata, &uid), "phase": phase,
            "deleted": pod.metadata.deletion_timestamp.is_some(),
        });
        kept.insert(format!("pod {}", pod.name_any()), facts);
    }
    for map in about(world.api::<ConfigMap>(), name).await {
        let facts = json!({"owner": owner(&map.metadata, &uid), "data": map.data});
        kept.insert(format!("map {}", map.name_any()), facts);
    }
    let events = world.api::<Event>().list(&ListParams::default()).await.unwrap();
    for event in events {
        let Some(about) = event
            .regarding
            .filter(|about| about.name.as_deref() == Some(name))
        else {
            continue;
        };
        let whose = if about.uid.as_deref() == Some(&uid) {
            "this"
        } else {
            "an earlier"
        };
        let title = format!(
            "event {} of {whose} Task: {}",
            event.reason.unwrap_or_default(),
            event.note.unwrap_or_default()
        );
        // Each event is its own object; one that was counted up says so in its series.
        let times = event.series.map_or(1, |series| series.count)
            + kept.get(&title).and_then(Value::as_i64).map_or(0, |n| n as i32);
        kept.insert(title, times.into());
    }
    let mut end = "gone".to_owned();
    if let Some(task) = &task {
        let value = |pointer: &str| {
            let status = serde_json::to_value(&task.status).unwrap();
            status
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or("-")
                .to_owned()
        };
        end = format!("{} {}", value("/phase"), value("/reason"));
        kept.insert("task".to_owned(), normalised(task));
    }
    let text = serde_json::to_string_pretty(&kept).unwrap();
    let mut text = text
        .replace(name, "<task>")
        .replace(world.namespace(), "<namespace>");
    if !uid.is_empty() {
        text = text.replace(&uid, "<uid>").replace(&uid[..8], "<uid>");
    }
    Snapshot {
        end: format!("{end}, {} Pods", pods.len()),
        text,
    }
}

/// Objects that have the Task's name in theirs, or its label.
async fn about<K>(api: Api<K>, name: &str) -> Vec<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let mut found = api.list(&ListParams::default()).await.unwrap().items;
    let prefix = format!("{name}-");
    found.retain(|object| {
        object.name_any().starts_with(&prefix)
            || object.labels().get(labels::TASK).is_some_and(|task| task == name)
    });
    found
}

fn owner(meta: &ObjectMeta, uid: &str) -> &'static str {
    match meta.owner_references.as_deref().unwrap_or_default() {
        [] => "nobody",
        owners if owners.iter().any(|owner| owner.uid == uid) => "this Task",
        _ => "another one",
    }
}

/// Labels and status; times only say whether they are there.
fn normalised(task: &Task) -> Value {
    let mut status = serde_json::to_value(&task.status).unwrap();
    for time in ["startTime", "completionTime"] {
        if let Some(time) = status.get_mut(time) {
            *time = "<time>".into();
        }
    }
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.sort_by_key(|condition| condition["type"].to_string());
        for condition in conditions {
            condition["lastTransitionTime"] = "<time>".into();
        }
    }
    json!({"labels": task.labels(), "status": status})
}
