//! `{name}` in requests, and saved values turned back into `{name}` in answers.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::Value;

/// The values a case knows on one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(BTreeMap<String, Value>);

/// Shorter values may stand in a text by chance, so they are only recognised where they are the whole text.
const TELLING: usize = 6;

impl Names {
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.into(), value);
    }

    /// Replaces the placeholders of a path, all of which must be known.
    pub(crate) fn path(&self, text: &str) -> anyhow::Result<String> {
        let path = self.text(text);
        if let Some((_, rest)) = path.split_once('{')
            && let Some((name, _)) = rest.split_once('}')
        {
            bail!("nothing was saved as {{{name}}}");
        }
        Ok(path)
    }

    /// Replaces the known placeholders of a text.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.0 {
            let placeholder = format!("{{{name}}}");
            if text.contains(&placeholder) {
                text = text.replace(&placeholder, &plain(value));
            }
        }
        text
    }

    /// Replaces the known placeholders in all texts and keys of a body.
    pub(crate) fn body(&self, body: &Value) -> Value {
        match body {
            Value::String(text) => {
                let whole = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
                match whole.and_then(|name| self.0.get(name)) {
                    Some(value) => value.clone(),
                    None => self.text(text).into(),
                }
            }
            Value::Array(items) => items.iter().map(|item| self.body(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (self.text(key), self.body(value)))
                .collect(),
            other => other.clone(),
        }
    }

    /// The placeholder of a value that is exactly this text.
    pub(crate) fn of(&self, text: &str) -> Option<String> {
        let found = self.0.iter().find(|(_, value)| value.as_str() == Some(text));
        found.map(|(name, _)| format!("{{{name}}}"))
    }

    /// Turns saved values inside a text back into their placeholders, the longest first.
    pub(crate) fn back(&self, text: &str) -> String {
        let mut values: Vec<(&str, &str)> = self
            .0
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .filter(|(_, value)| value.len() >= TELLING)
            .collect();
        values.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        let mut text = text.to_owned();
        for (name, value) in values {
            if text.contains(value) {
                text = text.replace(value, &format!("{{{name}}}"));
            }
        }
        text
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn placeholders_go_in_and_come_back() {
    let mut names = Names::default();
    names.set("ns", "d-00000001".into());
    names.set("rv", "17".into());
    names.set("count", 3.into());
    assert_eq!(names.path("/a/{ns}?rv={rv}").unwrap(), "/a/d-00000001?rv=17");
    assert!(names.path("/a/{other}").is_err());
    assert_eq!(
        names.body(&serde_json::json!({"{ns}-a": ["{count}", "{count}x", "{else}"]})),
        serde_json::json!({"d-00000001-a": [3, "3x", "{else}"]})
    );
    assert_eq!(names.back("of d-00000001, 17"), "of {ns}, 17");
    assert_eq!(names.of("17").unwrap(), "{rv}");
}
