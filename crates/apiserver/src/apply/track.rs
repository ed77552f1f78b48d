//! Following the owners of fields through create, update and patch.

use serde_json::{Value, json};

use super::changes::compare;
use super::entries::{Entries, Holding, Writer};
use super::root::{MAX_OBJECT_DEPTH, metadata_in, metadata_of, strip};
use super::server_side::write_entries;
use super::shape::Shape;
use super::view::root_shape;
use crate::error::ApiError;
use crate::patch::deeper_than;

/// Who writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpdateOptions<'a> {
    /// The `fieldManager` parameter of the request, or what stands in for it.
    pub(crate) manager: &'a str,
    /// Empty for the main resource, else such as `status`.
    pub(crate) subresource: &'a str,
    /// The version the new object is written in, such as `apps/v1`.
    pub(crate) api_version: &'a str,
    /// The current time as RFC 3339 in UTC with whole seconds, such as `2026-01-02T03:04:05Z`.
    pub(crate) now: &'a str,
}

/// Brings the `managedFields` of `new` up to date; `old` is the stored object, `None` on create.
///
/// To be called when `new` is what will be stored, but for its resource version: after the patch, after
/// defaulting, and after fields that the endpoint must not write were set back. A request that changes no field
/// leaves the entries exactly as they were.
///
/// # Errors
///
/// 400 `BadRequest` if `new` is no object, has a `metadata` that is none, or is nested too deeply.
pub(crate) fn track_update(
    old: Option<&Value>,
    new: &mut Value,
    shape: &Shape,
    options: &UpdateOptions<'_>,
) -> Result<(), ApiError> {
    let Some(metadata) = metadata_in(new) else {
        return Err(ApiError::new(
            400,
            "BadRequest",
            "the object and its metadata must be JSON objects",
        ));
    };
    let sent = metadata.remove("managedFields");
    if deeper_than(new, MAX_OBJECT_DEPTH) {
        return Err(ApiError::new(
            400,
            "BadRequest",
            "the object is nested too deeply; 100 levels are allowed",
        ));
    }
    let stored = old
        .and_then(metadata_of)
        .and_then(|metadata| metadata.get("managedFields"));
    let base = entries_to_start_from(sent.as_ref(), stored, options.subresource);
    if old.is_some() && base.by_writer.is_empty() {
        return Ok(());
    }

    let shape = root_shape(shape);
    let nothing = json!({});
    let mut changes = compare(old.unwrap_or(&nothing), new, &shape);
    strip(&mut changes.added);
    strip(&mut changes.modified);
    strip(&mut changes.removed);
    let touched = changes.touched();

    let mut entries = base.clone();
    entries.take_from_all_but(None, &changes.removed);
    if !touched.is_empty() {
        let writer = Writer::updater(options.manager, options.subresource, options.api_version);
        // The writer's own entry stays while others lose what it touched; it is given the rest below.
        entries.take_from_all_but(Some(&writer), &touched);
        let (api_version, time) = (options.api_version.to_owned(), Some(options.now.to_owned()));
        entries.give(
            writer.clone(),
            Holding {
                api_version,
                time: time.clone(),
                fields: touched,
            },
        );
        if let Some(own) = entries.by_writer.get_mut(&writer) {
            own.time = time;
        }
    }
    entries.cap_updates();

    // The list as it was stored is kept to the letter when it says the same, so that an update without a change
    // can be seen to be one.
    if let Some(stored) = stored
        && Entries::decode(stored).is_ok_and(|stored| stored == entries)
        && let Some(metadata) = metadata_in(new)
    {
        metadata.insert("managedFields".to_owned(), stored.clone());
    } else {
        write_entries(new, &entries);
    }
    Ok(())
}

/// The entries to build on: those the client sent, if it may and does send some that can be read, else the
/// stored ones. One empty entry is the documented way to stop the tracking.
fn entries_to_start_from(sent: Option<&Value>, stored: Option<&Value>, subresource: &str) -> Entries {
    let stored = || {
        stored
            .and_then(|list| Entries::decode(list).ok())
            .unwrap_or_default()
    };
    let Some(sent) = sent.filter(|_| subresource.is_empty()) else {
        return stored();
    };
    if let Some([Value::Object(only)]) = sent.as_array().map(Vec::as_slice)
        && only.values().all(Value::is_null)
    {
        return Entries::default();
    }
    match Entries::decode(sent) {
        Ok(entries) if !entries.by_writer.is_empty() => entries,
        _ => stored(),
    }
}
