//! Rules of roles and their bindings.

use serde_json::Value;

use super::{list, text};
use crate::builtin::names::{self, NameRule};
use crate::error::Cause;
use crate::violation;

/// Roles of both scopes.
pub(in crate::builtin) fn role(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = names::check(value, old, NameRule::PathSegment);
    for (i, rule) in list(value, &["rules"]).iter().enumerate() {
        if list(rule, &["verbs"]).is_empty() {
            causes.push(violation::required(
                format!("rules[{i}].verbs"),
                "a rule allows at least one verb",
            ));
        }
        let urls = !list(rule, &["nonResourceURLs"]).is_empty();
        if !urls {
            for field in ["apiGroups", "resources"]
                .into_iter()
                .filter(|f| list(rule, &[f]).is_empty())
            {
                let why = "a rule for resources names at least one";
                causes.push(violation::required(format!("rules[{i}].{field}"), why));
            }
        }
    }
    causes
}

/// Bindings of both scopes: the role they name never changes.
pub(in crate::builtin) fn role_binding(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = names::check(value, old, NameRule::PathSegment);
    let kind = text(value, &["roleRef", "kind"]);
    if !["Role", "ClusterRole"].contains(&kind) {
        causes.push(violation::not_supported(
            "roleRef.kind",
            &kind.into(),
            ["Role", "ClusterRole"],
        ));
    }
    if text(value, &["roleRef", "name"]).is_empty() {
        causes.push(violation::required("roleRef.name", "the role that is granted"));
    }
    if let Some(before) = old.and_then(|o| o.get("roleRef"))
        && value.get("roleRef") != Some(before)
    {
        let now = value.get("roleRef").cloned().unwrap_or_default();
        causes.push(violation::invalid(
            "roleRef",
            &now,
            "cannot change roleRef; delete the binding and create it anew",
        ));
    }
    for (i, subject) in list(value, &["subjects"]).iter().enumerate() {
        let at = |field: &str| format!("subjects[{i}].{field}");
        if text(subject, &["name"]).is_empty() {
            causes.push(violation::required(at("name"), ""));
        }
        let kinds = ["ServiceAccount", "User", "Group"];
        let kind = text(subject, &["kind"]);
        if !kinds.contains(&kind) {
            causes.push(violation::not_supported(at("kind"), &kind.into(), kinds));
        }
        if kind == "ServiceAccount" && text(subject, &["namespace"]).is_empty() {
            causes.push(violation::required(
                at("namespace"),
                "a service account lives in a namespace",
            ));
        }
    }
    causes
}
