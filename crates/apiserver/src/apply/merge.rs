//! Merging an applied object into the live one.

use serde_json::{Map, Value};

use super::order::interleave;
use super::shape::Shape;
use super::view::{Keyed, View, list_of, view};

/// Merges `applied` into `target`: fields of objects one by one, items of keyed lists by key, sets by union,
/// everything else by replacement. `null` fields of `applied` are passed over.
pub(crate) fn merge_into(target: &mut Value, applied: &Value, shape: &Shape) {
    match view(shape, applied) {
        View::Leaf => target.clone_from(applied),
        View::Object(fields) => merge_object(object_in(target), fields, shape),
        View::Set(items) => {
            let wanted = Keyed::of_set(items);
            let live_items = array_in(target, |live| matches!(view(shape, live), View::Set(_)));
            let live = Keyed::of_set(&live_items);
            let order = interleave(&live.elements, &wanted.elements);
            *target = order
                .into_iter()
                .filter_map(|(l, w)| l.map(|l| &live_items[l]).or_else(|| w.map(|w| &items[w])))
                .cloned()
                .collect();
        }
        View::List(items) => match list_of(shape, items) {
            Some((item_shape, wanted)) => {
                let live_items = array_in(target, |live| match view(shape, live) {
                    View::List(items) => list_of(shape, items).is_some(),
                    _ => false,
                });
                *target = merge_list(live_items, &wanted, item_shape, shape);
            }
            None => target.clone_from(applied),
        },
    }
}

fn merge_object(target: &mut Map<String, Value>, applied: &Map<String, Value>, shape: &Shape) {
    for (name, value) in applied.iter().filter(|(_, value)| !value.is_null()) {
        let child = shape.child(name).shape;
        match target.get_mut(name) {
            Some(live) => merge_into(live, value, child),
            None => {
                let mut fresh = Value::Null;
                merge_into(&mut fresh, value, child);
                target.insert(name.clone(), fresh);
            }
        }
    }
}

fn merge_list(live_items: Vec<Value>, wanted: &Keyed<'_>, item_shape: &Shape, shape: &Shape) -> Value {
    let elements = list_of(shape, &live_items)
        .map(|(_, live)| live.elements)
        .unwrap_or_default();
    let order = interleave(&elements, &wanted.elements);
    let mut live_items: Vec<Option<Value>> = live_items.into_iter().map(Some).collect();
    order
        .into_iter()
        .map(|(live, applied)| {
            let mut item = live
                .and_then(|position| live_items[position].take())
                .unwrap_or(Value::Null);
            if let Some(position) = applied {
                merge_into(&mut item, &wanted.items[position], item_shape);
            }
            item
        })
        .collect()
}

/// The object at that place, made one if it is none.
fn object_in(target: &mut Value) -> &mut Map<String, Value> {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    match target {
        Value::Object(map) => map,
        _ => unreachable!("the line above made it an object"),
    }
}

/// Takes the list at that place out, or an empty one if what is there does not fit.
fn array_in(target: &mut Value, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    if !fits(target) {
        return Vec::new();
    }
    match target.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}
