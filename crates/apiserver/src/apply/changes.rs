//! Comparing two states of an object.

use serde_json::{Map, Value};

use super::fields::FieldSet;
use super::path::PathElement;
use super::shape::Shape;
use super::view::{Keyed, View, list_of, view};

/// Which paths differ between two states of an object, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Only the new state has them.
    pub(crate) added: FieldSet,
    /// Both have them, with different values.
    pub(crate) modified: FieldSet,
    /// Only the old state has them.
    pub(crate) removed: FieldSet,
}

impl Changes {
    /// What the new state sets differently: added and modified.
    pub(crate) fn touched(&self) -> FieldSet {
        let mut touched = self.added.clone();
        touched.add(&self.modified);
        touched
    }

    fn put(&mut self, element: &PathElement, below: Self) {
        self.added.put(element.clone(), below.added);
        self.modified.put(element.clone(), below.modified);
        self.removed.put(element.clone(), below.removed);
    }
}

/// Compares two whole objects.
pub(crate) fn compare(old: &Value, new: &Value, shape: &Shape) -> Changes {
    if old == new {
        Changes::default()
    } else {
        compare_values(old, new, shape)
    }
}

fn compare_values(old: &Value, new: &Value, shape: &Shape) -> Changes {
    match (view(shape, old), view(shape, new)) {
        (View::Object(old), View::Object(new)) => compare_objects(old, new, shape),
        (View::Set(old), View::Set(new)) => compare_sets(old, new),
        (View::List(old_items), View::List(new_items)) => {
            match (list_of(shape, old_items), list_of(shape, new_items)) {
                (Some((item, old_keyed)), Some((_, new_keyed))) => {
                    compare_lists(&old_keyed, &new_keyed, item)
                }
                _ => replaced(old, new, shape),
            }
        }
        _ => replaced(old, new, shape),
    }
}

/// A value that changed its nature, or is taken as a whole: the place is modified, all below it came or went.
fn replaced(old: &Value, new: &Value, shape: &Shape) -> Changes {
    if old == new {
        return Changes::default();
    }
    let (mut removed, mut added) = (everything(old, shape), everything(new, shape));
    removed.own = false;
    added.own = false;
    Changes {
        added,
        modified: FieldSet::leaf(),
        removed,
    }
}

fn compare_objects(old: &Map<String, Value>, new: &Map<String, Value>, shape: &Shape) -> Changes {
    let mut changes = Changes::default();
    for (name, old_value) in old {
        let child = shape.child(name).shape;
        let below = match new.get(name) {
            Some(new_value) => compare_values(old_value, new_value, child),
            None => Changes {
                removed: everything(old_value, child),
                ..Changes::default()
            },
        };
        changes.put(&PathElement::Field(name.clone()), below);
    }
    for (name, new_value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        changes.added.put(
            PathElement::Field(name.clone()),
            everything(new_value, shape.child(name).shape),
        );
    }
    changes
}

fn compare_sets(old: &[Value], new: &[Value]) -> Changes {
    let (old, new) = (Keyed::of_set(old), Keyed::of_set(new));
    let ((old_index, _), (new_index, _)) = (old.index(), new.index());
    let mut changes = Changes::default();
    for element in old_index.keys().filter(|e| !new_index.contains_key(*e)) {
        changes.removed.put((*element).clone(), FieldSet::leaf());
    }
    for element in new_index.keys().filter(|e| !old_index.contains_key(*e)) {
        changes.added.put((*element).clone(), FieldSet::leaf());
    }
    changes
}

fn compare_lists(old: &Keyed<'_>, new: &Keyed<'_>, item: &Shape) -> Changes {
    let ((old_index, old_repeated), (new_index, new_repeated)) = (old.index(), new.index());
    let mut changes = Changes::default();
    for (element, position) in &old_index {
        let old_item = &old.items[*position];
        let below = match new_index.get(*element) {
            Some(position) => compare_values(old_item, &new.items[*position], item),
            None => Changes {
                removed: everything(old_item, item),
                ..Changes::default()
            },
        };
        changes.put(element, below);
    }
    for (element, position) in new_index.iter().filter(|(e, _)| !old_index.contains_key(*e)) {
        changes
            .added
            .put((*element).clone(), everything(&new.items[*position], item));
    }
    if old_repeated || new_repeated {
        // An update may store a key twice. Its further items have no path of their own, so a change among
        // them counts as a change of the item itself.
        for element in repeated_differently(old, new) {
            changes.modified.children.entry(element).or_default().own = true;
        }
    }
    changes
}

/// The keys that come more than once and whose items, taken together, differ.
fn repeated_differently(old: &Keyed<'_>, new: &Keyed<'_>) -> Vec<PathElement> {
    let (old, new) = (grouped(old), grouped(new));
    let mut found = Vec::new();
    for (element, items) in &new {
        if let Some(before) = old.get(element)
            && (items.len() > 1 || before.len() > 1)
            && before != items
        {
            found.push((*element).clone());
        }
    }
    found
}

fn grouped<'k>(keyed: &'k Keyed<'_>) -> std::collections::BTreeMap<&'k PathElement, Vec<&'k Value>> {
    let mut groups = std::collections::BTreeMap::<_, Vec<_>>::new();
    for (element, item) in keyed.elements.iter().zip(keyed.items) {
        groups.entry(element).or_default().push(item);
    }
    groups
}

/// Every path of a value, its own place included.
pub(crate) fn everything(value: &Value, shape: &Shape) -> FieldSet {
    let mut set = FieldSet::leaf();
    match view(shape, value) {
        View::Leaf => {}
        View::Object(fields) => {
            for (name, value) in fields {
                set.put(
                    PathElement::Field(name.clone()),
                    everything(value, shape.child(name).shape),
                );
            }
        }
        View::Set(items) => {
            for element in Keyed::of_set(items).elements {
                set.put(element, FieldSet::leaf());
            }
        }
        View::List(items) => {
            if let Some((item_shape, keyed)) = list_of(shape, items) {
                for (element, item) in keyed.elements.into_iter().zip(items) {
                    let below = everything(item, item_shape);
                    set.children.entry(element).or_default().add(&below);
                }
            }
        }
    }
    set
}
