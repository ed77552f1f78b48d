//! Putting a new object into the store: the one way for create, apply and the server's own controllers.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::Inner;
use crate::apply::{UpdateOptions, track_update};
use crate::call::WriteOptions;
use crate::error::{ApiError, Cause};
use crate::kind::Kind;
use crate::registry::storage_of;
use crate::store::{Key, Object, Write, WriteError};
use crate::{conform, meta, present, refusal, service_ip};

/// Who keeps `managedFields` for the new object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tracking {
    /// It is a plain write: what it sets is tracked here.
    Update,
    /// Server-side apply has done so already.
    Applied,
}

/// Names tried when `generateName` meets names that are taken.
const ATTEMPTS: u32 = 8;

/// Defaults, checks, stamps and stores a new object.
pub(crate) async fn insert(
    api: &Inner,
    kind: &Kind,
    namespace: &str,
    mut value: Value,
    options: &WriteOptions,
    tracking: Tracking,
    warnings: &mut Vec<String>,
) -> Result<Arc<Object>, ApiError> {
    place(kind, namespace, &mut value)?;
    clear(kind, &mut value)?;
    conform::prune(kind, &mut value, options.validation, warnings)?;
    let prefix = meta::text(&value, "generateName").to_owned();
    let generate = meta::name(&value).is_empty() && !prefix.is_empty();
    for attempt in 1.. {
        let mut value = value.clone();
        if generate {
            meta::set(&mut value, "name", generated(&prefix));
        }
        let object = stamp(api, kind, namespace, value, options, tracking)?;
        if options.dry_run {
            if api.get(kind, namespace, meta::name(&object)).is_ok() {
                return Err(refusal::already_exists(kind, meta::name(&object)));
            }
            let revision = meta::revision(&object).parse().unwrap_or_default();
            let mut shown = Object::new(present::to_storage(kind, object), revision);
            meta::set(&mut shown.value, "resourceVersion", Value::Null);
            return Ok(Arc::new(shown));
        }
        let name = meta::name(&object).to_owned();
        let key = Key::new(namespace, name.as_str());
        let write = Write::create(storage_of(kind), key, present::to_storage(kind, object));
        match api.store.write(write).await {
            Ok(event) => return Ok(event.object.clone()),
            Err(WriteError::Exists) if generate && attempt < ATTEMPTS => {}
            Err(error) => return Err(refusal::from_write(kind, &name, &error)),
        }
    }
    Err(refusal::internal("no name was tried"))
}

/// Puts the namespace of the path into the object, and refuses another one.
pub(crate) fn place(kind: &Kind, namespace: &str, value: &mut Value) -> Result<(), ApiError> {
    let given = meta::namespace(value);
    if kind.namespaced {
        if !given.is_empty() && given != namespace {
            return Err(refusal::bad_request(format!(
                "the namespace of the provided object does not match the namespace sent on the request: the object says {given}, the path {namespace}"
            )));
        }
        meta::set(value, "namespace", namespace);
    } else if !given.is_empty() {
        return Err(refusal::bad_request(format!(
            "{} objects are cluster-scoped: metadata.namespace must be empty and is {given}",
            kind.kind
        )));
    }
    Ok(())
}

/// Removes what a client may not set on creation.
fn clear(kind: &Kind, value: &mut Value) -> Result<(), ApiError> {
    if !matches!(meta::revision(value), "" | "0") {
        return Err(ApiError::new(
            500,
            "",
            "resourceVersion should not be set on objects to be created",
        ));
    }
    if meta::name(value).is_empty() && meta::text(value, "generateName").is_empty() {
        let cause = Cause::required(
            "metadata.name",
            "Required value: name or generateName is required",
        );
        return Err(refusal::invalid(kind, "", vec![cause]));
    }
    let metadata = meta::of(value);
    for field in [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "generation",
    ] {
        metadata.remove(field);
    }
    // A kubelet registers its node together with the node's status; all other statuses begin empty.
    if kind.subresources.status
        && kind.plural != "nodes"
        && let Some(fields) = value.as_object_mut()
    {
        fields.remove("status");
    }
    Ok(())
}

/// Gives the object its identity, its defaults and its ownership record, and checks it.
fn stamp(
    api: &Inner,
    kind: &Kind,
    namespace: &str,
    mut value: Value,
    options: &WriteOptions,
    tracking: Tracking,
) -> Result<Value, ApiError> {
    conform::default(kind, &mut value);
    if kind.custom {
        definition_is_alive(api, kind)?;
    }
    if kind.namespaced {
        namespace_is_open(api, kind, namespace, meta::name(&value))?;
    }
    let now = meta::now();
    meta::set(&mut value, "uid", uuid::Uuid::new_v4().to_string());
    meta::set(&mut value, "creationTimestamp", now.as_str());
    if has_generation(kind) {
        meta::set(&mut value, "generation", 1);
    }
    if storage_of(kind) == "services" {
        service_ip::assign(api, &mut value);
    }
    conform::validate(kind, &value, None)?;
    if tracking == Tracking::Update {
        let api_version = kind.api_version();
        let update = UpdateOptions {
            manager: &options.manager,
            subresource: "",
            api_version: &api_version,
            now: &now,
        };
        track_update(None, &mut value, &kind.shape, &update)?;
    }
    Ok(value)
}

/// Kinds whose `metadata.generation` counts changes of the desired state.
pub(crate) fn has_generation(kind: &Kind) -> bool {
    kind.custom
        || matches!(
            kind.resource_key().as_str(),
            "pods"
                | "deployments.apps"
                | "replicasets.apps"
                | "statefulsets.apps"
                | "daemonsets.apps"
                | "jobs.batch"
                | "cronjobs.batch"
                | "networkpolicies.networking.k8s.io"
                | "customresourcedefinitions.apiextensions.k8s.io"
        )
}

/// Refuses a new object where its namespace is missing or on its way out.
fn namespace_is_open(api: &Inner, kind: &Kind, namespace: &str, name: &str) -> Result<(), ApiError> {
    let Some(found) = api.store.get("namespaces", "", namespace) else {
        return Err(ApiError {
            details: Some(json!({"name": namespace, "kind": "namespaces"})),
            ..ApiError::new(404, "NotFound", format!("namespaces \"{namespace}\" not found"))
        });
    };
    if !meta::is_deleting(&found.value) {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    Err(ApiError {
        causes: vec![Cause {
            reason: "NamespaceTerminating",
            field: "metadata.namespace".into(),
            message: format!("namespace {namespace} is being terminated"),
        }],
        ..refusal::forbidden(kind, name, &why)
    })
}

/// Refuses new instances of a definition on its way out.
fn definition_is_alive(api: &Inner, kind: &Kind) -> Result<(), ApiError> {
    match api
        .store
        .get(crate::crd_lifecycle::CRDS, "", &kind.resource_key())
    {
        Some(definition) if meta::is_deleting(&definition.value) => Err(ApiError {
            message: "create not allowed while the CustomResourceDefinition is being deleted".into(),
            ..refusal::method_not_allowed()
        }),
        _ => Ok(()),
    }
}

/// `prefix` and five characters that form no words.
fn generated(prefix: &str) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let random = uuid::Uuid::new_v4();
    let suffix = random.as_bytes()[..5]
        .iter()
        .map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()] as char);
    let base: String = prefix.chars().take(58).collect();
    base.chars().chain(suffix).collect()
}
