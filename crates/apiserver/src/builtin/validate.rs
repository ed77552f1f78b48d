//! Semantic rules of builtin kinds, beyond what their schemas say.

mod data;
mod rbac;
mod service;
mod workload;

use serde_json::Value;

pub(super) use self::data::{config_map, secret};
pub(super) use self::rbac::{role, role_binding};
pub(super) use self::service::{port_number, service};
pub(super) use self::workload::{deployment, replica_set};
use super::names::{self, NameRule, is_qualified_name};
pub(super) use super::pod_validate::pod;
use super::quantity;
use crate::error::Cause;
use crate::violation;

/// Kinds without rules of their own.
pub(super) fn any(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    names::check(value, old, NameRule::Subdomain)
}

/// Leases.
pub(super) fn lease(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = any(value, old);
    for field in ["leaseDurationSeconds", "leaseTransitions"] {
        if let Some(number) = at(value, &["spec", field]).filter(|n| n.as_i64().is_some_and(|n| n < 0)) {
            causes.push(violation::invalid(
                format!("spec.{field}"),
                number,
                "must not be negative",
            ));
        }
    }
    causes
}

/// A namespace's name is a label, for it becomes part of host names.
pub(super) fn namespace(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    names::check(value, old, NameRule::Label)
}

/// Events may be recorded for objects of any name.
pub(super) fn event(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = names::check(value, old, NameRule::Subdomain);
    let regarding = value.get("involvedObject").or_else(|| value.get("regarding"));
    let own = text(value, &["metadata", "namespace"]);
    let of = regarding.map(|r| text(r, &["namespace"])).unwrap_or_default();
    if !of.is_empty() && !own.is_empty() && of != own {
        let field = if value.get("regarding").is_some() {
            "regarding"
        } else {
            "involvedObject"
        };
        let why = format!("must be the event's own namespace, {own}");
        causes.push(violation::invalid(format!("{field}.namespace"), &of.into(), why));
    }
    causes
}

/// Claims: what they ask for, and that it stays, except that a claim may grow.
pub(super) fn claim(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    const MODES: [&str; 4] = [
        "ReadOnlyMany",
        "ReadWriteMany",
        "ReadWriteOnce",
        "ReadWriteOncePod",
    ];
    let mut causes = any(value, old);
    let modes = list(value, &["spec", "accessModes"]);
    if modes.is_empty() {
        causes.push(violation::required(
            "spec.accessModes",
            "at least one access mode is required",
        ));
    }
    for mode in modes
        .iter()
        .filter(|m| !m.as_str().is_some_and(|m| MODES.contains(&m)))
    {
        causes.push(violation::not_supported("spec.accessModes", mode, MODES));
    }
    let size = |v: &Value| at(v, &["spec", "resources", "requests", "storage"]).cloned();
    let amount = |v: &Value| size(v).as_ref().and_then(Value::as_str).and_then(quantity::parse);
    match (size(value), amount(value)) {
        (None, _) => causes.push(violation::required(
            "spec.resources.requests[storage]",
            "how much space is asked for",
        )),
        (Some(given), None) => {
            causes.push(violation::invalid(
                "spec.resources.requests[storage]",
                &given,
                "must be a quantity such as 1Gi",
            ));
        }
        (Some(given), Some(amount)) if amount <= 0.0 => {
            causes.push(violation::invalid(
                "spec.resources.requests[storage]",
                &given,
                "must be greater than zero",
            ));
        }
        _ => {}
    }
    if let Some(old) = old {
        for field in [
            "accessModes",
            "selector",
            "storageClassName",
            "volumeMode",
            "dataSource",
        ] {
            if at(value, &["spec", field]) != at(old, &["spec", field]) {
                let why = "the spec of a claim does not change after creation, except its requested size";
                causes.push(violation::forbidden(format!("spec.{field}"), why));
            }
        }
        let volume = text(old, &["spec", "volumeName"]);
        if !volume.is_empty() && text(value, &["spec", "volumeName"]) != volume {
            causes.push(violation::forbidden(
                "spec.volumeName",
                "a bound claim keeps its volume",
            ));
        }
        if let (Some(now), Some(before)) = (amount(value), amount(old))
            && now < before
        {
            causes.push(violation::forbidden(
                "spec.resources.requests[storage]",
                "a claim cannot shrink",
            ));
        }
    }
    causes
}

/// The value at a path of field names.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter()
        .try_fold(value, |value, name| value.get(name))
        .filter(|v| !v.is_null())
}

/// The text at a path, empty if there is none.
pub(super) fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a path, empty if there is none.
pub(super) fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Whether a text names a resource such as `cpu` or `example.com/gpu`.
pub(super) fn is_resource_name(name: &str) -> bool {
    is_qualified_name(name)
}
