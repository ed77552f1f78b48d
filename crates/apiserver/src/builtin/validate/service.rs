//! Rules of Services.

use std::collections::HashSet;

use serde_json::Value;

use super::{at, list, text};
use crate::builtin::names::{self, NameRule, is_dns_label};
use crate::error::Cause;
use crate::violation;

/// Services: ports, type, names.
pub(in crate::builtin) fn service(value: &Value, old: Option<&Value>) -> Vec<Cause> {
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
    let mut seen_names = HashSet::new();
    let mut seen_ports = HashSet::new();
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
        } else if !name.is_empty() && !seen_names.insert(name) {
            causes.push(violation::duplicate(field("name"), &name.into()));
        }
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
        let id = (protocol, port.get("port").and_then(Value::as_i64));
        if !seen_ports.insert(id) {
            causes.push(violation::duplicate(format!("spec.ports[{i}]"), port));
        }
    }
}

/// A port number is 1 to 65535.
pub(in crate::builtin) fn port_number(value: Option<&Value>, field: &str, causes: &mut Vec<Cause>) {
    match value.filter(|v| !v.is_null()) {
        None => causes.push(violation::required(field, "a port number from 1 to 65535")),
        Some(value) if value.as_i64().is_none_or(|n| !(1..=65535).contains(&n)) => {
            causes.push(violation::invalid(
                field,
                value,
                "must be a port number from 1 to 65535",
            ));
        }
        Some(_) => {}
    }
}
