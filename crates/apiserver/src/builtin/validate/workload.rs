//! Rules of deployments and replica sets.

use serde_json::Value;

use super::{any, at, text};
use crate::builtin::pod_validate::template;
use crate::error::Cause;
use crate::violation;

/// Deployments: selector, template, numbers.
pub(in crate::builtin) fn deployment(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = any(value, old);
    workload(value, old, &mut causes);
    let strategy = text(value, &["spec", "strategy", "type"]);
    if !["RollingUpdate", "Recreate"].contains(&strategy) {
        causes.push(violation::not_supported(
            "spec.strategy.type",
            &strategy.into(),
            ["Recreate", "RollingUpdate"],
        ));
    }
    if strategy == "Recreate" && at(value, &["spec", "strategy", "rollingUpdate"]).is_some() {
        let why = "has no meaning with strategy Recreate";
        causes.push(violation::forbidden("spec.strategy.rollingUpdate", why));
    }
    let limit = |f: &str| at(value, &["spec", f]).and_then(Value::as_i64);
    if let (Some(deadline), Some(ready)) = (limit("progressDeadlineSeconds"), limit("minReadySeconds"))
        && deadline <= ready
    {
        let why = "must exceed minReadySeconds";
        causes.push(violation::invalid(
            "spec.progressDeadlineSeconds",
            &deadline.into(),
            why,
        ));
    }
    causes
}

/// ReplicaSets: selector and template.
pub(in crate::builtin) fn replica_set(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = any(value, old);
    workload(value, old, &mut causes);
    causes
}

fn workload(value: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
        if let Some(number) = at(value, &["spec", field]).filter(|n| n.as_i64().is_some_and(|n| n < 0)) {
            causes.push(violation::invalid(
                format!("spec.{field}"),
                number,
                "must be greater than or equal to 0",
            ));
        }
    }
    let selector = at(value, &["spec", "selector"]);
    match selector.and_then(Value::as_object) {
        None => causes.push(violation::required(
            "spec.selector",
            "says which pods belong to this object",
        )),
        Some(s) if s.values().all(is_empty) => {
            let why = "an empty selector would take every pod";
            causes.push(violation::invalid(
                "spec.selector",
                &selector.cloned().unwrap_or_default(),
                why,
            ));
        }
        Some(_) => selector_fits(value, causes),
    }
    if let Some(before) = old.and_then(|o| at(o, &["spec", "selector"]))
        && selector != Some(before)
    {
        let now = selector.cloned().unwrap_or_default();
        causes.push(violation::invalid("spec.selector", &now, "field is immutable"));
    }
    if let Some(spec) = at(value, &["spec", "template"]) {
        template(spec, "spec.template", causes);
        let policy = text(spec, &["spec", "restartPolicy"]);
        if policy != "Always" && !policy.is_empty() {
            causes.push(violation::not_supported(
                "spec.template.spec.restartPolicy",
                &policy.into(),
                ["Always"],
            ));
        }
        if at(spec, &["spec", "activeDeadlineSeconds"]).is_some() {
            let why = "pods of this kind run until they are replaced";
            causes.push(violation::forbidden(
                "spec.template.spec.activeDeadlineSeconds",
                why,
            ));
        }
    } else {
        causes.push(violation::required(
            "spec.template",
            "describes the pods to create",
        ));
    }
}

fn selector_fits(value: &Value, causes: &mut Vec<Cause>) {
    let selector = at(value, &["spec", "selector"]).cloned().unwrap_or_default();
    let labels = at(value, &["spec", "template", "metadata", "labels"])
        .cloned()
        .unwrap_or_default();
    match crate::selectors::LabelSelector::from_object(&selector) {
        Err(why) => causes.push(violation::invalid("spec.selector", &selector, why)),
        Ok(parsed) if !parsed.matches_labels(labels.as_object()) => {
            let why = "must carry the labels that spec.selector asks for";
            causes.push(violation::invalid("spec.template.metadata.labels", &labels, why));
        }
        Ok(_) => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
