//! Defaults of pods and pod templates.

use serde_json::{Value, json};

use super::fill::{Fields, each, object, object_made, set, text};
use super::quantity;
use crate::schema::drop_nulls;

/// Seconds a pod tolerates its node being gone, as the default admission adds them.
const GONE_SECONDS: i64 = 300;

/// A pod: the template's defaults, what admission adds, and the first status.
pub(super) fn pod(value: &mut Value) {
    drop_nulls(value);
    let Some(pod) = value.as_object_mut() else { return };
    if let Some(spec) = object(pod, "spec") {
        if text(spec, "serviceAccountName").is_empty() && text(spec, "serviceAccount").is_empty() {
            spec.insert("serviceAccountName".into(), "default".into());
        }
        pod_spec(spec);
        set(spec, "enableServiceLinks", true);
        set(spec, "preemptionPolicy", "PreemptLowerPriority");
        set(spec, "priority", 0);
        for list in ["containers", "initContainers"] {
            for container in each(spec, list) {
                requests_from_limits(container);
            }
        }
        tolerate_lost_node(spec);
    }
    let qos = pod.get("spec").map_or("BestEffort", qos_class);
    if let Some(status) = object_made(pod, "status") {
        set(status, "phase", "Pending");
        set(status, "qosClass", qos);
    }
}

/// The pod template under `spec.template` of a workload.
pub(super) fn template(spec: &mut Fields) {
    if let Some(pod) = object(spec, "template").and_then(|t| object(t, "spec")) {
        pod_spec(pod);
    }
}

fn pod_spec(spec: &mut Fields) {
    set(spec, "restartPolicy", "Always");
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "terminationGracePeriodSeconds", 30);
    set(spec, "schedulerName", "default-scheduler");
    set(spec, "securityContext", json!({}));
    mirror(spec, "serviceAccountName", "serviceAccount");
    let host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for item in each(spec, list) {
            container(item, host_network);
        }
    }
    for item in each(spec, "volumes") {
        volume(item);
    }
}

/// The old and the new name of the service account field always agree; the new one wins.
fn mirror(spec: &mut Fields, name: &str, old_name: &str) {
    let value = [text(spec, name), text(spec, old_name)]
        .into_iter()
        .find(|t| !t.is_empty())
        .map(str::to_owned);
    if let Some(value) = value {
        spec.insert(name.to_owned(), value.clone().into());
        spec.insert(old_name.to_owned(), value.into());
    }
}

fn container(container: &mut Fields, host_network: bool) {
    set(container, "terminationMessagePath", "/dev/termination-log");
    set(container, "terminationMessagePolicy", "File");
    set(container, "resources", json!({}));
    let image = text(container, "image").to_owned();
    if !image.is_empty() {
        set(container, "imagePullPolicy", pull_policy(&image));
    }
    for port in each(container, "ports") {
        set(port, "protocol", "TCP");
        if host_network && let Some(number) = port.get("containerPort").cloned() {
            set(port, "hostPort", number);
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = object(container, probe) {
            set(probe, "timeoutSeconds", 1);
            set(probe, "periodSeconds", 10);
            set(probe, "successThreshold", 1);
            set(probe, "failureThreshold", 3);
            http_get(probe);
            if let Some(grpc) = object(probe, "grpc") {
                set(grpc, "service", "");
            }
        }
    }
    if let Some(lifecycle) = object(container, "lifecycle") {
        for hook in ["postStart", "preStop"] {
            if let Some(hook) = object(lifecycle, hook) {
                http_get(hook);
            }
        }
    }
    for variable in each(container, "env") {
        if let Some(field) = object(variable, "valueFrom").and_then(|v| object(v, "fieldRef")) {
            set(field, "apiVersion", "v1");
        }
    }
    if let Some(resources) = object(container, "resources") {
        for list in ["limits", "requests"] {
            if let Some(quantities) = object(resources, list) {
                quantities.values_mut().for_each(quantity::make_text);
            }
        }
    }
}

fn http_get(handler: &mut Fields) {
    if let Some(get) = object(handler, "httpGet") {
        if text(get, "path").is_empty() {
            get.insert("path".into(), "/".into());
        }
        set(get, "scheme", "HTTP");
    }
}

/// Only an image that names something else than `latest` is expected to stay the same.
fn pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    match name.split_once(':') {
        None | Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
    }
}

fn requests_from_limits(container: &mut Fields) {
    let Some(resources) = object(container, "resources") else {
        return;
    };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else {
        return;
    };
    if let Some(requests) = object_made(resources, "requests") {
        for (name, limit) in limits {
            set(requests, &name, limit);
        }
    }
}

fn volume(volume: &mut Fields) {
    /// Read and write for the owner, read for everybody: 0644.
    const MODE: i64 = 0o644;
    if volume.len() <= 1 {
        volume.insert("emptyDir".into(), json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = object(volume, source) {
            set(source, "defaultMode", MODE);
        }
    }
    if let Some(path) = object(volume, "hostPath") {
        set(path, "type", "");
    }
    if let Some(downward) = object(volume, "downwardAPI") {
        field_refs(downward);
    }
    if let Some(projected) = object(volume, "projected") {
        for source in each(projected, "sources") {
            if let Some(downward) = object(source, "downwardAPI") {
                field_refs(downward);
            }
            if let Some(token) = object(source, "serviceAccountToken") {
                set(token, "expirationSeconds", 3600);
            }
        }
    }
    let claim = object(volume, "ephemeral").and_then(|e| object(e, "volumeClaimTemplate"));
    if let Some(spec) = claim.and_then(|c| object(c, "spec")) {
        set(spec, "volumeMode", "Filesystem");
    }
}

fn field_refs(downward: &mut Fields) {
    for item in each(downward, "items") {
        if let Some(field) = object(item, "fieldRef") {
            set(field, "apiVersion", "v1");
        }
    }
}

/// What the default admission adds: five minutes of patience with a node that is not ready or unreachable.
fn tolerate_lost_node(spec: &mut Fields) {
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let Some(Value::Array(tolerations)) = spec
            .get("tolerations")
            .cloned()
            .or_else(|| Some(Value::Array(Vec::new())))
        else {
            return;
        };
        let tolerated = tolerations.iter().any(|t| {
            let field = |name: &str| t.get(name).and_then(Value::as_str).unwrap_or_default();
            (field("key") == key || (field("key").is_empty() && field("operator") == "Exists"))
                && ["", "NoExecute"].contains(&field("effect"))
        });
        if !tolerated {
            let mut tolerations = tolerations;
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": GONE_SECONDS,
            }));
            spec.insert("tolerations".into(), tolerations.into());
        }
    }
}

/// `Guaranteed` if every container limits CPU and memory to what it requests, `BestEffort` if none asks for
/// anything, else `Burstable`.
pub(super) fn qos_class(spec: &Value) -> &'static str {
    let containers = ["containers", "initContainers"]
        .into_iter()
        .filter_map(|list| spec.get(list)?.as_array())
        .flatten()
        .collect::<Vec<_>>();
    let amount = |c: &Value, list: &str, name: &str| -> Option<f64> {
        let value = c.get("resources")?.get(list)?.get(name)?;
        quantity::parse(value.as_str()?).filter(|q| *q > 0.0)
    };
    let mut any = false;
    let mut all = !containers.is_empty();
    for container in containers {
        for name in ["cpu", "memory"] {
            let (limit, request) = (
                amount(container, "limits", name),
                amount(container, "requests", name),
            );
            any |= limit.is_some() || request.is_some();
            all &= limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (all, any) {
        (true, _) => "Guaranteed",
        (false, true) => "Burstable",
        (false, false) => "BestEffort",
    }
}
