//! A body as it was sent: what it says, and the keys that came twice.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::schema::path::Path;

/// What a body says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Document {
    pub(crate) value: Value,
    /// Paths of the keys that came more than once, in their order.
    pub(crate) twice: Vec<String>,
}

impl Document {
    /// Reads JSON. With `merges`, two objects under one key become one, as where a typed object is filled from both;
    /// else the last one counts.
    ///
    /// # Errors
    /// When it is no JSON.
    pub(crate) fn json(body: &[u8], merges: bool) -> Result<Self, serde_json::Error> {
        Ok(Self::of(serde_json::from_slice(body)?, merges))
    }

    /// Reads YAML, in which `yes` and `on` are flags, as Kubernetes reads it.
    ///
    /// # Errors
    /// When it is no YAML.
    pub(crate) fn yaml(text: &str, merges: bool) -> Result<Self, serde_saphyr::Error> {
        Ok(Self::of(Tree::yaml(text)?, merges))
    }

    fn of(tree: Tree, merges: bool) -> Self {
        let mut twice = Vec::new();
        let value = tree.value(merges, Path::ROOT, &mut twice);
        Self { value, twice }
    }

    /// Sorts texts that end in a quoted path by the places of these paths in the body.
    pub(crate) fn sort_as_sent(body: &[u8], texts: &mut [String]) {
        let tree: Option<Tree> = serde_json::from_slice(body)
            .ok()
            .or_else(|| Tree::yaml(std::str::from_utf8(body).ok()?).ok());
        let Some(tree) = tree else { return };
        let mut paths = Vec::new();
        tree.paths(Path::ROOT, &mut paths);
        texts.sort_by_cached_key(|text| {
            let path = text.split('"').nth(1).unwrap_or_default();
            let place = if text.starts_with("duplicate") {
                paths.iter().rposition(|known| known == path)
            } else {
                paths.iter().position(|known| known == path)
            };
            place.unwrap_or(usize::MAX)
        });
    }
}

/// JSON that remembers the order of its keys, and all of them.
#[derive(Debug)]
enum Tree {
    Leaf(Value),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn yaml(text: &str) -> Result<Self, serde_saphyr::Error> {
        let options = serde_saphyr::options! {
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        };
        let tree: Option<Self> = serde_saphyr::from_str_with_options(text, options)?;
        Ok(tree.unwrap_or(Self::Leaf(Value::Null)))
    }

    fn value(self, merges: bool, path: Path<'_>, twice: &mut Vec<String>) -> Value {
        match self {
            Self::Leaf(value) => value,
            Self::List(items) => {
                let items = items.into_iter().enumerate();
                items
                    .map(|(i, item)| item.value(merges, path.index(i), twice))
                    .collect()
            }
            Self::Object(fields) => {
                let mut object = Map::new();
                for (key, tree) in fields {
                    let place = path.field(&key);
                    if object.contains_key(&key) {
                        twice.push(place.to_string());
                    }
                    let value = tree.value(merges, place, twice);
                    match object.get_mut(&key) {
                        Some(before) if merges => merge(before, value),
                        _ => {
                            object.insert(key, value);
                        }
                    }
                }
                Value::Object(object)
            }
        }
    }

    fn paths(&self, path: Path<'_>, found: &mut Vec<String>) {
        match self {
            Self::Leaf(_) => {}
            Self::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    item.paths(path.index(i), found);
                }
            }
            Self::Object(fields) => {
                for (key, tree) in fields {
                    let place = path.field(key);
                    found.push(place.to_string());
                    tree.paths(place, found);
                }
            }
        }
    }
}

/// Writes one object over another.
fn merge(before: &mut Value, value: Value) {
    match (before, value) {
        (Value::Object(before), Value::Object(fields)) => {
            for (key, value) in fields {
                match before.get_mut(&key) {
                    Some(before) => merge(before, value),
                    None => {
                        before.insert(key, value);
                    }
                }
            }
        }
        (before, value) => *before = value,
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<Tree, D::Error> {
        Tree::deserialize(source)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = source.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Tree, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = source.next_entry()? {
            fields.push(entry);
        }
        Ok(Tree::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_come_twice_are_told() {
        let body = br#"{"b": {"k": 1, "k": 2}, "a": [{"x": 1, "x": 2}], "b": {"l": 3}}"#;
        let document = Document::json(body, true).unwrap();
        assert_eq!(document.value, json!({"a": [{"x": 2}], "b": {"k": 2, "l": 3}}));
        assert_eq!(document.twice, ["b.k", "a[0].x", "b"]);
        assert_eq!(
            Document::json(body, false).unwrap().value,
            json!({"a": [{"x": 2}], "b": {"l": 3}})
        );
        let mut texts = vec!["unknown field \"a\"".to_owned(), "duplicate field \"b.k\"".to_owned()];
        Document::sort_as_sent(body, &mut texts);
        assert_eq!(texts, ["duplicate field \"b.k\"", "unknown field \"a\""]);
        assert!(Document::json(b"{} x", true).is_err());
    }

    #[test]
    fn yaml_is_read_as_kubernetes_reads_it() {
        let document = Document::yaml("a: y\nb: 'y'\nc: 1\nd:\n- 1.5\n- ~\na: no\n", true).unwrap();
        assert_eq!(document.value, json!({"a": false, "b": "y", "c": 1, "d": [1.5, null]}));
        assert_eq!(document.twice, ["a"]);
        assert_eq!(Document::yaml("", true).unwrap().value, json!(null));
    }
}
