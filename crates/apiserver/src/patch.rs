//! The patch types other than apply: JSON patch, JSON merge patch, strategic merge patch.
//!
//! All of them are functions of the stored object and the patch. None trusts its input: the number of
//! operations, the amount that copies may add and the depth of nesting are bounded, and a patch that fails
//! leaves the object as it was.

mod bounds;
mod json;
mod strategic;

pub(crate) use bounds::deeper_than;
pub(crate) use json::json_patch;
pub(crate) use strategic::strategic_merge;

use serde_json::Value;

/// Applies a JSON merge patch (RFC 7386): objects merge field by field, `null` removes a field, everything else
/// replaces what was there.
///
/// A patch that is no object replaces the whole document, as the RFC says; whoever needs an object has to check.
pub(crate) fn merge_patch(doc: &mut Value, patch: &Value) {
    json_patch::merge(doc, patch);
}

#[cfg(test)]
mod cases;
