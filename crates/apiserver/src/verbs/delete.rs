//! DELETE of one object or of a collection.
//!
//! An object goes at once unless something must happen before: finalizers, the owner-first modes of garbage
//! collection (which are finalizers too), the grace period of a Pod on a node, the contents of a namespace.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::Answer;
use super::selection::Selection;
use crate::api::Inner;
use crate::call::{self, Call};
use crate::error::{ApiError, Cause};
use crate::kind::Kind;
use crate::present::{self, ListMeta};
use crate::registry::storage_of;
use crate::store::{Key, Object, Write, WriteError};
use crate::{media, meta, refusal};

/// What becomes of the objects owned by the deleted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They stay, without their owner.
    Orphan,
    /// They go after it.
    Background,
    /// They go before it.
    Foreground,
}

/// What a deletion asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) grace: Option<i64>,
    pub(crate) uid: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) propagation: Option<Propagation>,
    pub(crate) dry_run: bool,
}

/// What a deletion did.
pub(crate) enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Arc<Object>),
    /// The object will go; this is its state now.
    Pending(Arc<Object>),
}

impl DeleteOptions {
    /// Reads the body if there is one, else the query.
    fn of(call: &Call, body: &Bytes) -> Result<Self, ApiError> {
        let given = if body.is_empty() {
            Value::Null
        } else {
            media::read(&call.headers, body)?
        };
        let text = |field: &str| {
            let value = given.get(field).and_then(Value::as_str).map(str::to_owned);
            value.or_else(|| call.query.get(field).map(str::to_owned))
        };
        let mut causes = Vec::new();
        let propagation = match text("propagationPolicy").as_deref() {
            None | Some("") => None,
            Some("Orphan") => Some(Propagation::Orphan),
            Some("Background") => Some(Propagation::Background),
            Some("Foreground") => Some(Propagation::Foreground),
            Some(other) => {
                causes.push(call::unsupported(
                    "propagationPolicy",
                    other,
                    "\"Foreground\", \"Background\", \"Orphan\"",
                ));
                None
            }
        };
        let in_query = || {
            call.query
                .get("orphanDependents")
                .map(|_| call.query.flag("orphanDependents"))
        };
        let orphan = given
            .get("orphanDependents")
            .and_then(Value::as_bool)
            .or_else(in_query);
        if orphan.is_some() && propagation.is_some() {
            let text = "Invalid value: orphanDependents and propagationPolicy cannot be both set";
            causes.push(Cause::invalid("propagationPolicy", text));
        }
        let listed = given
            .get("dryRun")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let dry_run = call::dry_run(listed.chain(call.query.all("dryRun")), &mut causes);
        if !causes.is_empty() {
            return Err(refusal::bad_options("DeleteOptions", causes));
        }
        let by_flag = orphan.map(|orphan| {
            if orphan {
                Propagation::Orphan
            } else {
                Propagation::Background
            }
        });
        let condition = |field: &str| Some(given.get("preconditions")?.get(field)?.as_str()?.to_owned());
        let grace = given.get("gracePeriodSeconds").and_then(Value::as_i64);
        Ok(Self {
            grace: grace.or_else(|| call.query.number("gracePeriodSeconds")),
            uid: condition("uid"),
            revision: condition("resourceVersion"),
            propagation: propagation.or(by_flag),
            dry_run,
        })
    }
}

/// DELETE of one object.
pub(crate) async fn delete(call: &mut Call, body: &Bytes) -> Result<Answer, ApiError> {
    let options = DeleteOptions::of(call, body)?;
    let (api, kind) = (call.api.clone(), call.kind.clone());
    let deleted = delete_object(&api, &kind, &call.namespace, &call.name, &options).await?;
    match deleted {
        Deleted::Gone(object) if !returns_object(&kind) => {
            let mut details =
                json!({"name": call.name, "kind": kind.plural, "uid": meta::uid(&object.value)});
            if !kind.group.is_empty() {
                details["group"] = json!(kind.group);
            }
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
            });
            Ok(Answer::json(200, &status))
        }
        Deleted::Gone(object) | Deleted::Pending(object) => {
            Ok(Answer::ok(present::one(&kind, call.look(), &object)))
        }
    }
}

/// DELETE of a collection: everything the selectors choose.
pub(crate) async fn delete_collection(call: &mut Call, body: &Bytes) -> Result<Answer, ApiError> {
    let options = DeleteOptions::of(call, body)?;
    let selection = Selection::of(call)?;
    let (api, kind) = (call.api.clone(), call.kind.clone());
    let snapshot = api.store.list(&storage_of(&kind), call.scope());
    let mut chosen = snapshot.objects;
    chosen.retain(|(_, object)| selection.matches(call, object));
    for (key, _) in &chosen {
        match delete_object(&api, &kind, &key.namespace, &key.name, &options).await {
            Ok(_) => {}
            Err(error) if error.reason == "NotFound" => {}
            Err(error) => return Err(error),
        }
    }
    let meta = ListMeta {
        revision: snapshot.revision,
        ..ListMeta::default()
    };
    Ok(Answer::ok(present::list(&kind, call.look(), &chosen, &meta)))
}

/// Kinds whose deletion answers with the object instead of a `Status`.
fn returns_object(kind: &Kind) -> bool {
    kind.group.is_empty()
        && matches!(
            kind.plural.as_str(),
            "pods"
                | "services"
                | "serviceaccounts"
                | "persistentvolumeclaims"
                | "persistentvolumes"
                | "podtemplates"
                | "resourcequotas"
        )
}

/// Begins or completes the deletion of one object.
pub(crate) async fn delete_object(
    api: &Inner,
    kind: &Kind,
    namespace: &str,
    name: &str,
    options: &DeleteOptions,
) -> Result<Deleted, ApiError> {
    let storage = storage_of(kind);
    loop {
        let current = api.get(kind, namespace, name)?;
        check_preconditions(kind, name, options, &current.value)?;
        let key = Key::new(namespace, name);
        let planned = plan(kind, &current.value, options);
        if options.dry_run {
            return Ok(match planned {
                Plan::Remove => Deleted::Gone(current),
                Plan::Nothing => Deleted::Pending(current),
                Plan::Mark(value) => Deleted::Pending(Arc::new(Object::new(value, current.revision))),
            });
        }
        let (write, gone) = match planned {
            Plan::Nothing => return Ok(Deleted::Pending(current)),
            Plan::Remove => (Write::remove(storage.as_str(), key, current.revision), true),
            Plan::Mark(value) => (
                Write::replace(storage.as_str(), key, current.revision, value),
                false,
            ),
        };
        match api.store.write(write).await {
            Ok(event) if gone => return Ok(Deleted::Gone(event.object.clone())),
            Ok(event) => return Ok(Deleted::Pending(event.object.clone())),
            Err(WriteError::Conflict) => {}
            Err(error) => return Err(refusal::from_write(kind, name, &error)),
        }
    }
}

fn check_preconditions(
    kind: &Kind,
    name: &str,
    options: &DeleteOptions,
    object: &Value,
) -> Result<(), ApiError> {
    let wanted = [
        ("UID", &options.uid, meta::uid(object)),
        ("ResourceVersion", &options.revision, meta::revision(object)),
    ];
    for (what, wanted, found) in wanted {
        if let Some(wanted) = wanted
            && wanted != found
        {
            let why = format!(
                "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
            );
            return Err(refusal::conflict(kind, name, &why));
        }
    }
    Ok(())
}

enum Plan {
    /// It is being deleted already, and this request asks for nothing more.
    Nothing,
    Mark(Value),
    Remove,
}

/// Decides what the deletion does to the object now. Works on the stored form.
fn plan(kind: &Kind, object: &Value, options: &DeleteOptions) -> Plan {
    let finalizers = finalizers_after(object, options.propagation);
    let grace = grace_period(kind, object, options.grace);
    let is_namespace = kind.group.is_empty() && kind.plural == "namespaces";
    let is_crd = kind.plural == "customresourcedefinitions";
    let holds_content = is_namespace
        && object["spec"]["finalizers"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
    let deleting = meta::is_deleting(object);

    let mut value = object.clone();
    let mut finalizers: Vec<Value> = finalizers.into_iter().map(Value::from).collect();
    let cleanup = Value::from(crate::crd_lifecycle::CLEANUP);
    if is_crd && !deleting && !finalizers.contains(&cleanup) {
        finalizers.push(cleanup);
    }
    let waits = !finalizers.is_empty() || holds_content;
    meta::set(&mut value, "finalizers", finalizers);
    if grace == 0 && !waits {
        return Plan::Remove;
    }
    let sooner = meta::grace(object).is_none_or(|left| grace < left);
    if !deleting || sooner {
        let when = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_secs(grace));
        meta::set(
            &mut value,
            "deletionTimestamp",
            meta::stamp(when.unwrap_or(jiff::Timestamp::MAX)),
        );
        meta::set(&mut value, "deletionGracePeriodSeconds", grace);
        if !deleting && crate::verbs::insert::has_generation(kind) {
            let generation = object["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            meta::set(&mut value, "generation", generation);
        }
    }
    if is_namespace {
        value["status"]["phase"] = json!("Terminating");
    }
    if value == *object {
        Plan::Nothing
    } else {
        Plan::Mark(value)
    }
}

/// The finalizers the object has once the propagation mode is written into them.
fn finalizers_after(object: &Value, propagation: Option<Propagation>) -> Vec<&str> {
    let present = meta::finalizers(object);
    let Some(propagation) = propagation else {
        return present;
    };
    let own = match propagation {
        Propagation::Orphan => Some("orphan"),
        Propagation::Foreground => Some("foregroundDeletion"),
        Propagation::Background => None,
    };
    let mut finalizers: Vec<&str> = present
        .into_iter()
        .filter(|finalizer| !matches!(*finalizer, "orphan" | "foregroundDeletion") || Some(*finalizer) == own)
        .collect();
    if let Some(own) = own
        && !finalizers.contains(&own)
    {
        finalizers.push(own);
    }
    finalizers
}

/// Seconds a Pod gets to stop: only Pods have a grace period, and only on a node while they may still run.
fn grace_period(kind: &Kind, object: &Value, asked: Option<i64>) -> i64 {
    if !kind.group.is_empty() || kind.plural != "pods" {
        return 0;
    }
    let on_node = object["spec"]["nodeName"]
        .as_str()
        .is_some_and(|node| !node.is_empty());
    let over = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if !on_node || over {
        return 0;
    }
    let own = object["spec"]["terminationGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(30);
    let grace = asked.unwrap_or(own);
    // A negative period stands for the shortest there is short of "at once".
    let grace = if grace < 0 { 1 } else { grace };
    match meta::grace(object) {
        Some(left) if meta::is_deleting(object) => grace.min(left),
        _ => grace,
    }
}
