//! Which fields an applied object lays claim to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields::FieldSet;
use super::path::PathElement;
use super::shape::Shape;
use super::view::{Keyed, View, keyed_items, view};
use crate::error::{ApiError, Cause};

/// A list in an applied object that cannot be merged.
#[derive(Debug)]
struct Fault {
    /// Where, innermost step first.
    steps: Vec<String>,
    reason: &'static str,
    message: String,
}

impl Fault {
    fn new(step: String, reason: &'static str, message: String) -> Self {
        Self {
            steps: vec![step],
            reason,
            message,
        }
    }

    fn below(mut self, element: &PathElement) -> Self {
        self.steps.push(element.to_string());
        self
    }
}

/// The fields that an applied object claims.
///
/// # Errors
///
/// 422 `Invalid` if an item of a keyed list lacks its key, or if a key or an element of a set comes twice: then
/// nobody can say which item is meant.
pub(crate) fn owned_fields(applied: &Value, shape: &Shape) -> Result<FieldSet, ApiError> {
    let mut set = claimed(applied, shape).map_err(|fault| {
        let path: String = fault.steps.iter().rev().map(String::as_str).collect();
        let path = path.trim_start_matches('.').to_owned();
        let mut error = ApiError::new(
            422,
            "Invalid",
            format!("the applied object cannot be merged: {path}: {}", fault.message),
        );
        error.causes.push(Cause {
            reason: fault.reason,
            field: path,
            message: fault.message,
        });
        error
    })?;
    set.own = false;
    Ok(set)
}

/// The claim to one place and what is below it. Structures are claimed by their content; what is empty, and
/// everything that is taken as a whole, is claimed itself.
fn claimed(value: &Value, shape: &Shape) -> Result<FieldSet, Fault> {
    let mut set = FieldSet::default();
    match view(shape, value) {
        View::Leaf => set.own = true,
        View::Object(fields) => {
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                let child = shape.child(name);
                let element = PathElement::Field(name.clone());
                let mut below = claimed(value, child.shape).map_err(|fault| fault.below(&element))?;
                below.own |= !child.declared;
                set.put(element, below);
            }
            set.own = set.children.is_empty();
        }
        View::Set(items) => {
            for element in Keyed::of_set(items).elements {
                if set.children.contains_key(&element) {
                    return Err(repeated(&element));
                }
                set.put(element, FieldSet::leaf());
            }
            set.own = set.children.is_empty();
        }
        View::List(items) => set = claimed_items(items, shape)?,
    }
    Ok(set)
}

fn claimed_items(items: &[Value], shape: &Shape) -> Result<FieldSet, Fault> {
    let Shape::Map {
        keys,
        key_defaults,
        item: item_shape,
    } = shape
    else {
        return Ok(FieldSet::leaf());
    };
    let keyed = keyed_items(keys, key_defaults, items).map_err(|missing| {
        let message = format!(
            "{:?} tells the items of this list apart, so every item must have it, as a scalar",
            missing.field
        );
        Fault::new(
            format!("[{}].{}", missing.position, missing.field),
            "FieldValueRequired",
            message,
        )
    })?;
    let mut set = FieldSet::default();
    let mut seen = BTreeSet::new();
    for (element, item) in keyed.elements.iter().zip(items) {
        if !seen.insert(element) {
            return Err(repeated(element));
        }
        let mut below = claimed(item, item_shape).map_err(|fault| fault.below(element))?;
        below.own = true;
        set.put(element.clone(), below);
    }
    set.own = set.children.is_empty();
    Ok(set)
}

fn repeated(element: &PathElement) -> Fault {
    let message = "comes more than once in this list; keep one".to_owned();
    Fault::new(element.to_string(), "FieldValueDuplicate", message)
}
