//! The life of a namespace: it is given a ServiceAccount, and when it goes, its contents go first.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::Api;
use crate::call::{FieldValidation, WriteOptions};
use crate::meta;
use crate::registry::storage_of;
use crate::store::{Key, Object, Write};
use crate::verbs::{DeleteOptions, Propagation, Tracking, delete_object, insert, is_finished};

const NAMESPACES: &str = "namespaces";

/// Runs until dropped.
pub(crate) async fn run(api: Api) {
    loop {
        let snapshot = api.store.list(NAMESPACES, None);
        for (key, object) in &snapshot.objects {
            tend(&api, &key.name, object).await;
        }
        let mut watch = api.store.watch_all(snapshot.revision);
        // Falling behind the window ends the inner loop, and everything is looked at again.
        while let Ok(events) = watch.next().await {
            let mut touched: BTreeSet<Arc<str>> = BTreeSet::new();
            for event in events {
                let is_namespace = &*event.resource == NAMESPACES;
                touched.insert(if is_namespace {
                    event.key.name.clone()
                } else {
                    event.key.namespace.clone()
                });
            }
            for name in touched {
                if let Some(object) = api.store.get(NAMESPACES, "", &name) {
                    tend(&api, &name, &object).await;
                }
            }
        }
    }
}

async fn tend(api: &Api, name: &str, namespace: &Object) {
    if meta::is_deleting(&namespace.value) {
        terminate(api, name, namespace).await;
    } else {
        furnish(api, name).await;
    }
}

/// Every namespace has a ServiceAccount named `default`.
pub(crate) async fn furnish(api: &Api, namespace: &str) {
    if api.store.get("serviceaccounts", namespace, "default").is_some() {
        return;
    }
    let kinds = api.kinds();
    let Some(kind) = kinds.at("", "v1", "serviceaccounts") else {
        return;
    };
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    let options = WriteOptions {
        dry_run: false,
        validation: FieldValidation::Ignore,
        manager: "kube-controller-manager".into(),
    };
    let outcome = insert(
        api,
        kind,
        namespace,
        account,
        &options,
        Tracking::Update,
        &mut Vec::new(),
    )
    .await;
    if let Err(error) = outcome
        && !matches!(error.reason, "AlreadyExists" | "Forbidden" | "NotFound")
    {
        tracing::warn!(namespace, %error, "the default ServiceAccount could not be made");
    }
}

/// Deletes the contents, reports what is left, and lets the namespace go when it is empty.
async fn terminate(api: &Api, name: &str, namespace: &Object) {
    let mut left: Vec<(String, usize)> = Vec::new();
    let mut held: Vec<(String, usize)> = Vec::new();
    let mut done = BTreeSet::new();
    for kind in api.kinds().iter().filter(|kind| kind.namespaced) {
        let storage = storage_of(kind);
        if !done.insert(storage.clone()) {
            continue;
        }
        let options = DeleteOptions {
            propagation: Some(Propagation::Background),
            ..DeleteOptions::default()
        };
        for (key, object) in api.store.list(&storage, Some(name)).objects {
            if meta::is_deleting(&object.value) {
                continue;
            }
            if let Err(error) = delete_object(api, kind, name, &key.name, &options).await
                && error.reason != "NotFound"
            {
                tracing::warn!(namespace = name, resource = storage, %error, "an object of a deleted namespace stays");
            }
        }
        let remaining = api.store.list(&storage, Some(name)).objects;
        if !remaining.is_empty() {
            left.push((storage.clone(), remaining.len()));
        }
        for finalizer in remaining
            .iter()
            .flat_map(|(_, object)| meta::finalizers(&object.value))
        {
            match held.iter_mut().find(|(known, _)| known == finalizer) {
                Some((_, count)) => *count += 1,
                None => held.push((finalizer.into(), 1)),
            }
        }
    }
    if !left.is_empty() {
        report(api, name, &left, &held).await;
        return;
    }
    release(api, name, namespace).await;
}

/// Takes the `kubernetes` finalizer away and removes the namespace if nothing else holds it.
async fn release(api: &Api, name: &str, namespace: &Object) {
    let kinds = api.kinds();
    let Some(kind) = kinds.at("", "v1", NAMESPACES) else {
        return;
    };
    let without = |object: &Object| {
        let mut value = object.value.clone();
        let kept: Vec<Value> = value["spec"]["finalizers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|finalizer| *finalizer != "kubernetes")
            .cloned()
            .collect();
        if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
            if kept.is_empty() {
                spec.remove("finalizers");
            } else {
                spec.insert("finalizers".into(), kept.into());
            }
        }
        value
    };
    let key = Key::new("", name);
    let value = without(namespace);
    let outcome = if is_finished(kind, &value) {
        api.store
            .write(Write::remove(NAMESPACES, key, namespace.revision))
            .await
    } else if value != namespace.value {
        api.store
            .write(Write::replace(NAMESPACES, key, namespace.revision, value))
            .await
    } else {
        return;
    };
    // A lost race brings an event, and with it another try.
    if let Err(error) = outcome {
        tracing::debug!(namespace = name, %error, "the namespace changed while it was being released");
    }
}

/// Says in the namespace's conditions what it is still waiting for.
async fn report(api: &Api, name: &str, left: &[(String, usize)], held: &[(String, usize)]) {
    let now = meta::now();
    let list = |items: &[(String, usize)], what: &str| {
        items
            .iter()
            .map(|(item, count)| format!("{item} has {count} {what}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let condition = |kind: &str, status: bool, reason: &str, message: String| {
        json!({
            "type": kind, "status": if status { "True" } else { "False" }, "reason": reason, "message": message,
            "lastTransitionTime": now,
        })
    };
    let wanted = [
        condition(
            "NamespaceDeletionDiscoveryFailure",
            false,
            "ResourcesDiscovered",
            "All resources successfully discovered".into(),
        ),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            false,
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed".into(),
        ),
        condition(
            "NamespaceDeletionContentFailure",
            false,
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization".into(),
        ),
        condition(
            "NamespaceContentRemaining",
            true,
            "SomeResourcesRemain",
            format!(
                "Some resources are remaining: {}",
                list(left, "resource instances")
            ),
        ),
        condition(
            "NamespaceFinalizersRemaining",
            !held.is_empty(),
            if held.is_empty() {
                "ContentHasNoFinalizers"
            } else {
                "SomeFinalizersRemain"
            },
            if held.is_empty() {
                "All content-preserving finalizers finished".into()
            } else {
                format!(
                    "Some content in the namespace has finalizers remaining: {}",
                    list(held, "resource instances")
                )
            },
        ),
    ];
    let change = |object: &Object| {
        let old = object.value["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let merged: Vec<Value> = wanted
            .iter()
            .map(|condition| {
                let before = old.iter().find(|c| c["type"] == condition["type"]);
                let mut condition = condition.clone();
                if let Some(before) = before.filter(|before| before["status"] == condition["status"]) {
                    condition["lastTransitionTime"] = before["lastTransitionTime"].clone();
                }
                condition
            })
            .collect();
        (merged != old).then(|| {
            let mut value = object.value.clone();
            value["status"]["conditions"] = merged.into();
            value
        })
    };
    if let Err(error) = api.amend(NAMESPACES, &Key::new("", name), change).await {
        tracing::warn!(namespace = name, %error, "the state of a namespace deletion could not be reported");
    }
}
