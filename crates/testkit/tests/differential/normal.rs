//! What two servers may answer differently, made the same: identities, times, revisions, addresses.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::{Captures, Regex};
use serde_json::{Map, Value};

use crate::names::Names;

/// A pattern that is known to be one.
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static UUID: LazyLock<Regex> =
    LazyLock::new(|| pattern("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
static TIME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( \+0000 UTC|Z)"));
static REVISION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)((?:resource version|resourceVersion)[^:]*: |current: |\()(\d+)"));
static SUFFIX: LazyLock<Regex> = LazyLock::new(|| pattern("^[bcdfghjklmnpqrstvwxz2456789]{5}$"));
static AGE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\d{1,2}s$"));

/// Makes an answer's body, or the list of a watch's events, comparable.
pub(crate) fn normalise(value: &mut Value, names: &Names) {
    match value {
        Value::Object(fields) => {
            object(fields, names);
            for (key, value) in fields.iter_mut() {
                field(key, value, names);
            }
        }
        Value::Array(items) => {
            for item in items {
                normalise(item, names);
            }
        }
        Value::String(text) => *text = plain(text, names),
        _ => {}
    }
}

/// Fields that are understood only together with their neighbours.
fn object(fields: &mut Map<String, Value>, names: &Names) {
    let prefix = fields
        .get("generateName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if let Some(Value::String(name)) = fields.get("name")
        && !prefix.is_empty()
        && names.of(name).is_none()
        && name
            .strip_prefix(prefix)
            .is_some_and(|suffix| SUFFIX.is_match(suffix))
    {
        let name = format!("{prefix}<suffix>");
        fields.insert("name".into(), name.into());
    }
    // A real server mounts a token into every Pod; here the node does what little is needed of that.
    for field in ["volumes", "volumeMounts"] {
        if let Some(Value::Array(items)) = fields.get_mut(field) {
            let is_token = |item: &Value| {
                let name = item["name"].as_str().unwrap_or_default();
                name.starts_with("kube-api-access-")
            };
            if items.iter().any(is_token) {
                items.retain(|item| !is_token(item));
                if items.is_empty() {
                    fields.remove(field);
                }
            }
        }
    }
    if let Some(Value::Array(entries)) = fields.get_mut("managedFields") {
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        entries.sort_by_key(|entry| {
            ["operation", "manager", "subresource", "apiVersion"].map(|field| text(entry, field))
        });
    }
}

fn field(key: &str, value: &mut Value, names: &Names) {
    match (key, &mut *value) {
        ("resourceVersion", Value::String(text)) => {
            if let Some(name) = names.of(text) {
                *text = name;
            } else if text.parse::<u64>().is_ok_and(|revision| revision > 0) {
                *text = "<rv>".into();
            }
        }
        ("continue", Value::String(text)) if !text.is_empty() => *text = "<continue>".into(),
        ("clusterIP", Value::String(text)) if is_address(text) => *text = "<ip>".into(),
        ("clusterIPs", Value::Array(items)) => {
            for item in items
                .iter_mut()
                .filter(|item| item.as_str().is_some_and(is_address))
            {
                *item = "<ip>".into();
            }
        }
        ("nodePort", Value::Number(number)) if number.as_u64() > Some(0) => *value = "<port>".into(),
        ("cells", Value::Array(cells)) => {
            for cell in cells {
                match cell {
                    Value::String(text) if AGE.is_match(text) => *text = "<age>".into(),
                    Value::String(text) if is_address(text) => *text = "<ip>".into(),
                    other => normalise(other, names),
                }
            }
        }
        ("message", Value::String(text)) => {
            let plain = plain(text, names);
            let replaced = REVISION.replace_all(&plain, |found: &Captures<'_>| format!("{}<rv>", &found[1]));
            *text = replaced.into_owned();
        }
        (_, value) => normalise(value, names),
    }
}

fn is_address(text: &str) -> bool {
    text.starts_with("10.") && text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Any text: saved values, identities, present times.
pub(crate) fn plain(text: &str, names: &Names) -> String {
    let text = names.back(text);
    let text = UUID.replace_all(&text, "<uid>");
    let now = Timestamp::now();
    let text = TIME.replace_all(&text, |found: &Captures<'_>| {
        let written = found[0].replacen(' ', "T", 1).replace(" +0000 UTC", "Z");
        let present = written
            .parse::<Timestamp>()
            .is_ok_and(|time| time.duration_since(now).abs() < SignedDuration::from_hours(1));
        match (present, found.get(1).is_some()) {
            (false, _) => found[0].to_owned(),
            (true, true) => "<microtime>".to_owned(),
            (true, false) => "<time>".to_owned(),
        }
    });
    text.into_owned()
}

/// Hides the random ends of the names that the server made from a prefix, wherever they stand.
pub(crate) fn generated(value: &mut Value, prefix: &str) {
    match value {
        Value::String(text) if text.contains(prefix) => {
            let made = pattern(&format!(
                "{}[bcdfghjklmnpqrstvwxz2456789]{{5}}",
                regex::escape(prefix)
            ));
            *text = made.replace_all(text, format!("{prefix}<suffix>")).into_owned();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| generated(item, prefix)),
        Value::Object(fields) => fields.values_mut().for_each(|value| generated(value, prefix)),
        _ => {}
    }
}

/// Removes what a step does not compare. `*` stands for every key or index.
pub(crate) fn ignore(value: &mut Value, pointer: &str) {
    let tokens: Vec<String> = tokens(pointer);
    each(value, &tokens, &mut |parent, last| match parent {
        Value::Object(fields) if last == "*" => fields.clear(),
        Value::Object(fields) => {
            fields.remove(last);
        }
        Value::Array(items) if last == "*" => items.clear(),
        Value::Array(items) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                *item = "<ignored>".into();
            }
        }
        _ => {}
    });
}

/// Sorts a list whose order does not count.
pub(crate) fn sort(value: &mut Value, pointer: &str) {
    if let Some(Value::Array(items)) = value.pointer_mut(pointer) {
        items.sort_by_cached_key(Value::to_string);
    }
}

fn each(value: &mut Value, tokens: &[String], act: &mut impl FnMut(&mut Value, &str)) {
    let [first, rest @ ..] = tokens else { return };
    if rest.is_empty() {
        act(value, first);
        return;
    }
    match value {
        Value::Object(fields) if first == "*" => fields.values_mut().for_each(|v| each(v, rest, act)),
        Value::Object(fields) => {
            if let Some(value) = fields.get_mut(first) {
                each(value, rest, act);
            }
        }
        Value::Array(items) if first == "*" => items.iter_mut().for_each(|v| each(v, rest, act)),
        Value::Array(items) => {
            if let Some(item) = first.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                each(item, rest, act);
            }
        }
        _ => {}
    }
}

/// The tokens of a JSON pointer.
pub(crate) fn tokens(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect()
}

#[test]
fn what_may_differ_is_made_the_same() {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut names = Names::default();
    names.set("rv", "41".into());
    let mut value = serde_json::json!({
        "metadata": {
            "name": "a-x2b4c", "generateName": "a-", "uid": "0f0f0f0f-0000-1111-2222-333333333333",
            "resourceVersion": "42", "creationTimestamp": now,
        },
        "items": [{"metadata": {"resourceVersion": "41"}}, {"metadata": {"resourceVersion": "0"}}],
        "spec": {"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "ports": [{"nodePort": 30001}], "at": "2001-01-01T00:00:00Z"},
        "message": "too old resource version: 3 (17)",
    });
    normalise(&mut value, &names);
    let wanted = serde_json::json!({
        "metadata": {
            "name": "a-<suffix>", "generateName": "a-", "uid": "<uid>",
            "resourceVersion": "<rv>", "creationTimestamp": "<time>",
        },
        "items": [{"metadata": {"resourceVersion": "{rv}"}}, {"metadata": {"resourceVersion": "0"}}],
        "spec": {"clusterIP": "<ip>", "clusterIPs": ["<ip>"], "ports": [{"nodePort": "<port>"}], "at": "2001-01-01T00:00:00Z"},
        "message": "too old resource version: <rv> (<rv>)",
    });
    assert_eq!(value, wanted);
}

#[test]
fn ignored_places_are_left_out() {
    let mut value = serde_json::json!({"items": [{"a": 1, "b": 2}, {"a": 3}]});
    ignore(&mut value, "/items/*/a");
    assert_eq!(value, serde_json::json!({"items": [{"b": 2}, {}]}));
}
