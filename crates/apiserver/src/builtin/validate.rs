//! Semantic rules of builtin kinds, beyond what their schemas say.

use serde_json::Value;

use super::names::{self, NameRule, is_dns_label, is_qualified_name};
pub(super) use super::pod_validate::pod;
use super::pod_validate::template;
use super::quantity;
use crate::error::Cause;
use crate::violation;

/// Data of a ConfigMap or Secret may weigh this many bytes.
const MAX_DATA: usize = 1024 * 1024;

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

/// ConfigMaps: key syntax, no key twice, size, immutability.
pub(super) fn config_map(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = any(value, old);
    let mut bytes = 0;
    for field in ["data", "binaryData"] {
        bytes += data_keys(value, field, &mut causes);
    }
    for key in keys(value, "binaryData").filter(|key| at(value, &["data", key]).is_some()) {
        let why = "the same key is in data too";
        causes.push(violation::invalid(
            format!("binaryData[{key}]"),
            &Value::from(key),
            why,
        ));
    }
    if bytes > MAX_DATA {
        causes.push(violation::too_long("data", MAX_DATA as u64, "bytes"));
    }
    frozen(value, old, &["data", "binaryData"], &mut causes);
    causes
}

/// Secrets: key syntax, size, base64, type that stays, the keys that well-known types need.
pub(super) fn secret(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    use base64::Engine as _;
    let mut causes = any(value, old);
    data_keys(value, "data", &mut causes);
    let mut bytes = 0;
    for entry in value
        .get("data")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|d| d.values())
    {
        // Text that is no base64 is the schema check's to report.
        let decoded = entry
            .as_str()
            .and_then(|t| base64::engine::general_purpose::STANDARD.decode(t).ok());
        bytes += decoded.map_or(0, |d| d.len());
    }
    if bytes > MAX_DATA {
        causes.push(violation::too_long("data", MAX_DATA as u64, "bytes"));
    }
    let kind = text(value, &["type"]);
    let needs: &[&str] = match kind {
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        _ => &[],
    };
    for key in needs.iter().filter(|key| at(value, &["data", key]).is_none()) {
        causes.push(violation::required(
            format!("data[{key}]"),
            format!("a Secret of type {kind} has this key"),
        ));
    }
    if let Some(before) = old
        .map(|o| text(o, &["type"]))
        .filter(|b| !b.is_empty() && *b != kind)
    {
        causes.push(violation::invalid(
            "type",
            &kind.into(),
            format!("field is immutable; it was {before}"),
        ));
    }
    frozen(value, old, &["data"], &mut causes);
    causes
}

/// Checks the keys of a data map and adds up the bytes of its texts.
fn data_keys(value: &Value, field: &str, causes: &mut Vec<Cause>) -> usize {
    let mut bytes = 0;
    for (key, entry) in value.get(field).and_then(Value::as_object).into_iter().flatten() {
        bytes += entry.as_str().map_or(0, str::len);
        let good = !key.is_empty()
            && key.len() <= 253
            && key != "."
            && !key.starts_with("..")
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        if !good {
            let why =
                "a key is at most 253 alphanumeric characters, '-', '_' or '.', and does not start with '..'";
            causes.push(violation::invalid(
                format!("{field}[{key}]"),
                &key.as_str().into(),
                why,
            ));
        }
    }
    bytes
}

/// Immutable means immutable, and cannot be undone.
fn frozen(value: &Value, old: Option<&Value>, fields: &[&str], causes: &mut Vec<Cause>) {
    let Some(old) = old.filter(|o| o.get("immutable") == Some(&Value::Bool(true))) else {
        return;
    };
    if value.get("immutable") != Some(&Value::Bool(true)) {
        causes.push(violation::forbidden(
            "immutable",
            "field is immutable when `immutable` is set",
        ));
    }
    for field in fields {
        let empty = |v: Option<&Value>| v.and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
        let (now, before) = (value.get(field), old.get(field));
        if now != before && !(empty(now) && empty(before)) {
            causes.push(violation::forbidden(
                *field,
                "field is immutable when `immutable` is set",
            ));
        }
    }
}

/// Services: ports, type, names.
pub(super) fn service(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = names::check(value, old, NameRule::LeadingLetter);
    let kind = text(value, &["spec", "type"]);
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !kinds.contains(&kind) {
        causes.push(violation::not_supported("spec.type", &kind.into(), kinds));
    }
    if kind == "ExternalName" {
        if text(value, &["spec", "externalName"]).is_empty() {
            causes.push(violation::required(
                "spec.externalName",
                "a Service of type ExternalName names a host",
            ));
        }
        return causes;
    }
    let ip = text(value, &["spec", "clusterIP"]);
    if !ip.is_empty() && ip != "None" && ip.parse::<std::net::IpAddr>().is_err() {
        causes.push(violation::invalid(
            "spec.clusterIP",
            &ip.into(),
            "must be empty, 'None' or an IP address",
        ));
    }
    let before = old.map(|o| text(o, &["spec", "clusterIP"])).unwrap_or_default();
    let was = old.map(|o| text(o, &["spec", "type"])).unwrap_or_default();
    if !before.is_empty() && !ip.is_empty() && before != ip && was != "ExternalName" {
        causes.push(violation::invalid(
            "spec.clusterIP",
            &ip.into(),
            "field is immutable",
        ));
    }
    let ports = list(value, &["spec", "ports"]);
    if ports.is_empty() && ip != "None" {
        causes.push(violation::required(
            "spec.ports",
            "a Service has at least one port",
        ));
    }
    service_ports(ports, &mut causes);
    names::labels(at(value, &["spec", "selector"]), "spec.selector", &mut causes);
    causes
}

fn service_ports(ports: &[Value], causes: &mut Vec<Cause>) {
    let mut seen_names = Vec::new();
    let mut seen_ports = Vec::new();
    for (i, port) in ports.iter().enumerate() {
        let field = |name: &str| format!("spec.ports[{i}].{name}");
        let name = text(port, &["name"]);
        if name.is_empty() && ports.len() > 1 {
            causes.push(violation::required(
                field("name"),
                "each of several ports has a name",
            ));
        } else if !name.is_empty() && !is_dns_label(name) {
            causes.push(violation::invalid(
                field("name"),
                &name.into(),
                "must be a lowercase RFC 1123 label",
            ));
        } else if !name.is_empty() && seen_names.contains(&name) {
            causes.push(violation::duplicate(field("name"), &name.into()));
        }
        seen_names.push(name);
        port_number(port.get("port"), &field("port"), causes);
        if let Some(Value::Number(_)) = port.get("targetPort") {
            port_number(port.get("targetPort"), &field("targetPort"), causes);
        }
        let protocol = text(port, &["protocol"]);
        if !["TCP", "UDP", "SCTP"].contains(&protocol) {
            causes.push(violation::not_supported(
                field("protocol"),
                &protocol.into(),
                ["SCTP", "TCP", "UDP"],
            ));
        }
        let id = (protocol, port.get("port"));
        if seen_ports.contains(&id) {
            causes.push(violation::duplicate(format!("spec.ports[{i}]"), port));
        }
        seen_ports.push(id);
    }
}

/// A port number is 1 to 65535.
pub(super) fn port_number(value: Option<&Value>, field: &str, causes: &mut Vec<Cause>) {
    match value.filter(|v| !v.is_null()) {
        None => causes.push(violation::required(field, "a port number from 1 to 65535")),
        Some(value) if value.as_i64().is_none_or(|n| !(1..=65535).contains(&n)) => {
            causes.push(violation::invalid(
                field,
                value,
                "must be between 1 and 65535, inclusive",
            ));
        }
        Some(_) => {}
    }
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

/// Deployments: selector, template, numbers.
pub(super) fn deployment(value: &Value, old: Option<&Value>) -> Vec<Cause> {
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
        let why = "may not be specified when strategy type is 'Recreate'";
        causes.push(violation::forbidden("spec.strategy.rollingUpdate", why));
    }
    let limit = |f: &str| at(value, &["spec", f]).and_then(Value::as_i64);
    if let (Some(deadline), Some(ready)) = (limit("progressDeadlineSeconds"), limit("minReadySeconds"))
        && deadline <= ready
    {
        let why = "must be greater than minReadySeconds";
        causes.push(violation::invalid(
            "spec.progressDeadlineSeconds",
            &deadline.into(),
            why,
        ));
    }
    causes
}

/// ReplicaSets: selector and template.
pub(super) fn replica_set(value: &Value, old: Option<&Value>) -> Vec<Cause> {
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
            let why = "`selector` does not match template `labels`";
            causes.push(violation::invalid("spec.template.metadata.labels", &labels, why));
        }
        Ok(_) => {}
    }
}

/// Roles of both scopes.
pub(super) fn role(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = names::check(value, old, NameRule::PathSegment);
    for (i, rule) in list(value, &["rules"]).iter().enumerate() {
        if list(rule, &["verbs"]).is_empty() {
            causes.push(violation::required(
                format!("rules[{i}].verbs"),
                "verbs must contain at least one value",
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
pub(super) fn role_binding(value: &Value, old: Option<&Value>) -> Vec<Cause> {
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

fn keys<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    value
        .get(field)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|m| m.keys())
        .map(String::as_str)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Whether a text names a resource such as `cpu` or `example.com/gpu`.
pub(super) fn is_resource_name(name: &str) -> bool {
    is_qualified_name(name)
}
