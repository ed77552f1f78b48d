//! Server-side apply.

use serde_json::Value;

use super::changes::{compare, everything};
use super::entries::{Entries, Holding, Operation, Writer};
use super::fields::FieldSet;
use super::merge::merge_into;
use super::owned::owned_fields;
use super::prune::prune;
use super::root::{MAX_OBJECT_DEPTH, NEVER_OWNED, SERVER_METADATA, metadata_in, metadata_of, strip};
use super::shape::Shape;
use super::view::root_shape;
use crate::error::{ApiError, Cause};
use crate::patch::deeper_than;

/// The manager that is given everything an untracked object holds when it is first applied to.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who applies, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApplyOptions<'a> {
    /// The `fieldManager` parameter of the request.
    pub(crate) manager: &'a str,
    /// Take fields from other managers instead of failing.
    pub(crate) force: bool,
    /// Empty for the main resource, else such as `status`.
    pub(crate) subresource: &'a str,
    /// The version the applied object is written in, such as `apps/v1`.
    pub(crate) api_version: &'a str,
    /// The current time as RFC 3339 in UTC with whole seconds, such as `2026-01-02T03:04:05Z`.
    pub(crate) now: &'a str,
}

/// Applies an object on top of the live one, or on top of nothing.
///
/// Returns the new object with its `managedFields`. If nothing changes, that is the live object, equal in every
/// bit. Fields that the endpoint must not write (status at the main resource, all but status at `/status`) have
/// to be taken out of `applied` beforehand. Name, uid, resource version and the like are left as the live object
/// has them; checking them is the caller's.
///
/// # Errors
///
/// * 400 `BadRequest` if `applied` is no object, carries `managedFields`, or is nested too deeply.
/// * 422 `Invalid` if an item of a keyed list has no key, or a key comes twice.
/// * 409 `Conflict` with one cause of reason `FieldManagerConflict` per field that another manager owns and that
///   would get a different value, unless `force` is set.
pub(crate) fn apply(
    live: Option<&Value>,
    applied: &Value,
    shape: &Shape,
    options: &ApplyOptions<'_>,
) -> Result<Value, ApiError> {
    check_applied(applied)?;
    let shape = root_shape(shape);
    let shape = shape.as_ref();
    let mut claim = owned_fields(applied, shape)?;
    strip(&mut claim);

    let before = live
        .map(|live| entries_before_apply(live, shape))
        .unwrap_or_default();
    let writer = Writer::applier(options.manager, options.subresource);
    let mut entries = before.clone();
    let last = entries.by_writer.remove(&writer);

    let mut merged = merged_object(live, applied, shape);
    if let Some(last) = &last {
        let mut kept = entries.all_fields();
        kept.add(&claim);
        kept.add(&NEVER_OWNED);
        prune(&mut merged, shape, &last.fields, &kept);
    }

    if let Some(live) = live {
        let mut changes = compare(live, &merged, shape);
        strip(&mut changes.added);
        strip(&mut changes.modified);
        strip(&mut changes.removed);
        let touched = changes.touched();
        if !options.force {
            check_conflicts(&entries, &touched)?;
        }
        entries.take_from_all_but(None, &touched);
        entries.take_from_all_but(None, &changes.removed);
    }

    if !claim.is_empty() {
        let time = last.and_then(|last| last.time);
        entries.by_writer.insert(
            writer.clone(),
            Holding {
                api_version: options.api_version.to_owned(),
                time,
                fields: claim,
            },
        );
    }
    if let Some(live) = live
        && entries == before
        && merged == *live
    {
        return Ok(live.clone());
    }
    if let Some(own) = entries.by_writer.get_mut(&writer) {
        own.time = Some(options.now.to_owned());
    }
    write_entries(&mut merged, &entries);
    Ok(merged)
}

fn check_applied(applied: &Value) -> Result<(), ApiError> {
    let refuse = |message: &str| Err(ApiError::new(400, "BadRequest", message));
    if !applied.is_object() {
        return refuse("an apply request must carry one object with apiVersion, kind and metadata");
    }
    if deeper_than(applied, MAX_OBJECT_DEPTH) {
        return refuse("the applied object is nested too deeply; 100 levels are allowed");
    }
    match metadata_of(applied).and_then(|metadata| metadata.get("managedFields")) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(list)) if list.is_empty() => Ok(()),
        Some(_) => refuse(
            "metadata.managedFields is written by the server; remove it from the object before applying",
        ),
    }
}

/// The entries of the live object. One that nobody tracked yet counts as written by one unknown manager.
fn entries_before_apply(live: &Value, shape: &Shape) -> Entries {
    // Entries that cannot be read protect nobody; the object then counts as untracked.
    let decoded = metadata_of(live)
        .and_then(|metadata| metadata.get("managedFields"))
        .and_then(|list| Entries::decode(list).ok())
        .unwrap_or_default();
    if !decoded.by_writer.is_empty() {
        return decoded;
    }
    let mut fields = everything(live, shape);
    strip(&mut fields);
    let mut entries = Entries::default();
    if !fields.is_empty() {
        let api_version = live
            .get("apiVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let time = metadata_of(live)
            .and_then(|m| m.get("creationTimestamp"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        let writer = Writer::updater(BEFORE_FIRST_APPLY, "", &api_version);
        entries.give(
            writer,
            Holding {
                api_version,
                time,
                fields,
            },
        );
    }
    entries
}

/// The live object with the applied one merged in. What identifies a live object is not merged.
fn merged_object(live: Option<&Value>, applied: &Value, shape: &Shape) -> Value {
    let mut merged = live.cloned().unwrap_or(Value::Null);
    merge_into(&mut merged, applied, shape);
    let Some(live) = live else {
        if let Some(metadata) = metadata_in(&mut merged) {
            metadata.remove("managedFields");
        }
        return merged;
    };
    for name in ["apiVersion", "kind"] {
        if let Some(value) = live.get(name) {
            merged[name] = value.clone();
        }
    }
    let before = metadata_of(live);
    let Some(metadata) = metadata_in(&mut merged) else {
        return merged;
    };
    for name in SERVER_METADATA {
        match before.and_then(|metadata| metadata.get(name)) {
            Some(value) if metadata.get(name) == Some(value) => {}
            Some(value) => {
                metadata.insert(name.to_owned(), value.clone());
            }
            None => {
                metadata.remove(name);
            }
        }
    }
    merged
}

fn check_conflicts(entries: &Entries, touched: &FieldSet) -> Result<(), ApiError> {
    let mut causes = Vec::new();
    for (writer, holding) in &entries.by_writer {
        let mut owner = format!("conflict with {:?}", writer.manager);
        if !writer.subresource.is_empty() {
            owner.push_str(&format!(" with subresource {:?}", writer.subresource));
        }
        if writer.operation == Operation::Update {
            owner.push_str(&format!(" using {}", holding.api_version));
        }
        for path in holding.fields.shared_with(touched).paths() {
            causes.push(Cause {
                reason: "FieldManagerConflict",
                field: path,
                message: owner.clone(),
            });
        }
    }
    if causes.is_empty() {
        return Ok(());
    }
    let mut message = match causes.len() {
        1 => "1 field belongs to another manager".to_owned(),
        count => format!("{count} fields belong to other managers"),
    };
    for cause in causes.iter().take(20) {
        message.push_str(&format!("\n- {}: {}", cause.field, cause.message));
    }
    message
        .push_str("\napply the values they have, leave the fields out, or force the apply to take them over");
    let mut error = ApiError::new(409, "Conflict", message);
    error.causes = causes;
    Err(error)
}

/// Writes the entries into the object; none at all leaves no `managedFields`.
pub(super) fn write_entries(object: &mut Value, entries: &Entries) {
    let Some(metadata) = metadata_in(object) else {
        return;
    };
    if entries.by_writer.is_empty() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), entries.encode());
    }
}
