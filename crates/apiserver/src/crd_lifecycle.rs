//! From a CustomResourceDefinition to a served kind, and back.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::{Api, Inner};
use crate::kind::Kind;
use crate::registry::storage_of;
use crate::store::{Change, Key, Object, Write};
use crate::verbs::{DeleteOptions, Propagation, delete_object};
use crate::{crd, meta};

/// Where definitions are stored.
pub(crate) const CRDS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// The finalizer that keeps a definition until its instances are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Serves the kinds of every definition in the store. Called once before the server answers anything, so that a
/// restart never shows a moment without them.
pub(crate) fn load(api: &Inner) {
    for (_, object) in api.store.list(CRDS, None).objects {
        serve(api, &object.value);
    }
}

/// Runs until dropped.
pub(crate) async fn run(api: Api) {
    loop {
        let snapshot = api.store.list(CRDS, None);
        let names: Vec<&str> = snapshot.objects.iter().map(|(key, _)| &*key.name).collect();
        api.registry.keep(&names);
        for (key, object) in &snapshot.objects {
            tend(&api, key, object).await;
        }
        let mut watch = api.store.watch_all(snapshot.revision);
        loop {
            let Ok(events) = watch.next().await else { break };
            let mut finishing = BTreeSet::new();
            for event in events {
                if &*event.resource != CRDS {
                    // An instance that goes may be the last one a dying definition waits for.
                    if event.change == Change::Deleted {
                        finishing.insert(event.resource.clone());
                    }
                } else if event.change == Change::Deleted {
                    api.registry.withdraw(&event.key.name);
                    api.kinds_changed.notify_waiters();
                } else if let Some(object) = api.store.get(CRDS, "", &event.key.name) {
                    tend(&api, &event.key, &object).await;
                }
            }
            for resource in finishing {
                if let Some(object) = api.store.get(CRDS, "", &resource)
                    && meta::is_deleting(&object.value)
                {
                    tend(&api, &Key::new("", resource), &object).await;
                }
            }
        }
    }
}

fn serve(api: &Inner, definition: &Value) -> bool {
    match crd::kinds_of(definition) {
        Ok(kinds) => {
            api.registry.serve(meta::name(definition), kinds);
            api.kinds_changed.notify_waiters();
            true
        }
        Err(causes) => {
            tracing::warn!(
                crd = meta::name(definition),
                ?causes,
                "a CustomResourceDefinition cannot be served"
            );
            false
        }
    }
}

async fn tend(api: &Api, key: &Key, object: &Object) {
    if meta::is_deleting(&object.value) {
        clean_up(api, key, object).await;
        return;
    }
    if !serve(api, &object.value) {
        return;
    }
    let change = |object: &Object| {
        let wanted = crd::established_status(&object.value, &meta::now());
        let same = ["acceptedNames", "conditions", "storedVersions"]
            .iter()
            .all(|field| object.value["status"][*field] == wanted[*field]);
        (!same).then(|| {
            let mut value = object.value.clone();
            value["status"] = wanted;
            value
        })
    };
    if let Err(error) = api.amend(CRDS, key, change).await {
        tracing::warn!(crd = &*key.name, %error, "a CustomResourceDefinition could not be marked as established");
    }
}

/// Deletes the instances; when none is left, the definition goes.
async fn clean_up(api: &Api, key: &Key, object: &Object) {
    if !meta::finalizers(&object.value).contains(&CLEANUP) {
        return;
    }
    let kinds = api.kinds();
    let kind: Option<&std::sync::Arc<Kind>> = kinds.stored_as(&key.name);
    if let Some(kind) = kind {
        let options = DeleteOptions {
            propagation: Some(Propagation::Background),
            ..DeleteOptions::default()
        };
        for (instance, found) in api.store.list(&storage_of(kind), None).objects {
            if meta::is_deleting(&found.value) {
                continue;
            }
            let outcome = delete_object(api, kind, &instance.namespace, &instance.name, &options).await;
            if let Err(error) = outcome
                && error.reason != "NotFound"
            {
                tracing::warn!(crd = &*key.name, %error, "an instance of a deleted definition stays");
            }
        }
    }
    let left = api.store.list(&key.name, None).objects.len();
    if left > 0 {
        let change = |object: &Object| terminating(object, left);
        if let Err(error) = api.amend(CRDS, key, change).await {
            tracing::warn!(crd = &*key.name, %error, "the state of a definition's deletion could not be reported");
        }
        return;
    }
    loop {
        let Some(current) = api.store.get(CRDS, "", &key.name) else {
            return;
        };
        let mut value = current.value.clone();
        let kept: Vec<Value> = meta::finalizers(&current.value)
            .into_iter()
            .filter(|f| *f != CLEANUP)
            .map(Value::from)
            .collect();
        meta::set(&mut value, "finalizers", kept);
        if value == current.value {
            return;
        }
        let write = if is_done(&value) {
            Write::remove(CRDS, key.clone(), current.revision)
        } else {
            Write::replace(CRDS, key.clone(), current.revision, value)
        };
        match api.store.write(write).await {
            Err(crate::store::WriteError::Conflict) => {}
            Ok(_) | Err(crate::store::WriteError::Missing) => return,
            Err(error) => {
                tracing::warn!(crd = &*key.name, %error, "a definition could not be released");
                return;
            }
        }
    }
}

fn is_done(crd: &Value) -> bool {
    meta::is_deleting(crd) && meta::finalizers(crd).is_empty()
}

/// The condition that says what the deletion waits for.
fn terminating(object: &Object, left: usize) -> Option<Value> {
    let mut value = object.value.clone();
    let conditions = value["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let message = format!("{left} instances are being deleted");
    if conditions
        .iter()
        .any(|c| c["type"] == "Terminating" && c["message"] == message.as_str())
    {
        return None;
    }
    let condition = json!({
        "type": "Terminating", "status": "True", "reason": "InstanceDeletionInProgress", "message": message,
        "lastTransitionTime": meta::now(),
    });
    let others = conditions.into_iter().filter(|c| c["type"] != "Terminating");
    value["status"]["conditions"] = others.chain([condition]).collect();
    Some(value)
}
