//! Sets of paths: what a manager owns, what a request changed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::path::PathElement;

/// A set of paths as a tree. A place belongs to the set if `own` says so; what is below it is decided there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    /// This very place belongs to the set.
    pub(crate) own: bool,
    /// The places below. None of them is empty.
    pub(crate) children: BTreeMap<PathElement, FieldSet>,
}

/// `FieldsV1` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldsError {
    /// Something that must be a JSON object is none.
    #[error("fieldsV1 must hold nothing but objects")]
    NotAnObject,
    /// A name that is none of `f:`, `k:`, `v:`, `i:` and `.`.
    #[error("fieldsV1 holds {0:?}, which starts with none of f:, k:, v: and i:")]
    UnknownElement(String),
}

/// The set without any path.
pub(crate) static EMPTY: FieldSet = FieldSet {
    own: false,
    children: BTreeMap::new(),
};

impl FieldSet {
    /// True if no path belongs to the set.
    pub(crate) fn is_empty(&self) -> bool {
        !self.own && self.children.is_empty()
    }

    /// The set of just this place.
    pub(crate) fn leaf() -> Self {
        Self {
            own: true,
            children: BTreeMap::new(),
        }
    }

    /// Puts a subtree below this place; an empty one leaves no trace.
    pub(crate) fn put(&mut self, element: PathElement, child: Self) {
        if !child.is_empty() {
            self.children.insert(element, child);
        }
    }

    /// The set of one path of fields.
    pub(crate) fn of_fields(path: &[&str]) -> Self {
        path.iter().rev().fold(Self::leaf(), |below, name| {
            let mut set = Self::default();
            set.put(PathElement::Field((*name).to_owned()), below);
            set
        })
    }

    /// Adds all paths of the other set.
    pub(crate) fn add(&mut self, other: &Self) {
        self.own |= other.own;
        for (element, theirs) in &other.children {
            match self.children.get_mut(element) {
                Some(ours) => ours.add(theirs),
                None => {
                    self.children.insert(element.clone(), theirs.clone());
                }
            }
        }
    }

    /// Removes all paths of the other set.
    pub(crate) fn remove(&mut self, other: &Self) {
        self.own &= !other.own;
        if other.children.is_empty() {
            return;
        }
        self.children.retain(|element, ours| {
            if let Some(theirs) = other.children.get(element) {
                ours.remove(theirs);
            }
            !ours.is_empty()
        });
    }

    /// The paths that belong to both.
    pub(crate) fn shared_with(&self, other: &Self) -> Self {
        let mut shared = Self {
            own: self.own && other.own,
            children: BTreeMap::new(),
        };
        for (element, ours) in &self.children {
            if let Some(theirs) = other.children.get(element) {
                shared.put(element.clone(), ours.shared_with(theirs));
            }
        }
        shared
    }

    /// All paths, as conflicts name them: `.spec.containers[name="web"].image`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect(&mut String::new(), &mut found);
        found
    }

    fn collect(&self, path: &mut String, found: &mut Vec<String>) {
        if self.own {
            found.push(path.clone());
        }
        for (element, child) in &self.children {
            let length = path.len();
            path.push_str(&element.to_string());
            child.collect(path, found);
            path.truncate(length);
        }
    }

    /// As `fieldsV1` holds it.
    pub(crate) fn encode(&self) -> Value {
        let mut fields = Map::new();
        if self.own && !self.children.is_empty() {
            fields.insert(".".to_owned(), json!({}));
        }
        for (element, child) in &self.children {
            fields.insert(element.encode(), child.encode());
        }
        Value::Object(fields)
    }

    /// Reads `fieldsV1`.
    pub(crate) fn decode(fields: &Value) -> Result<Self, FieldsError> {
        let mut set = Self::decode_below(fields)?;
        set.own = false;
        Ok(set)
    }

    fn decode_below(fields: &Value) -> Result<Self, FieldsError> {
        let fields = fields.as_object().ok_or(FieldsError::NotAnObject)?;
        let mut set = Self {
            own: fields.is_empty(),
            children: BTreeMap::new(),
        };
        for (name, below) in fields {
            if name == "." {
                set.own = true;
                continue;
            }
            let element =
                PathElement::decode(name).ok_or_else(|| FieldsError::UnknownElement(name.clone()))?;
            let below = Self::decode_below(below)?;
            set.children.entry(element).or_default().add(&below);
        }
        Ok(set)
    }
}
