//! How the parts of an object merge: what server-side apply and strategic merge need of a schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

/// The merge behaviour of one place in an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A string, number, boolean, or anything that is replaced as a whole.
    Atomic,
    /// No schema is known: objects merge by key, lists are replaced as a whole.
    Untyped,
    /// An object that merges field by field.
    Object {
        /// The named properties.
        fields: BTreeMap<String, Arc<Shape>>,
        /// What any other key holds (`additionalProperties`), if other keys are allowed.
        other: Option<Arc<Shape>>,
    },
    /// A list of scalars that behaves as a set (`x-kubernetes-list-type: set`).
    Set,
    /// A list of objects told apart by some of their fields (`x-kubernetes-list-type: map`).
    Map {
        /// The key fields, in the order of `x-kubernetes-list-map-keys`.
        keys: Vec<String>,
        /// Values a missing key field stands for, such as `protocol: TCP`.
        key_defaults: BTreeMap<String, Value>,
        /// The shape of each item.
        item: Arc<Shape>,
    },
}
