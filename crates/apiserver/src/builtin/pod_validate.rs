//! Semantic rules of pods and pod templates.

use std::collections::HashSet;

use serde_json::Value;

use super::names::{self, NameRule, is_dns_label, is_dns_subdomain};
use super::validate::{at, is_resource_name, list, port_number, text};
use super::{pod_update, quantity, volumes};
use crate::error::Cause;
use crate::violation;

/// Pods, created or updated.
pub(super) fn pod(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = names::check(value, old, NameRule::Subdomain);
    match old {
        None => spec(value.get("spec").unwrap_or(&Value::Null), "spec", &mut causes),
        Some(old) => pod_update::check(value, old, &mut causes),
    }
    causes
}

/// The template of a workload; `field` is its path.
pub(super) fn template(template: &Value, field: &str, causes: &mut Vec<Cause>) {
    names::labels(
        at(template, &["metadata", "labels"]),
        &format!("{field}.metadata.labels"),
        causes,
    );
    spec(
        template.get("spec").unwrap_or(&Value::Null),
        &format!("{field}.spec"),
        causes,
    );
}

fn spec(spec: &Value, at_field: &str, causes: &mut Vec<Cause>) {
    let field = |name: &str| format!("{at_field}.{name}");
    one_of(
        spec,
        "restartPolicy",
        &["Always", "OnFailure", "Never"],
        at_field,
        causes,
    );
    one_of(
        spec,
        "dnsPolicy",
        &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
        at_field,
        causes,
    );
    if text(spec, &["dnsPolicy"]) == "None" && list(spec, &["dnsConfig", "nameservers"]).is_empty() {
        let why = "with dnsPolicy None the pod brings its own name servers";
        causes.push(violation::required(field("dnsConfig.nameservers"), why));
    }
    let account = text(spec, &["serviceAccountName"]);
    if !account.is_empty() && !is_dns_subdomain(account) {
        causes.push(violation::invalid(
            field("serviceAccountName"),
            &account.into(),
            "must be a lowercase RFC 1123 subdomain",
        ));
    }
    let host = text(spec, &["hostname"]);
    if !host.is_empty() && !is_dns_label(host) {
        causes.push(violation::invalid(
            field("hostname"),
            &host.into(),
            "must be a lowercase RFC 1123 label",
        ));
    }
    for (name, least) in [("activeDeadlineSeconds", 1), ("terminationGracePeriodSeconds", 0)] {
        if let Some(value) = at(spec, &[name]).filter(|v| v.as_i64().is_some_and(|n| n < least)) {
            causes.push(violation::invalid(
                field(name),
                value,
                format!("must be greater than or equal to {least}"),
            ));
        }
    }
    names::labels(at(spec, &["nodeSelector"]), &field("nodeSelector"), causes);
    tolerations(spec, at_field, causes);
    let known = volumes::check(spec, at_field, causes);
    containers(spec, at_field, &known, causes);
}

fn tolerations(spec: &Value, at_field: &str, causes: &mut Vec<Cause>) {
    for (i, toleration) in list(spec, &["tolerations"]).iter().enumerate() {
        let field = |name: &str| format!("{at_field}.tolerations[{i}].{name}");
        let operator = text(toleration, &["operator"]);
        if !["", "Equal", "Exists"].contains(&operator) {
            causes.push(violation::not_supported(
                field("operator"),
                &operator.into(),
                ["Equal", "Exists"],
            ));
        }
        if text(toleration, &["key"]).is_empty() && operator != "Exists" {
            let why = "without a key only the operator Exists makes sense";
            causes.push(violation::invalid(field("operator"), &operator.into(), why));
        }
        let effect = text(toleration, &["effect"]);
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        if !effect.is_empty() && !effects.contains(&effect) {
            causes.push(violation::not_supported(field("effect"), &effect.into(), effects));
        }
    }
}

fn containers(spec: &Value, at_field: &str, volumes: &HashSet<&str>, causes: &mut Vec<Cause>) {
    if list(spec, &["containers"]).is_empty() {
        causes.push(violation::required(
            format!("{at_field}.containers"),
            "a pod has at least one container",
        ));
    }
    let mut names = HashSet::new();
    for kind in ["initContainers", "containers"] {
        for (i, container) in list(spec, &[kind]).iter().enumerate() {
            let field = format!("{at_field}.{kind}[{i}]");
            let name = text(container, &["name"]);
            if name.is_empty() {
                causes.push(violation::required(format!("{field}.name"), ""));
            } else if !is_dns_label(name) {
                causes.push(violation::invalid(
                    format!("{field}.name"),
                    &name.into(),
                    "must be a lowercase RFC 1123 label",
                ));
            } else if !names.insert(name) {
                causes.push(violation::duplicate(format!("{field}.name"), &name.into()));
            }
            self::container(container, &field, volumes, kind == "initContainers", causes);
        }
    }
}

fn container(container: &Value, field: &str, volumes: &HashSet<&str>, init: bool, causes: &mut Vec<Cause>) {
    let image = text(container, &["image"]);
    if image.is_empty() {
        causes.push(violation::required(format!("{field}.image"), ""));
    } else if image.trim() != image {
        let why = "must not begin or end with a space";
        causes.push(violation::invalid(format!("{field}.image"), &image.into(), why));
    }
    one_of(
        container,
        "imagePullPolicy",
        &["Always", "IfNotPresent", "Never"],
        field,
        causes,
    );
    one_of(
        container,
        "terminationMessagePolicy",
        &["File", "FallbackToLogsOnError"],
        field,
        causes,
    );
    ports(container, field, causes);
    environment(container, field, causes);
    self::volumes::mounts(container, field, volumes, causes);
    resources(container, field, causes);
    let sidecar = text(container, &["restartPolicy"]) == "Always";
    if init && at(container, &["restartPolicy"]).is_some() && !sidecar {
        one_of(container, "restartPolicy", &["Always"], field, causes);
    }
    if !init && at(container, &["restartPolicy"]).is_some() {
        let why = "only an init container has a restart policy of its own";
        causes.push(violation::forbidden(format!("{field}.restartPolicy"), why));
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(value) = at(container, &[probe]) {
            if init && !sidecar {
                let why = "only init containers that keep running (restartPolicy Always) are probed";
                causes.push(violation::forbidden(format!("{field}.{probe}"), why));
            }
            self::probe(
                value,
                &format!("{field}.{probe}"),
                probe != "readinessProbe",
                causes,
            );
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(value) = at(container, &["lifecycle", hook]) {
            handler(
                value,
                &["exec", "httpGet", "tcpSocket", "sleep"],
                &format!("{field}.lifecycle.{hook}"),
                causes,
            );
        }
    }
}

fn ports(container: &Value, field: &str, causes: &mut Vec<Cause>) {
    let mut names = HashSet::new();
    for (i, port) in list(container, &["ports"]).iter().enumerate() {
        let field = |name: &str| format!("{field}.ports[{i}].{name}");
        port_number(port.get("containerPort"), &field("containerPort"), causes);
        if at(port, &["hostPort"]).is_some_and(|p| p != 0) {
            port_number(port.get("hostPort"), &field("hostPort"), causes);
        }
        let name = text(port, &["name"]);
        let good = name.len() <= 15
            && is_dns_label(name)
            && name.contains(|c: char| c.is_ascii_lowercase())
            && !name.contains("--");
        if !name.is_empty() && !good {
            let why =
                "must be at most 15 lower case alphanumeric characters or '-', with at least one letter";
            causes.push(violation::invalid(field("name"), &name.into(), why));
        } else if !name.is_empty() && !names.insert(name) {
            causes.push(violation::duplicate(field("name"), &name.into()));
        }
        let protocol = text(port, &["protocol"]);
        if !["TCP", "UDP", "SCTP"].contains(&protocol) {
            causes.push(violation::not_supported(
                field("protocol"),
                &protocol.into(),
                ["SCTP", "TCP", "UDP"],
            ));
        }
    }
}

fn environment(container: &Value, field: &str, causes: &mut Vec<Cause>) {
    for (i, variable) in list(container, &["env"]).iter().enumerate() {
        let field = |name: &str| format!("{field}.env[{i}].{name}");
        let name = text(variable, &["name"]);
        if name.is_empty() {
            causes.push(violation::required(field("name"), ""));
        } else if name.chars().any(|c| !(' '..='~').contains(&c) || c == '=') {
            let why = "is made of printable ASCII characters without '='";
            causes.push(violation::invalid(field("name"), &name.into(), why));
        }
        let Some(from) = at(variable, &["valueFrom"]) else {
            continue;
        };
        if !text(variable, &["value"]).is_empty() {
            causes.push(violation::invalid(
                field("valueFrom"),
                from,
                "stands in the place of value, not beside it",
            ));
        }
        let sources = [
            "fieldRef",
            "resourceFieldRef",
            "configMapKeyRef",
            "secretKeyRef",
            "fileKeyRef",
        ];
        match sources.iter().filter(|s| at(from, &[s]).is_some()).count() {
            1 => {}
            0 => causes.push(violation::invalid(
                field("valueFrom"),
                from,
                "names where the value comes from",
            )),
            _ => causes.push(violation::invalid(
                field("valueFrom"),
                from,
                "takes its value from one source only",
            )),
        }
        for source in ["configMapKeyRef", "secretKeyRef"] {
            if at(from, &[source]).is_some() && text(from, &[source, "key"]).is_empty() {
                causes.push(violation::required(field(&format!("valueFrom.{source}.key")), ""));
            }
        }
    }
    for (i, from) in list(container, &["envFrom"]).iter().enumerate() {
        let count = ["configMapRef", "secretRef"]
            .iter()
            .filter(|s| at(from, &[s]).is_some())
            .count();
        if count != 1 {
            let why = "names either a configMapRef or a secretRef";
            causes.push(violation::invalid(format!("{field}.envFrom[{i}]"), from, why));
        }
    }
}

fn resources(container: &Value, field: &str, causes: &mut Vec<Cause>) {
    let amount = |value: &Value| value.as_str().and_then(quantity::parse);
    for kind in ["limits", "requests"] {
        for (name, value) in at(container, &["resources", kind])
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let field = format!("{field}.resources.{kind}[{name}]");
            if !is_resource_name(name) {
                causes.push(violation::invalid(
                    field.clone(),
                    &name.as_str().into(),
                    "must be a resource name such as cpu",
                ));
            }
            match amount(value) {
                None => causes.push(violation::invalid(
                    field,
                    value,
                    "must be a quantity such as 500m or 1Gi",
                )),
                Some(amount) if amount < 0.0 => {
                    causes.push(violation::invalid(
                        field,
                        value,
                        "must be greater than or equal to 0",
                    ));
                }
                Some(request) if kind == "requests" => {
                    let limit = at(container, &["resources", "limits", name]);
                    if let Some(limit) = limit.filter(|l| amount(l).is_some_and(|l| request > l)) {
                        let limit = limit.as_str().unwrap_or_default();
                        let why = format!("must not exceed the {name} limit of {limit}");
                        causes.push(violation::invalid(field, value, why));
                    }
                }
                Some(_) => {}
            }
        }
    }
}

fn probe(probe: &Value, field: &str, single_success: bool, causes: &mut Vec<Cause>) {
    handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], field, causes);
    for name in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        if let Some(value) = at(probe, &[name]).filter(|v| v.as_i64().is_some_and(|n| n < 0)) {
            causes.push(violation::invalid(
                format!("{field}.{name}"),
                value,
                "must be greater than or equal to 0",
            ));
        }
    }
    if let Some(value) = at(probe, &["successThreshold"]).filter(|v| single_success && **v != 1) {
        causes.push(violation::invalid(
            format!("{field}.successThreshold"),
            value,
            "must be 1",
        ));
    }
}

fn handler(handler: &Value, kinds: &[&str], field: &str, causes: &mut Vec<Cause>) {
    let set: Vec<&&str> = kinds.iter().filter(|k| at(handler, &[k]).is_some()).collect();
    match set.as_slice() {
        [] => causes.push(violation::required(
            field,
            "says what to do: exec, httpGet, tcpSocket…",
        )),
        [_] => {}
        [_, more @ ..] => {
            for kind in more {
                causes.push(violation::forbidden(
                    format!("{field}.{kind}"),
                    "does one thing only",
                ));
            }
        }
    }
    if at(handler, &["exec"]).is_some() && list(handler, &["exec", "command"]).is_empty() {
        causes.push(violation::required(format!("{field}.exec.command"), ""));
    }
    for kind in ["httpGet", "tcpSocket", "grpc"] {
        let Some(action) = at(handler, &[kind]) else {
            continue;
        };
        if !matches!(action.get("port"), Some(Value::String(name)) if !name.is_empty()) {
            port_number(action.get("port"), &format!("{field}.{kind}.port"), causes);
        }
    }
}

/// A text that is set must be one of a few.
fn one_of(value: &Value, name: &str, allowed: &[&str], field: &str, causes: &mut Vec<Cause>) {
    let given = text(value, &[name]);
    if !given.is_empty() && !allowed.contains(&given) {
        causes.push(violation::not_supported(
            format!("{field}.{name}"),
            &given.into(),
            allowed.iter().copied(),
        ));
    }
}
