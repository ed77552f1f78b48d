//! Removing what a manager applied before and no longer names.

use serde_json::Value;

use super::fields::{EMPTY, FieldSet};
use super::path::PathElement;
use super::shape::Shape;
use super::view::{Keyed, View, list_of, view};

/// Removes from `value` what `last` holds and `kept` does not. `last` is what the manager owned before, `kept`
/// what all managers own now.
pub(crate) fn prune(value: &mut Value, shape: &Shape, last: &FieldSet, kept: &FieldSet) {
    if last.children.is_empty() {
        return;
    }
    match view(shape, value) {
        View::Leaf => {}
        View::Object(_) => {
            let Value::Object(fields) = value else { return };
            for (element, last) in &last.children {
                let PathElement::Field(name) = element else {
                    continue;
                };
                let child = shape.child(name);
                let kept = kept.children.get(element).unwrap_or(&EMPTY);
                if dropped(last, kept, child.declared) {
                    fields.remove(name);
                } else if let Some(below) = fields.get_mut(name) {
                    prune(below, child.shape, last, kept);
                }
            }
        }
        View::Set(items) => {
            let elements = Keyed::of_set(items).elements;
            prune_items(value, elements, &Shape::Atomic, last, kept);
        }
        View::List(items) => {
            if let Some((item_shape, keyed)) = list_of(shape, items) {
                let elements = keyed.elements;
                prune_items(value, elements, item_shape, last, kept);
            }
        }
    }
}

fn prune_items(
    value: &mut Value,
    elements: Vec<PathElement>,
    shape: &Shape,
    last: &FieldSet,
    kept: &FieldSet,
) {
    let Value::Array(items) = value else { return };
    let mut elements = elements.into_iter();
    items.retain_mut(|item| {
        let Some(element) = elements.next() else {
            return true;
        };
        let Some(last) = last.children.get(&element) else {
            return true;
        };
        let kept = kept.children.get(&element).unwrap_or(&EMPTY);
        if dropped(last, kept, false) {
            return false;
        }
        prune(item, shape, last, kept);
        true
    });
}

/// True if the place itself was owned and now nobody owns it. A declared field needs no owner of its own: it is
/// owned as long as something below it is.
fn dropped(last: &FieldSet, kept: &FieldSet, declared: bool) -> bool {
    let counts = |set: &FieldSet| set.own || (declared && !set.children.is_empty());
    counts(last) && !counts(kept)
}
