//! Reading a value through its shape.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::path::PathElement;
use super::shape::Shape;

static ATOMIC: Shape = Shape::Atomic;
static UNTYPED: Shape = Shape::Untyped;
/// What a declared structure holds where nothing is declared: scalars, whole lists and further such structures.
static STRUCTURE: Shape = Shape::Object {
    fields: BTreeMap::new(),
    other: None,
};

/// What lies below one field of an object.
pub(crate) struct Child<'s> {
    /// How it merges.
    pub(crate) shape: &'s Shape,
    /// True for a declared field, which exists because its content does. False for an entry of a map, which
    /// somebody owns even while it has content.
    pub(crate) declared: bool,
}

impl Shape {
    /// What lies below the field of that name.
    pub(crate) fn child(&self, name: &str) -> Child<'_> {
        match self {
            Self::Object { fields, other } => match (fields.get(name), other) {
                (Some(shape), _) => Child {
                    shape,
                    declared: true,
                },
                (None, Some(shape)) => Child {
                    shape,
                    declared: false,
                },
                (None, None) => Child {
                    shape: &STRUCTURE,
                    declared: true,
                },
            },
            Self::Untyped => Child {
                shape: &UNTYPED,
                declared: false,
            },
            _ => Child {
                shape: &ATOMIC,
                declared: true,
            },
        }
    }
}

/// A value, taken apart as far as its shape allows.
pub(crate) enum View<'v> {
    /// Owned and replaced as a whole.
    Leaf,
    /// Merges field by field.
    Object(&'v Map<String, Value>),
    /// A list of scalars, each owned alone.
    Set(&'v [Value]),
    /// A list of objects, each with its key; the shape is that of one item.
    List(&'v [Value]),
}

/// How a value is to be read under that shape. A value that does not fit its shape is a leaf: validation, not
/// merging, has to complain about it.
pub(crate) fn view<'v>(shape: &Shape, value: &'v Value) -> View<'v> {
    match (shape, value) {
        (Shape::Object { .. } | Shape::Untyped, Value::Object(map)) => View::Object(map),
        (Shape::Set, Value::Array(items)) if !items.iter().any(|i| i.is_array() || i.is_object()) => {
            View::Set(items)
        }
        (Shape::Map { .. }, Value::Array(items)) if items.iter().all(Value::is_object) => View::List(items),
        _ => View::Leaf,
    }
}

/// The items of a list with what tells them apart.
pub(crate) struct Keyed<'v> {
    /// Key or value of each item, in the order of the list.
    pub(crate) elements: Vec<PathElement>,
    /// The items themselves.
    pub(crate) items: &'v [Value],
}

impl<'v> Keyed<'v> {
    /// The elements of a set.
    pub(crate) fn of_set(items: &'v [Value]) -> Self {
        Self {
            elements: items.iter().map(PathElement::value).collect(),
            items,
        }
    }

    /// First item of each key, and whether a key occurs more than once.
    pub(crate) fn index(&self) -> (BTreeMap<&PathElement, usize>, bool) {
        let mut index = BTreeMap::new();
        let mut repeated = false;
        for (position, element) in self.elements.iter().enumerate() {
            match index.entry(element) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(position);
                }
                std::collections::btree_map::Entry::Occupied(_) => repeated = true,
            }
        }
        (index, repeated)
    }
}

/// An item of a keyed list that lacks a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyMissing {
    /// Position of the item.
    pub(crate) position: usize,
    /// The key field that is missing, or that is no scalar.
    pub(crate) field: String,
}

/// The key of one item; a missing key field takes its default. Fails with the name of a key field that is
/// missing or no scalar.
pub(crate) fn key_of<'k>(
    keys: &'k [String],
    key_defaults: &BTreeMap<String, Value>,
    item: &Map<String, Value>,
) -> Result<PathElement, &'k str> {
    let mut fields = Vec::with_capacity(keys.len());
    for key in keys {
        let value = item
            .get(key)
            .filter(|v| !v.is_null())
            .or_else(|| key_defaults.get(key));
        match value {
            Some(value) if !value.is_array() && !value.is_object() => fields.push((key.as_str(), value)),
            _ => return Err(key),
        }
    }
    Ok(PathElement::key(&fields))
}

/// The items of a keyed list with their keys.
pub(crate) fn keyed_items<'v>(
    keys: &[String],
    key_defaults: &BTreeMap<String, Value>,
    items: &'v [Value],
) -> Result<Keyed<'v>, KeyMissing> {
    let mut elements = Vec::with_capacity(items.len());
    for (position, item) in items.iter().enumerate() {
        let missing = |field: &str| KeyMissing {
            position,
            field: field.to_owned(),
        };
        let item = item
            .as_object()
            .ok_or_else(|| missing(keys.first().map_or("", String::as_str)))?;
        elements.push(key_of(keys, key_defaults, item).map_err(missing)?);
    }
    Ok(Keyed { elements, items })
}

/// The shape of the items and the keyed items of a list, or `None` where an item lacks its key.
pub(crate) fn list_of<'s, 'v>(shape: &'s Shape, items: &'v [Value]) -> Option<(&'s Shape, Keyed<'v>)> {
    match shape {
        Shape::Map {
            keys,
            key_defaults,
            item,
        } => Some((item, keyed_items(keys, key_defaults, items).ok()?)),
        _ => None,
    }
}

/// The shape of a whole object, made sure to treat `metadata` as every kind must.
pub(crate) fn root_shape(shape: &Shape) -> Cow<'_, Shape> {
    let metadata = super::builtin::object_meta_shape();
    match shape {
        Shape::Object { fields, .. }
            if fields.get("metadata").is_some_and(
                |m| matches!(&**m, Shape::Object { fields, .. } if fields.contains_key("managedFields")),
            ) =>
        {
            Cow::Borrowed(shape)
        }
        Shape::Object { fields, other } => {
            let mut fields = fields.clone();
            fields.insert("metadata".to_owned(), metadata);
            Cow::Owned(Shape::Object {
                fields,
                other: other.clone(),
            })
        }
        _ => Cow::Owned(Shape::Object {
            fields: BTreeMap::from([("metadata".to_owned(), metadata)]),
            other: Some(std::sync::Arc::new(Shape::Untyped)),
        }),
    }
}
