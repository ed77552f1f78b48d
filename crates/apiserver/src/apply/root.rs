//! What is the same for every kind: the fields at the top of an object that nobody owns.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::fields::FieldSet;
use super::path::PathElement;

/// The deepest nesting of an object whose owners are tracked. `managedFields` repeats that nesting some levels
/// down in `metadata`, and the whole must stay within what JSON parsers accept.
pub(crate) const MAX_OBJECT_DEPTH: usize = 100;

/// The fields of `metadata` that belong to the server or make up the identity of the object.
pub(crate) const SERVER_METADATA: [&str; 10] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "selfLink",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// The paths that no manager ever owns.
pub(crate) static NEVER_OWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    let mut set = FieldSet::of_fields(&["apiVersion"]);
    set.add(&FieldSet::of_fields(&["kind"]));
    set.add(&FieldSet::of_fields(&["metadata"]));
    for name in SERVER_METADATA {
        set.add(&FieldSet::of_fields(&["metadata", name]));
    }
    set
});

/// Takes the never-owned paths out of a set, with all that is below them.
pub(crate) fn strip(set: &mut FieldSet) {
    set.own = false;
    for name in ["apiVersion", "kind"] {
        set.children.remove(&PathElement::Field(name.to_owned()));
    }
    let metadata = PathElement::Field("metadata".to_owned());
    if let Some(below) = set.children.get_mut(&metadata) {
        below.own = false;
        for name in SERVER_METADATA {
            below.children.remove(&PathElement::Field(name.to_owned()));
        }
        if below.is_empty() {
            set.children.remove(&metadata);
        }
    }
}

/// `metadata`, if there is an object of that name.
pub(crate) fn metadata_of(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata").and_then(Value::as_object)
}

/// `metadata`, made if it is not there. `None` if the value is no object at all.
pub(crate) fn metadata_in(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let metadata = object.as_object_mut()?.entry("metadata").or_insert(Value::Null);
    if metadata.is_null() {
        *metadata = Value::Object(Map::new());
    }
    metadata.as_object_mut()
}
