//! The value checks of a schema: sizes, ranges, patterns, alternatives.

use std::sync::Arc;

use serde_json::Value;

use super::node::{Checks, Node};
use super::path::Path;
use crate::error::Cause;
use crate::violation;

/// Runs all checks of one place.
pub(super) fn run(checks: &Checks, value: &Value, path: Path<'_>, causes: &mut Vec<Cause>) {
    if !checks.allowed.is_empty() && !checks.allowed.contains(value) {
        causes.push(outside_enum(checks, value, path));
    }
    if let Some(why) = checks.format.and_then(|f| f.fault(value)) {
        causes.push(violation::invalid(path, value, why));
    }
    match value {
        Value::String(text) => string(checks, text, value, path, causes),
        Value::Number(number) => {
            if let Some(number) = number.as_f64() {
                numeric(checks, number, value, path, causes);
            }
        }
        Value::Array(items) => array(checks, items, value, path, causes),
        Value::Object(fields) => {
            for name in checks
                .required
                .iter()
                .filter(|name| !fields.contains_key(&***name))
            {
                causes.push(violation::required(path.field(name), ""));
            }
            let count = fields.len();
            if let Some(limit) = checks.max_properties.filter(|limit| count as u64 > *limit) {
                causes.push(violation::too_many(path, count, limit, "properties"));
            }
            if let Some(limit) = checks.min_properties.filter(|limit| (count as u64) < *limit) {
                causes.push(violation::invalid(
                    path,
                    value,
                    format!("must have at least {limit} properties"),
                ));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    alternatives(checks, value, path, causes);
}

fn outside_enum(checks: &Checks, value: &Value, path: Path<'_>) -> Cause {
    let texts: Option<Vec<&str>> = checks.allowed.iter().map(Value::as_str).collect();
    match texts {
        Some(texts) => violation::not_supported(path, value, texts),
        None => {
            let allowed: Vec<String> = checks.allowed.iter().map(Value::to_string).collect();
            let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
            violation::not_supported(path, value, allowed)
        }
    }
}

fn string(checks: &Checks, text: &str, value: &Value, path: Path<'_>, causes: &mut Vec<Cause>) {
    // Kubernetes counts characters, not bytes.
    let length = || text.chars().count() as u64;
    if let Some(limit) = checks
        .max_length
        .filter(|limit| text.len() as u64 > *limit && length() > *limit)
    {
        causes.push(violation::too_long(path, limit, "characters"));
    }
    if let Some(limit) = checks.min_length.filter(|limit| length() < *limit) {
        causes.push(violation::invalid(
            path,
            value,
            format!("must be at least {limit} characters long"),
        ));
    }
    if let Some(pattern) = checks.pattern.as_ref().filter(|p| !p.matches(text)) {
        causes.push(violation::invalid(
            path,
            value,
            format!("must match '{}'", pattern.text),
        ));
    }
}

fn numeric(checks: &Checks, number: f64, value: &Value, path: Path<'_>, causes: &mut Vec<Cause>) {
    let mut fault = |why: String| causes.push(violation::invalid(path, value, why));
    match checks.minimum {
        Some(min) if checks.exclusive_minimum && number <= min => {
            fault(format!("must be greater than {min}"))
        }
        Some(min) if number < min => fault(format!("must be greater than or equal to {min}")),
        _ => {}
    }
    match checks.maximum {
        Some(max) if checks.exclusive_maximum && number >= max => fault(format!("must be less than {max}")),
        Some(max) if number > max => fault(format!("must be less than or equal to {max}")),
        _ => {}
    }
    if let Some(step) = checks.multiple_of.filter(|s| *s > 0.0) {
        let ratio = number / step;
        if (ratio - ratio.round()).abs() > 1e-9 {
            fault(format!("must be a multiple of {step}"));
        }
    }
}

fn array(checks: &Checks, items: &[Value], value: &Value, path: Path<'_>, causes: &mut Vec<Cause>) {
    if let Some(limit) = checks.max_items.filter(|limit| items.len() as u64 > *limit) {
        causes.push(violation::too_many(path, items.len(), limit, "items"));
    }
    if let Some(limit) = checks.min_items.filter(|limit| (items.len() as u64) < *limit) {
        causes.push(violation::invalid(
            path,
            value,
            format!("must have at least {limit} items"),
        ));
    }
    if checks.unique {
        for i in repeated(items) {
            causes.push(violation::duplicate(path.index(i), &items[i]));
        }
    }
}

/// Where items stand that were there before. Compared as text in a set, so that a long list costs no more than
/// its length.
pub(super) fn repeated(items: &[Value]) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    items
        .iter()
        .enumerate()
        .filter(|(_, item)| !seen.insert(item.to_string()))
        .map(|(i, _)| i)
        .collect()
}

fn alternatives(checks: &Checks, value: &Value, path: Path<'_>, causes: &mut Vec<Cause>) {
    for branch in &checks.all_of {
        judge(branch, value, path, causes);
    }
    if !checks.any_of.is_empty() && !checks.any_of.iter().any(|b| holds(b, value)) {
        causes.push(violation::invalid(
            path,
            value,
            alternatives_text("must satisfy at least one of", &checks.any_of, value),
        ));
    }
    if !checks.one_of.is_empty() {
        match checks.one_of.iter().filter(|b| holds(b, value)).count() {
            1 => {}
            0 => causes.push(violation::invalid(
                path,
                value,
                alternatives_text("must satisfy exactly one of", &checks.one_of, value),
            )),
            n => causes.push(violation::invalid(
                path,
                value,
                format!(
                    "must satisfy exactly one of {} alternatives (oneOf) but satisfies {n}",
                    checks.one_of.len()
                ),
            )),
        }
    }
    if checks.not.as_ref().is_some_and(|branch| holds(branch, value)) {
        causes.push(violation::invalid(
            path,
            value,
            "must not satisfy the schema under \"not\"",
        ));
    }
}

/// Says why each alternative fails, as far as one line can.
fn alternatives_text(lead: &str, branches: &[Arc<Node>], value: &Value) -> String {
    let reasons: Vec<String> = branches
        .iter()
        .filter_map(|branch| {
            let mut causes = Vec::new();
            judge(branch, value, Path::ROOT, &mut causes);
            let first = causes.into_iter().next()?;
            Some(if first.field.is_empty() {
                first.message
            } else {
                format!("{}: {}", first.field, first.message)
            })
        })
        .take(4)
        .collect();
    format!("{lead} {} alternatives ({})", branches.len(), reasons.join("; "))
}

fn holds(branch: &Node, value: &Value) -> bool {
    let mut causes = Vec::new();
    judge(branch, value, Path::ROOT, &mut causes);
    causes.is_empty()
}

/// Holds a value against a branch: only what the branch names is looked at.
fn judge(branch: &Node, value: &Value, path: Path<'_>, causes: &mut Vec<Cause>) {
    if !branch.kind.admits(value) {
        causes.push(violation::wrong_type(path, value, branch.kind.word()));
        return;
    }
    if let Some(checks) = &branch.checks {
        run(checks, value, path, causes);
    }
    match value {
        Value::Object(fields) => {
            for (name, child) in &branch.properties {
                if let Some(value) = fields.get(&**name) {
                    judge(child, value, path.field(name), causes);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &branch.items {
                for (i, item) in items.iter().enumerate() {
                    judge(schema, item, path.index(i), causes);
                }
            }
        }
        _ => {}
    }
}
