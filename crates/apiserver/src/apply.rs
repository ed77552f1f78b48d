//! Server-side apply and the bookkeeping of field owners.
//!
//! # What it does
//!
//! Every stored object carries `metadata.managedFields`: one entry per writer, saying which fields that writer
//! set. Two operations keep it true:
//!
//! * [`track_update`] follows create, update and the other patch types. What the request changed or added now
//!   belongs to its manager alone; what it removed belongs to nobody.
//! * [`apply`] carries out `application/apply-patch+yaml`. The applied object is the complete opinion of its
//!   manager: its fields are merged into the live object, fields that the manager applied before and no longer
//!   names are removed unless somebody else owns them, and changing what somebody else owns is a conflict.
//!
//! # The words
//!
//! * A [`Shape`] says how the parts of a kind merge: field by field, as a whole, as a set, or as a list of
//!   objects with keys. Builtin kinds have theirs in a table ([`builtin_shape`], [`strategic_shape`]); CRDs
//!   derive theirs from the schema.
//! * A field set is a set of paths, written on the wire as `FieldsV1`: `f:name` for a field, `k:{"name":"x"}` for
//!   an item of a keyed list, `v:"x"` for an element of a set, and `.` for the place itself where it has fields
//!   below it.
//!
//! # Rules worth knowing
//!
//! * Two managers that apply the same value share the field. Only a different value conflicts.
//! * Whoever applied an item of a keyed list or an entry of a map owns its existence; when it stops to apply it and no
//!   other manager owns the item itself, the whole item goes, defaults included.
//! * `null` in an applied object means "no opinion", the same as leaving the field out.
//! * Identity and what the server writes (`apiVersion`, `kind`, `metadata.name`, `uid`, `resourceVersion` and so
//!   on) is never owned.
//! * An apply that changes nothing returns the live object as it was, times included, so the caller can see
//!   that there is nothing to write.
//! * An object that nobody tracks is not tracked by updates either. The first apply to it books what is there
//!   under the manager `before-first-apply`.
//! * An update that sends `managedFields: [{}]` stops the tracking. An empty list keeps it, so that a client
//!   that does not know the field cannot wipe it by accident.
//! * At most ten Update entries are kept; the oldest beyond that melt into `ancient-changes`.

mod builtin;
mod changes;
mod entries;
mod fields;
mod merge;
mod order;
mod owned;
mod path;
mod prune;
mod root;
mod server_side;
mod shape;
mod track;
mod view;

pub(crate) use builtin::{builtin_shape, object_meta_shape, strategic_shape};
pub(crate) use order::interleave;
pub(crate) use path::PathElement;
pub(crate) use server_side::{ApplyOptions, apply};
pub(crate) use shape::Shape;
pub(crate) use track::{UpdateOptions, track_update};
pub(crate) use view::key_of;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;
