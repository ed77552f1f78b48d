//! Defaults of builtin kinds: what the server fills in before validation, on create and on update.

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::fill::{Fields, each, object, object_made, set, text};
pub(super) use super::pod_defaults::pod;
use super::pod_defaults::template;
use crate::schema::drop_nulls;

/// Kinds without defaults: only nulls go, since a typed object cannot hold them.
pub(super) fn plain(value: &mut Value) {
    drop_nulls(value);
}

/// Runs a filler on the object's fields after dropping nulls.
fn fill(value: &mut Value, with: impl FnOnce(&mut Fields)) {
    drop_nulls(value);
    if let Some(fields) = value.as_object_mut() {
        with(fields);
    }
}

/// The label by which selectors find a namespace, the finalizer that guards it, the phase.
pub(super) fn namespace(value: &mut Value) {
    fill(value, |ns| {
        let name = object(ns, "metadata")
            .map(|m| text(m, "name").to_owned())
            .unwrap_or_default();
        if !name.is_empty()
            && let Some(labels) = object(ns, "metadata").and_then(|m| object_made(m, "labels"))
        {
            labels.insert("kubernetes.io/metadata.name".into(), name.into());
        }
        let deleting = object(ns, "metadata").is_some_and(|m| m.contains_key("deletionTimestamp"));
        if !deleting && let Some(spec) = object_made(ns, "spec") {
            set(spec, "finalizers", json!(["kubernetes"]));
        }
        if let Some(status) = object_made(ns, "status") {
            set(status, "phase", "Active");
        }
    });
}

/// `stringData` becomes `data`; the type becomes `Opaque`.
pub(super) fn secret(value: &mut Value) {
    fill(value, |secret| {
        // Anything but text stays where it is, for the schema check to refuse.
        let all_text = |plain: &Value| {
            plain
                .as_object()
                .is_some_and(|p| p.values().all(Value::is_string))
        };
        if secret.get("stringData").is_some_and(all_text)
            && let Some(Value::Object(plain)) = secret.remove("stringData")
            && let Some(data) = object_made(secret, "data")
        {
            for (key, value) in plain {
                let text = value.as_str().unwrap_or_default();
                data.insert(key, base64::engine::general_purpose::STANDARD.encode(text).into());
            }
        }
        set(secret, "type", "Opaque");
    });
}

/// Ports, affinity and traffic policy.
pub(super) fn service(value: &mut Value) {
    fill(value, |service| {
        let place = object(service, "metadata")
            .map(|m| format!("{}/{}", text(m, "namespace"), text(m, "name")))
            .unwrap_or_default();
        if let Some(spec) = object(service, "spec") {
            service_spec(spec, &place);
        }
        if let Some(status) = object_made(service, "status") {
            set(status, "loadBalancer", json!({}));
        }
    });
}

fn service_spec(spec: &mut Fields, place: &str) {
    set(spec, "type", "ClusterIP");
    set(spec, "sessionAffinity", "None");
    if text(spec, "sessionAffinity") == "ClientIP" {
        set(
            spec,
            "sessionAffinityConfig",
            json!({"clientIP": {"timeoutSeconds": 10800}}),
        );
    }
    let kind = text(spec, "type").to_owned();
    let outside = kind == "NodePort" || kind == "LoadBalancer";
    for port in each(spec, "ports") {
        set(port, "protocol", "TCP");
        if let Some(number) = port.get("port").cloned() {
            if outside {
                set(port, "nodePort", node_port(&format!("{place}/{number}")));
            }
            set(port, "targetPort", number);
        }
    }
    if kind == "ExternalName" {
        return;
    }
    set(spec, "internalTrafficPolicy", "Cluster");
    if outside {
        set(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", true);
    }
    set(spec, "ipFamilies", json!(["IPv4"]));
    set(spec, "ipFamilyPolicy", "SingleStack");
    // The address itself comes from the server's allocator, which knows the other Services.
    let ip = text(spec, "clusterIP").to_owned();
    if !ip.is_empty() {
        set(spec, "clusterIPs", json!([ip]));
    }
}

/// What an update of a Service leaves out although the server gave it out once: address and node ports.
pub(crate) fn keep_allocated(value: &mut Value, old: &Value) {
    let same_type = value.pointer("/spec/type") == old.pointer("/spec/type");
    let old_spec = old.get("spec").cloned().unwrap_or_default();
    let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    if text(spec, "type") != "ExternalName" && text(spec, "clusterIP").is_empty() {
        for field in ["clusterIP", "clusterIPs"] {
            if let Some(value) = old_spec.get(field) {
                spec.insert(field.to_owned(), value.clone());
            }
        }
    }
    let old_ports = old_spec
        .get("ports")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for port in each(spec, "ports").filter(|_| same_type) {
        let id = |p: &Fields| (p.get("port").cloned(), p.get("protocol").cloned());
        let before = old_ports
            .iter()
            .filter_map(Value::as_object)
            .find(|p| id(p) == id(port));
        if let Some(node_port) = before.and_then(|p| p.get("nodePort")) {
            set(port, "nodePort", node_port.clone());
        }
    }
}

/// A port of the node that depends on namespace, name and port alone, so that a second apply gives the same one.
fn node_port(place: &str) -> u32 {
    30_000 + hash(place) % 2_768
}

fn hash(text: &str) -> u32 {
    let digest = Sha256::digest(text.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// Port protocols of endpoint subsets.
pub(super) fn endpoints(value: &mut Value) {
    fill(value, |endpoints| {
        for subset in each(endpoints, "subsets") {
            for port in each(subset, "ports") {
                set(port, "protocol", "TCP");
            }
        }
    });
}

/// Volume mode and phase of a claim.
pub(super) fn claim(value: &mut Value) {
    fill(value, |claim| {
        if let Some(spec) = object(claim, "spec") {
            set(spec, "volumeMode", "Filesystem");
        }
        if let Some(status) = object_made(claim, "status") {
            set(status, "phase", "Pending");
        }
    });
}

/// Reclaim policy, mode and phase of a volume.
pub(super) fn volume(value: &mut Value) {
    fill(value, |volume| {
        if let Some(spec) = object(volume, "spec") {
            set(spec, "persistentVolumeReclaimPolicy", "Retain");
            set(spec, "volumeMode", "Filesystem");
        }
        if let Some(status) = object_made(volume, "status") {
            set(status, "phase", "Pending");
        }
    });
}

/// Events of both groups: only nulls go, a recorder fills the rest.
pub(super) fn event(value: &mut Value) {
    drop_nulls(value);
}

/// Rollout numbers, then the pod template.
pub(super) fn deployment(value: &mut Value) {
    fill(value, |deployment| {
        if let Some(spec) = object(deployment, "spec") {
            set(spec, "replicas", 1);
            set(spec, "revisionHistoryLimit", 10);
            set(spec, "progressDeadlineSeconds", 600);
            if let Some(strategy) = object_made(spec, "strategy") {
                set(strategy, "type", "RollingUpdate");
                if text(strategy, "type") == "RollingUpdate"
                    && let Some(rolling) = object_made(strategy, "rollingUpdate")
                {
                    set(rolling, "maxUnavailable", "25%");
                    set(rolling, "maxSurge", "25%");
                }
            }
            template(spec);
        }
    });
}

/// One replica, then the pod template.
pub(super) fn replica_set(value: &mut Value) {
    fill(value, |set_of_pods| {
        if let Some(spec) = object(set_of_pods, "spec") {
            set(spec, "replicas", 1);
            template(spec);
        }
        if let Some(status) = object_made(set_of_pods, "status") {
            set(status, "replicas", 0);
        }
    });
}

/// Port protocols and the directions a policy speaks of.
pub(super) fn network_policy(value: &mut Value) {
    fill(value, |policy| {
        let Some(spec) = object(policy, "spec") else {
            return;
        };
        for direction in ["ingress", "egress"] {
            for rule in each(spec, direction) {
                for port in each(rule, "ports") {
                    set(port, "protocol", "TCP");
                }
            }
        }
        let egress = spec
            .get("egress")
            .and_then(Value::as_array)
            .is_some_and(|e| !e.is_empty());
        set(
            spec,
            "policyTypes",
            if egress {
                json!(["Ingress", "Egress"])
            } else {
                json!(["Ingress"])
            },
        );
    });
}

/// API groups of the role and of the subjects.
pub(super) fn role_binding(value: &mut Value) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    fill(value, |binding| {
        if let Some(role) = object(binding, "roleRef") {
            set(role, "apiGroup", GROUP);
        }
        let own = object(binding, "metadata")
            .map(|m| text(m, "namespace").to_owned())
            .unwrap_or_default();
        for subject in each(binding, "subjects") {
            match text(subject, "kind") {
                "User" | "Group" => set(subject, "apiGroup", GROUP),
                "ServiceAccount" if !own.is_empty() => set(subject, "namespace", own.as_str()),
                _ => {}
            }
        }
    });
}
