//! Changing a stored object: the one way for update, patch, apply and the subresources.

use std::sync::Arc;

use serde_json::Value;

use super::insert::{has_generation, place};
use crate::api::Inner;
use crate::apply::{UpdateOptions, track_update};
use crate::call::WriteOptions;
use crate::error::{ApiError, Cause};
use crate::kind::Kind;
use crate::registry::storage_of;
use crate::store::{Key, Object, Write, WriteError};
use crate::{builtin, conform, meta, present, refusal};

/// Which part of the object may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sub {
    /// The object itself, without its status if that is a subresource.
    Main,
    /// Only the status.
    Status,
    /// The object itself, reached through `/scale`.
    Scale,
    /// `spec.finalizers` of a namespace.
    Finalize,
}

impl Sub {
    /// The name `managedFields` knows the subresource by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Status => "status",
            Self::Scale => "scale",
            Self::Finalize => "finalize",
        }
    }
}

/// The object to change.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) sub: Sub,
}

/// What a change makes of the object.
pub(crate) struct Made {
    pub(crate) value: Value,
    /// True when `managedFields` are right already, as after server-side apply.
    pub(crate) tracked: bool,
    /// True when the new value must name the revision it replaces (PUT of a custom resource).
    pub(crate) needs_revision: bool,
}

/// Applies `make` to the stored object and stores the outcome, again when someone else was faster, unless the
/// new value names the revision it wants to replace.
pub(crate) async fn modify(
    api: &Inner,
    target: Target<'_>,
    options: &WriteOptions,
    warnings: &mut Vec<String>,
    mut make: impl FnMut(&Value, &mut Vec<String>) -> Result<Made, ApiError> + Send,
) -> Result<Arc<Object>, ApiError> {
    let Target {
        kind,
        namespace,
        name,
        ..
    } = target;
    loop {
        let current = api.get(kind, namespace, name)?;
        let old = present::value(kind, &current).into_owned();
        let made = make(&old, warnings)?;
        let Some(new) = settle(target, &old, made, options, warnings)? else {
            return Ok(current);
        };
        let key = Key::new(namespace, name);
        let write = if is_finished(kind, &new) {
            Write::remove(storage_of(kind), key, current.revision)
        } else {
            Write::replace(
                storage_of(kind),
                key,
                current.revision,
                present::to_storage(kind, new),
            )
        };
        if options.dry_run {
            let shown = write.value.unwrap_or_else(|| current.value.clone());
            return Ok(Arc::new(Object::new(shown, current.revision)));
        }
        match api.store.write(write).await {
            Ok(event) => return Ok(event.object.clone()),
            Err(WriteError::Conflict) => {}
            Err(error) => return Err(refusal::from_write(kind, name, &error)),
        }
    }
}

/// The new value as it will be stored; none when it says nothing new.
fn settle(
    target: Target<'_>,
    old: &Value,
    made: Made,
    options: &WriteOptions,
    warnings: &mut Vec<String>,
) -> Result<Option<Value>, ApiError> {
    let Target {
        kind,
        namespace,
        name,
        sub,
    } = target;
    let Made {
        value: mut new,
        tracked,
        needs_revision,
    } = made;
    conform::type_meta(kind, &mut new)?;
    place(kind, namespace, &mut new)?;
    check_name(&new, name)?;
    preconditions(kind, name, old, &new, needs_revision)?;
    keep(kind, sub, old, &mut new);
    conform::prune(kind, &mut new, options.validation, warnings)?;
    if kind.resource_key() == "services" {
        builtin::keep_allocated(&mut new, old);
    }
    conform::default(kind, &mut new);
    if has_generation(kind) && desire_changed(kind, old, &new) {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        meta::set(&mut new, "generation", generation);
    }
    conform::validate(kind, &new, Some(old))?;
    if !tracked {
        let (now, api_version) = (meta::now(), kind.api_version());
        let update = UpdateOptions {
            manager: &options.manager,
            subresource: sub.name(),
            api_version: &api_version,
            now: &now,
        };
        track_update(Some(old), &mut new, &kind.shape, &update)?;
    }
    Ok((!is_same(old, &new)).then_some(new))
}

/// The name in the object and the name in the path must be one.
pub(crate) fn check_name(object: &Value, name: &str) -> Result<(), ApiError> {
    let given = meta::name(object);
    if given.is_empty() || given == name {
        return Ok(());
    }
    Err(refusal::bad_request(format!(
        "the name of the object ({given}) does not match the name on the URL ({name})"
    )))
}

/// A revision or UID in the new value is what the client believes to be replacing.
fn preconditions(
    kind: &Kind,
    name: &str,
    old: &Value,
    new: &Value,
    needs_revision: bool,
) -> Result<(), ApiError> {
    let uid = meta::uid(new);
    if !uid.is_empty() && uid != meta::uid(old) {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            meta::uid(old)
        );
        return Err(refusal::conflict(kind, name, &why));
    }
    match meta::revision(new) {
        "" | "0" if needs_revision => {
            let text = "Invalid value: 0: must be specified for an update";
            Err(refusal::invalid(
                kind,
                name,
                vec![Cause::invalid("metadata.resourceVersion", text)],
            ))
        }
        "" | "0" => Ok(()),
        revision if revision == meta::revision(old) => Ok(()),
        _ => Err(refusal::modified(kind, name)),
    }
}

/// Puts back everything this request may not change.
fn keep(kind: &Kind, sub: Sub, old: &Value, new: &mut Value) {
    let take_back = |field: &str, new: &mut Value| {
        let Some(fields) = new.as_object_mut() else { return };
        match old.get(field) {
            Some(value) => fields.insert(field.into(), value.clone()),
            None => fields.remove(field),
        };
    };
    match sub {
        Sub::Status => {
            let status = new.get("status").cloned();
            let metadata = new.get("metadata").cloned();
            *new = old.clone();
            if let Some(fields) = new.as_object_mut() {
                match status {
                    Some(status) => fields.insert("status".into(), status),
                    None => fields.remove("status"),
                };
                if let Some(metadata) = metadata {
                    // Statuses of builtin kinds may bring labels and annotations along, custom ones may not.
                    let managed = metadata.get("managedFields").cloned();
                    if !kind.custom {
                        fields.insert("metadata".into(), metadata);
                        meta::copy("ownerReferences", old, new);
                        meta::copy("finalizers", old, new);
                    } else {
                        meta::set(new, "managedFields", managed.unwrap_or_default());
                    }
                }
            }
        }
        Sub::Finalize => {
            let finalizers = new["spec"]["finalizers"].clone();
            *new = old.clone();
            new["spec"]["finalizers"] = finalizers;
        }
        Sub::Main | Sub::Scale if kind.subresources.status => take_back("status", new),
        Sub::Main | Sub::Scale => {}
    }
    if sub != Sub::Finalize
        && kind.group.is_empty()
        && kind.plural == "namespaces"
        && old["spec"].get("finalizers").is_some()
    {
        new["spec"]["finalizers"] = old["spec"]["finalizers"].clone();
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "selfLink",
    ] {
        meta::copy(field, old, new);
    }
}

/// True when anything but metadata and status differs.
fn desire_changed(kind: &Kind, old: &Value, new: &Value) -> bool {
    let ignored = |field: &str| {
        matches!(field, "apiVersion" | "kind" | "metadata")
            || (field == "status" && (kind.subresources.status || !kind.custom))
    };
    let desire = |object: &Value| -> Vec<(String, Value)> {
        let fields = object.as_object().into_iter().flatten();
        fields
            .filter(|(field, _)| !ignored(field))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect()
    };
    desire(old) != desire(new)
}

/// True when nothing differs but the times in `managedFields`: such a write is answered and not made.
fn is_same(old: &Value, new: &Value) -> bool {
    fn timeless(object: &Value) -> Vec<Value> {
        let entries = object["metadata"]["managedFields"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let without = |mut entry: Value| {
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("time");
            }
            entry
        };
        entries.into_iter().map(without).collect()
    }
    if old == new {
        return true;
    }
    let fields = |object: &Value| object.as_object().map_or(0, serde_json::Map::len);
    let equal_outside = fields(old) == fields(new)
        && old
            .as_object()
            .into_iter()
            .flatten()
            .all(|(field, value)| field == "metadata" || new.get(field) == Some(value));
    if !equal_outside {
        return false;
    }
    let metadata = |object: &Value| {
        let mut metadata = object["metadata"].clone();
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.remove("managedFields");
        }
        metadata
    };
    metadata(old) == metadata(new) && timeless(old) == timeless(new)
}

/// True when a deletion was only waiting for what this write removes.
pub(crate) fn is_finished(kind: &Kind, object: &Value) -> bool {
    let is_namespace = kind.group.is_empty() && kind.plural == "namespaces";
    meta::is_deleting(object)
        && meta::finalizers(object).is_empty()
        && meta::grace(object).unwrap_or(0) == 0
        && !(is_namespace
            && object["spec"]["finalizers"]
                .as_array()
                .is_some_and(|list| !list.is_empty()))
}
