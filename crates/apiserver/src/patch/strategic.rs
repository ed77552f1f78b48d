//! Strategic merge patch: a merge patch that knows which lists merge by key.
//!
//! * Objects merge field by field, `null` removes a field.
//! * A list with keys merges item by item; a list of scalars that is a set takes up what it does not have yet.
//!   All other lists are replaced.
//! * `$patch: replace` in an object replaces it by the rest of the patch, `$patch: delete` empties it.
//!   As an item of a keyed list, `{$patch: replace}` replaces the list by the other items of the patch, and
//!   `{$patch: delete, KEY: …}` removes the item of that key.
//! * `$retainKeys: […]` in an object removes all fields that are not named there.
//! * `$deleteFromPrimitiveList/FIELD: […]` beside a list of scalars removes these from it.
//! * `$setElementOrder/FIELD: […]` beside a list orders it. Items that it does not name stay behind the item
//!   they stood behind.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::bounds::{MAX_DEPTH, deeper_than};
use crate::apply::{PathElement, Shape, interleave, key_of};
use crate::error::ApiError;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const SET_ORDER: &str = "$setElementOrder/";

/// Applies a strategic merge patch; on an error the document is unchanged. The shape is that of
/// [`strategic_shape`](crate::apply::strategic_shape).
///
/// # Errors
///
/// 400 `BadRequest` if the patch is no object, is nested too deeply, has a directive that does not exist or
/// cannot be where it is, or an item of a keyed list without its key.
pub(crate) fn strategic_merge(doc: &mut Value, patch: &Value, shape: &Shape) -> Result<(), ApiError> {
    let fields = patch
        .as_object()
        .ok_or_else(|| malformed("a strategic merge patch must be an object"))?;
    if deeper_than(patch, MAX_DEPTH) {
        return Err(malformed("the patch is nested too deeply"));
    }
    let mut merged = match &*doc {
        Value::Object(fields) => fields.clone(),
        _ => Map::new(),
    };
    merge_object(&mut merged, fields, shape)?;
    *doc = Value::Object(merged);
    Ok(())
}

fn merge_object(
    doc: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    shape: &Shape,
) -> Result<(), ApiError> {
    match directive(patch)? {
        Directive::Merge => {}
        Directive::Replace => doc.clear(),
        Directive::Delete => {
            doc.clear();
            return Ok(());
        }
    }
    if let Some(retained) = patch.get(RETAIN_KEYS) {
        retain_keys(doc, patch, retained)?;
    }
    for (name, doomed) in patch
        .iter()
        .filter_map(|(name, v)| Some((name.strip_prefix(DELETE_FROM)?, v)))
    {
        delete_scalars(doc.get_mut(name), doomed, name)?;
    }
    for (name, value) in patch.iter().filter(|(name, _)| !is_directive(name)) {
        if value.is_null() {
            doc.remove(name);
            continue;
        }
        let mut current = doc.remove(name).unwrap_or(Value::Null);
        merge_value(&mut current, value, shape.child(name).shape, name)?;
        doc.insert(name.clone(), current);
    }
    for (name, order) in patch
        .iter()
        .filter_map(|(name, v)| Some((name.strip_prefix(SET_ORDER)?, v)))
    {
        if let Some(list) = doc.get_mut(name).and_then(Value::as_array_mut) {
            set_order(list, order, shape.child(name).shape, name)?;
        }
    }
    Ok(())
}

fn merge_value(current: &mut Value, patch: &Value, shape: &Shape, name: &str) -> Result<(), ApiError> {
    match (shape, patch) {
        (_, Value::Object(fields)) => {
            let mut merged = match current.take() {
                Value::Object(fields) => fields,
                _ => Map::new(),
            };
            merge_object(&mut merged, fields, shape)?;
            *current = Value::Object(merged);
        }
        (
            Shape::Map {
                keys,
                key_defaults,
                item,
            },
            Value::Array(items),
        ) => {
            let list = Keys {
                keys,
                key_defaults,
                name,
            };
            *current = Value::Array(list.merge(taken_list(current), items, item)?);
        }
        (Shape::Set, Value::Array(items)) => {
            let mut list = taken_list(current);
            let mut known: BTreeSet<_> = list.iter().map(PathElement::value).collect();
            list.extend(
                items
                    .iter()
                    .filter(|item| known.insert(PathElement::value(item)))
                    .cloned(),
            );
            *current = Value::Array(list);
        }
        (_, Value::Array(items)) => {
            // The directive says what happens to such a list anyway; it must not be stored as an item.
            *current = items
                .iter()
                .filter(|item| item.get(DIRECTIVE).is_none())
                .cloned()
                .collect();
        }
        _ => current.clone_from(patch),
    }
    Ok(())
}

fn taken_list(current: &mut Value) -> Vec<Value> {
    match current.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// What tells the items of a list apart.
struct Keys<'a> {
    keys: &'a [String],
    key_defaults: &'a BTreeMap<String, Value>,
    /// The field that holds the list, for messages.
    name: &'a str,
}

impl Keys<'_> {
    fn merge(
        &self,
        mut list: Vec<Value>,
        patch: &[Value],
        item_shape: &Shape,
    ) -> Result<Vec<Value>, ApiError> {
        let mut merges = Vec::with_capacity(patch.len());
        let mut deletes = BTreeSet::new();
        for item in patch {
            let item = item.as_object().ok_or_else(|| {
                malformed(&format!(
                    "{:?} is a list of objects, but the patch has an item that is none",
                    self.name
                ))
            })?;
            match directive(item)? {
                Directive::Replace => list.clear(),
                Directive::Delete => {
                    deletes.insert(self.of_patch(item)?);
                }
                Directive::Merge => merges.push((self.of_patch(item)?, item)),
            }
        }
        if !deletes.is_empty() {
            list.retain(|item| self.of_stored(item).is_none_or(|key| !deletes.contains(&key)));
        }
        let mut positions = BTreeMap::new();
        for (position, item) in list.iter().enumerate() {
            if let Some(key) = self.of_stored(item) {
                positions.entry(key).or_insert(position);
            }
        }
        for (key, patch) in merges {
            let position = *positions.entry(key).or_insert(list.len());
            if position == list.len() {
                list.push(Value::Object(Map::new()));
            }
            if let Some(item) = list[position].as_object_mut() {
                merge_object(item, patch, item_shape)?;
            }
        }
        Ok(list)
    }

    fn of_stored(&self, item: &Value) -> Option<PathElement> {
        key_of(self.keys, self.key_defaults, item.as_object()?).ok()
    }

    fn of_patch(&self, item: &Map<String, Value>) -> Result<PathElement, ApiError> {
        key_of(self.keys, self.key_defaults, item).map_err(|missing| {
            malformed(&format!(
                "an item of {:?} has no {missing:?}, which tells the items of this list apart; add it",
                self.name
            ))
        })
    }
}

/// Orders a list as the client asks.
fn set_order(list: &mut Vec<Value>, order: &Value, shape: &Shape, name: &str) -> Result<(), ApiError> {
    let order = order
        .as_array()
        .ok_or_else(|| malformed(&format!("{SET_ORDER}{name} must be a list")))?;
    let element = |item: &Value| match shape {
        Shape::Map {
            keys, key_defaults, ..
        } => key_of(keys, key_defaults, item.as_object()?).ok(),
        _ => (!item.is_object() && !item.is_array()).then(|| PathElement::value(item)),
    };
    let mut present = BTreeSet::new();
    let live: Vec<_> = list
        .iter()
        .enumerate()
        .map(|(position, item)| match element(item) {
            Some(key) if present.insert(key.clone()) => key,
            // What has no key, or not one of its own, cannot be named and so keeps its place.
            _ => PathElement::Index(position as u64),
        })
        .collect();
    let wanted: Vec<_> = order
        .iter()
        .filter_map(element)
        .filter(|key| present.contains(key))
        .collect();
    let mut items: Vec<_> = std::mem::take(list).into_iter().map(Some).collect();
    let places = interleave(&live, &wanted)
        .into_iter()
        .filter_map(|(live, _)| live);
    list.extend(places.filter_map(|position| items[position].take()));
    Ok(())
}

fn delete_scalars(list: Option<&mut Value>, doomed: &Value, name: &str) -> Result<(), ApiError> {
    let doomed = doomed
        .as_array()
        .ok_or_else(|| malformed(&format!("{DELETE_FROM}{name} must be a list")))?;
    if let Some(list) = list.and_then(Value::as_array_mut) {
        let doomed: BTreeSet<_> = doomed.iter().map(PathElement::value).collect();
        list.retain(|item| {
            item.is_object() || item.is_array() || !doomed.contains(&PathElement::value(item))
        });
    }
    Ok(())
}

fn retain_keys(
    doc: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    retained: &Value,
) -> Result<(), ApiError> {
    let names: Option<BTreeSet<&str>> = retained
        .as_array()
        .and_then(|names| names.iter().map(Value::as_str).collect());
    let names = names.ok_or_else(|| malformed("$retainKeys must be a list of field names"))?;
    let stray = patch
        .iter()
        .find(|(name, value)| !is_directive(name) && !value.is_null() && !names.contains(name.as_str()));
    if let Some((name, _)) = stray {
        return Err(malformed(&format!(
            "the patch sets {name:?} beside a $retainKeys that does not name it"
        )));
    }
    doc.retain(|name, _| names.contains(name.as_str()));
    Ok(())
}

/// What `$patch` says.
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(patch: &Map<String, Value>) -> Result<Directive, ApiError> {
    match patch.get(DIRECTIVE) {
        None => Ok(Directive::Merge),
        Some(Value::String(text)) if text == "merge" => Ok(Directive::Merge),
        Some(Value::String(text)) if text == "replace" => Ok(Directive::Replace),
        Some(Value::String(text)) if text == "delete" => Ok(Directive::Delete),
        Some(_) => Err(malformed("$patch must be one of merge, replace and delete")),
    }
}

fn is_directive(name: &str) -> bool {
    name == DIRECTIVE || name == RETAIN_KEYS || name.starts_with(DELETE_FROM) || name.starts_with(SET_ORDER)
}

fn malformed(message: &str) -> ApiError {
    ApiError::new(400, "BadRequest", message)
}
