//! The shapes of the builtin kinds, read from a table.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::shape::Shape;

const TABLE: &str = include_str!("builtin.txt");

/// The shapes of all types, once for each way of merging.
static TABLES: LazyLock<[Types; 2]> = LazyLock::new(|| [Types::read(0), Types::read(1)]);

/// How a builtin kind merges in server-side apply.
///
/// A kind that is not in the table gets a shape that knows `metadata` and nothing else.
pub(crate) fn builtin_shape(group: &str, kind: &str) -> Arc<Shape> {
    TABLES[0].root(group, kind)
}

/// How a builtin kind merges in a strategic merge patch, where a few lists have fewer keys: the ports of a
/// Service are told apart by `port` alone, those of a container by `containerPort`.
pub(crate) fn strategic_shape(group: &str, kind: &str) -> Arc<Shape> {
    TABLES[1].root(group, kind)
}

/// How `metadata` merges, for the root of a shape that is derived from a schema.
pub(crate) fn object_meta_shape() -> Arc<Shape> {
    TABLES[0].of("ObjectMeta")
}

/// One reading of the table.
struct Types {
    by_name: BTreeMap<&'static str, Arc<Shape>>,
    fallback: Arc<Shape>,
}

impl Types {
    /// Reads the column for server-side apply (0) or for strategic merge (1).
    fn read(column: usize) -> Self {
        let mut declared: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
        for line in TABLE
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        {
            match (line.trim().split_once(": "), declared.last_mut()) {
                (Some((field, forms)), Some((_, fields))) if line.starts_with(' ') => {
                    let form = forms
                        .split(" | ")
                        .nth(column)
                        .or_else(|| forms.split(" | ").next());
                    fields.push((field, form.unwrap_or_default()));
                }
                _ => declared.push((line.trim(), Vec::new())),
            }
        }
        let declared: BTreeMap<_, _> = declared.into_iter().collect();
        let mut by_name = BTreeMap::new();
        for name in declared.keys() {
            build(name, &declared, &mut by_name);
        }
        let metadata = by_name
            .get("ObjectMeta")
            .cloned()
            .unwrap_or_else(|| Arc::new(Shape::Untyped));
        let fallback = Arc::new(Shape::Object {
            fields: BTreeMap::from([("metadata".to_owned(), metadata)]),
            other: Some(Arc::new(Shape::Untyped)),
        });
        Self { by_name, fallback }
    }

    fn of(&self, name: &str) -> Arc<Shape> {
        self.by_name.get(name).unwrap_or(&self.fallback).clone()
    }

    fn root(&self, group: &str, kind: &str) -> Arc<Shape> {
        self.of(&format!("kind {group}/{kind}"))
    }
}

type Declared = BTreeMap<&'static str, Vec<(&'static str, &'static str)>>;

/// The shape of a declared type. No type of the table contains itself; a test sees to that.
fn build(
    name: &'static str,
    declared: &Declared,
    built: &mut BTreeMap<&'static str, Arc<Shape>>,
) -> Arc<Shape> {
    if let Some(shape) = built.get(name) {
        return shape.clone();
    }
    let mut fields = BTreeMap::new();
    for (field, form) in declared.get(name).into_iter().flatten() {
        fields.insert((*field).to_owned(), form_shape(form, declared, built));
    }
    let shape = Arc::new(Shape::Object { fields, other: None });
    built.insert(name, shape.clone());
    shape
}

fn form_shape(
    form: &'static str,
    declared: &Declared,
    built: &mut BTreeMap<&'static str, Arc<Shape>>,
) -> Arc<Shape> {
    match form {
        "atomic" | "whole" => Arc::new(Shape::Atomic),
        "set" => Arc::new(Shape::Set),
        "values" => Arc::new(Shape::Object {
            fields: BTreeMap::new(),
            other: Some(Arc::new(Shape::Atomic)),
        }),
        _ => match form.strip_prefix("map(").and_then(|rest| rest.split_once(')')) {
            Some((key_list, item)) => {
                let mut keys = Vec::new();
                let mut key_defaults = BTreeMap::new();
                for key in key_list.split(',') {
                    let (key, default) = key
                        .split_once('=')
                        .map_or((key, None), |(key, value)| (key, Some(value)));
                    keys.push(key.to_owned());
                    if let Some(default) = default {
                        key_defaults.insert(key.to_owned(), Value::from(default));
                    }
                }
                Arc::new(Shape::Map {
                    keys,
                    key_defaults,
                    item: form_shape(item.trim(), declared, built),
                })
            }
            None => build(form, declared, built),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The types and forms of the table, as written.
    fn lines() -> (BTreeSet<&'static str>, Vec<&'static str>) {
        let (mut headings, mut forms) = (BTreeSet::new(), Vec::new());
        for line in TABLE
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        {
            match line.strip_prefix("  ") {
                Some(field) => forms.extend(field.split_once(": ").unwrap().1.split(" | ")),
                None => assert!(headings.insert(line), "{line:?} stands twice in the table"),
            }
        }
        (headings, forms)
    }

    #[test]
    fn every_type_that_is_named_is_declared_and_used() {
        let (headings, forms) = lines();
        let mut unused: BTreeSet<_> = headings
            .iter()
            .filter(|heading| !heading.starts_with("kind "))
            .copied()
            .collect();
        for form in forms {
            let name = match form.strip_prefix("map(") {
                Some(rest) => rest.split_once(')').unwrap().1.trim(),
                None => form,
            };
            unused.remove(name);
            let known = ["", "atomic", "whole", "set", "values"].contains(&name) || headings.contains(name);
            assert!(known, "{name:?} is declared nowhere");
        }
        assert_eq!(unused, BTreeSet::new());
    }

    #[test]
    fn every_kind_merges_its_metadata() {
        let (headings, _) = lines();
        for heading in headings
            .iter()
            .filter_map(|heading| heading.strip_prefix("kind "))
        {
            let (group, kind) = heading.split_once('/').unwrap();
            for shape in [builtin_shape(group, kind), strategic_shape(group, kind)] {
                assert_eq!(shape.child("metadata").shape, &*object_meta_shape(), "{heading}");
            }
        }
        assert_eq!(
            builtin_shape("nobody", "Nothing").child("metadata").shape,
            &*object_meta_shape()
        );
    }

    #[test]
    fn keys_differ_between_apply_and_strategic_merge() {
        let keys = |shape: &Shape| match shape.child("spec").shape.child("ports").shape {
            Shape::Map {
                keys, key_defaults, ..
            } => (keys.clone(), key_defaults.clone()),
            other => panic!("{other:?}"),
        };
        let port = "port".to_owned();
        let defaults = BTreeMap::from([("protocol".to_owned(), Value::from("TCP"))]);
        assert_eq!(
            keys(&builtin_shape("", "Service")),
            (vec![port.clone(), "protocol".to_owned()], defaults)
        );
        assert_eq!(
            keys(&strategic_shape("", "Service")),
            (vec![port], BTreeMap::new())
        );
    }
}
