//! Columns of deployments, services, nodes and storage.

use serde_json::Value;

use super::{age, at, column, list, name, number, or_none, selector, string, text, wide};
use crate::kind::Column;

pub(crate) fn deployment() -> Vec<Column> {
    vec![
        name(),
        text("Ready", |v, _| {
            format!(
                "{}/{}",
                number(v, "/status/readyReplicas"),
                number(v, "/spec/replicas")
            )
            .into()
        }),
        column("Up-to-date", "integer", 0, |v, _| {
            number(v, "/status/updatedReplicas").into()
        }),
        column("Available", "integer", 0, |v, _| {
            number(v, "/status/availableReplicas").into()
        }),
        age(),
        wide("Containers", |v, _| containers(v, "/name")),
        wide("Images", |v, _| containers(v, "/image")),
        wide("Selector", |v, _| selector(v.pointer("/spec/selector"))),
    ]
}

pub(crate) fn replica_set() -> Vec<Column> {
    vec![
        name(),
        column("Desired", "integer", 0, |v, _| number(v, "/spec/replicas").into()),
        column("Current", "integer", 0, |v, _| {
            number(v, "/status/replicas").into()
        }),
        column("Ready", "integer", 0, |v, _| {
            number(v, "/status/readyReplicas").into()
        }),
        age(),
        wide("Containers", |v, _| containers(v, "/name")),
        wide("Images", |v, _| containers(v, "/image")),
        wide("Selector", |v, _| selector(v.pointer("/spec/selector"))),
    ]
}

fn containers(workload: &Value, member: &str) -> Value {
    let names: Vec<&str> = list(workload.pointer("/spec/template/spec/containers"))
        .map(|c| string(c, member))
        .collect();
    names.join(",").into()
}

pub(crate) fn service() -> Vec<Column> {
    vec![
        name(),
        text("Type", |v, _| at(v, "/spec/type")),
        text("Cluster-IP", |v, _| {
            or_none(string(v, "/spec/clusterIP").to_owned())
        }),
        text("External-IP", |v, _| external(v)),
        text("Port(s)", |v, _| ports(v)),
        age(),
        wide("Selector", |v, _| {
            let labels = v
                .pointer("/spec/selector")
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            let labels: Vec<String> = labels
                .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
                .collect();
            or_none(labels.join(","))
        }),
    ]
}

fn external(service: &Value) -> Value {
    let mut addresses: Vec<&str> = list(service.pointer("/spec/externalIPs"))
        .filter_map(Value::as_str)
        .collect();
    for ingress in list(service.pointer("/status/loadBalancer/ingress")) {
        addresses.extend(
            [string(ingress, "/ip"), string(ingress, "/hostname")]
                .into_iter()
                .find(|a| !a.is_empty()),
        );
    }
    match string(service, "/spec/type") {
        "ExternalName" => at(service, "/spec/externalName"),
        "LoadBalancer" if addresses.is_empty() => "<pending>".into(),
        _ => or_none(addresses.join(",")),
    }
}

fn ports(service: &Value) -> Value {
    let ports: Vec<String> = list(service.pointer("/spec/ports"))
        .map(|port| {
            let node = match number(port, "/nodePort") {
                0 => String::new(),
                node => format!(":{node}"),
            };
            format!("{}{node}/{}", number(port, "/port"), string(port, "/protocol"))
        })
        .collect();
    or_none(ports.join(","))
}

pub(crate) fn endpoints() -> Vec<Column> {
    vec![name(), text("Endpoints", |v, _| addresses(v)), age()]
}

fn addresses(endpoints: &Value) -> Value {
    let mut all = Vec::new();
    for subset in list(endpoints.get("subsets")) {
        for address in list(subset.get("addresses")) {
            for port in list(subset.get("ports")) {
                all.push(format!("{}:{}", string(address, "/ip"), number(port, "/port")));
            }
        }
    }
    let more = all.len().saturating_sub(3);
    all.truncate(3);
    let text = all.join(",");
    or_none(if more > 0 {
        format!("{text} + {more} more...")
    } else {
        text
    })
}

pub(crate) fn claim() -> Vec<Column> {
    vec![
        name(),
        text("Status", |v, _| match v.pointer("/metadata/deletionTimestamp") {
            Some(_) => "Terminating".into(),
            None => at(v, "/status/phase"),
        }),
        text("Volume", |v, _| at(v, "/spec/volumeName")),
        text("Capacity", |v, _| at(v, "/status/capacity/storage")),
        text("Access Modes", |v, _| modes(v.pointer("/status/accessModes"))),
        text("StorageClass", |v, _| at(v, "/spec/storageClassName")),
        text("VolumeAttributesClass", |v, _| {
            match string(v, "/spec/volumeAttributesClassName") {
                "" => "<unset>".into(),
                class => class.into(),
            }
        }),
        age(),
        wide("VolumeMode", |v, _| at(v, "/spec/volumeMode")),
    ]
}

pub(crate) fn volume() -> Vec<Column> {
    vec![
        name(),
        text("Capacity", |v, _| at(v, "/spec/capacity/storage")),
        text("Access Modes", |v, _| modes(v.pointer("/spec/accessModes"))),
        text("Reclaim Policy", |v, _| {
            at(v, "/spec/persistentVolumeReclaimPolicy")
        }),
        text("Status", |v, _| at(v, "/status/phase")),
        text("Claim", |v, _| match string(v, "/spec/claimRef/name") {
            "" => "".into(),
            claim => format!("{}/{claim}", string(v, "/spec/claimRef/namespace")).into(),
        }),
        text("StorageClass", |v, _| at(v, "/spec/storageClassName")),
        text("Reason", |v, _| at(v, "/status/reason")),
        age(),
        wide("VolumeMode", |v, _| at(v, "/spec/volumeMode")),
    ]
}

fn modes(modes: Option<&Value>) -> Value {
    let short = list(modes).filter_map(Value::as_str).map(|mode| match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        other => other,
    });
    short.collect::<Vec<_>>().join(",").into()
}

pub(crate) fn node() -> Vec<Column> {
    vec![
        name(),
        text("Status", |v, _| node_status(v).into()),
        text("Roles", |v, _| roles(v)),
        age(),
        text("Version", |v, _| at(v, "/status/nodeInfo/kubeletVersion")),
        wide("Internal-IP", |v, _| address(v, "InternalIP")),
        wide("External-IP", |v, _| address(v, "ExternalIP")),
        wide("OS-Image", |v, _| known(v, "/status/nodeInfo/osImage")),
        wide("Kernel-Version", |v, _| {
            known(v, "/status/nodeInfo/kernelVersion")
        }),
        wide("Container-Runtime", |v, _| {
            known(v, "/status/nodeInfo/containerRuntimeVersion")
        }),
    ]
}

fn node_status(node: &Value) -> String {
    let ready = list(node.pointer("/status/conditions")).find(|c| string(c, "/type") == "Ready");
    let mut text = match ready.map(|c| string(c, "/status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node.pointer("/spec/unschedulable") == Some(&Value::Bool(true)) {
        text.push_str(",SchedulingDisabled");
    }
    text
}

fn roles(node: &Value) -> Value {
    let labels = node
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let roles: Vec<&str> = labels
        .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
        .filter(|r| !r.is_empty())
        .collect();
    or_none(roles.join(","))
}

fn address(node: &Value, kind: &str) -> Value {
    let found = list(node.pointer("/status/addresses")).find(|a| string(a, "/type") == kind);
    or_none(
        found
            .map(|a| string(a, "/address").to_owned())
            .unwrap_or_default(),
    )
}

fn known(node: &Value, pointer: &str) -> Value {
    match string(node, pointer) {
        "" => "<unknown>".into(),
        text => text.into(),
    }
}
