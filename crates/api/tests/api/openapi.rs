//! The part of OpenAPI validation our schemas use, so that patterns and bounds can be tested without a server.

use std::collections::HashSet;

use regex::Regex;
use serde_json::Value;

/// Everything in `value` that the schema refuses, as `path: problem`.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, value, "", &mut found);
    found
}

fn walk(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let mut say = |problem: String| found.push(format!("{path}: {problem}"));
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        if !value.is_i64() && !value.is_string() {
            say("must be an integer or a string".to_owned());
        }
        if let Some(text) = value.as_str() {
            text_problems(schema, text, &mut say);
        }
        return;
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        other => panic!("{path}: schema has type {other:?}"),
    };
    if !fits {
        say(format!("must be of type {}", schema["type"]));
        return;
    }
    if let Some(values) = schema["enum"].as_array().filter(|values| !values.contains(value)) {
        say(format!("must be one of {values:?}"));
    }
    match value {
        Value::String(text) => text_problems(schema, text, &mut say),
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            if schema["minimum"].as_f64().is_some_and(|minimum| number < minimum) {
                say(format!("must be at least {}", schema["minimum"]));
            }
            if schema["maximum"].as_f64().is_some_and(|maximum| number > maximum) {
                say(format!("must be at most {}", schema["maximum"]));
            }
        }
        Value::Array(items) => {
            list_problems(schema, items, &mut say);
            for (index, item) in items.iter().enumerate() {
                walk(&schema["items"], item, &format!("{path}[{index}]"), found);
            }
        }
        Value::Object(members) => {
            for name in schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                if !members.contains_key(name) {
                    say(format!("{name} is required"));
                }
            }
            for (name, member) in members {
                let nested = schema["properties"]
                    .get(name)
                    .or_else(|| schema.get("additionalProperties"));
                // ObjectMeta has no properties here; unknown fields are pruned.
                if let Some(nested) = nested {
                    walk(nested, member, &format!("{path}.{name}"), found);
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn text_problems(schema: &Value, text: &str, say: &mut impl FnMut(String)) {
    let length = text.chars().count() as u64;
    if schema["minLength"]
        .as_u64()
        .is_some_and(|minimum| length < minimum)
    {
        say(format!("must have at least {} characters", schema["minLength"]));
    }
    if schema["maxLength"]
        .as_u64()
        .is_some_and(|maximum| length > maximum)
    {
        say(format!("must have at most {} characters", schema["maxLength"]));
    }
    if let Some(pattern) = schema["pattern"]
        .as_str()
        .filter(|pattern| !Regex::new(pattern).unwrap().is_match(text))
    {
        say(format!("must match {pattern}"));
    }
    if schema["format"] == "date-time" && text.parse::<jiff::Timestamp>().is_err() {
        say("must be a date-time".to_owned());
    }
}

fn list_problems(schema: &Value, items: &[Value], say: &mut impl FnMut(String)) {
    if schema["maxItems"]
        .as_u64()
        .is_some_and(|maximum| items.len() as u64 > maximum)
    {
        say(format!("must have at most {} items", schema["maxItems"]));
    }
    let keys: Vec<String> = match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => items.iter().map(Value::to_string).collect(),
        Some("map") => {
            let names: Vec<&str> = schema["x-kubernetes-list-map-keys"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            items
                .iter()
                .map(|item| names.iter().map(|name| item[*name].to_string()).collect())
                .collect()
        }
        _ => return,
    };
    let mut seen = HashSet::new();
    for key in keys {
        if !seen.insert(key.clone()) {
            say(format!("duplicate {key}"));
        }
    }
}
