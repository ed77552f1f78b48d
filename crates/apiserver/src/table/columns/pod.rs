//! Columns of pods: above all the one word that says how a pod is doing.

use jiff::Timestamp;
use serde_json::Value;

use super::{age, column, list, name, or_none, string, text, wide};
use crate::kind::Column;
use crate::table::age::since;

/// Columns of `kubectl get pods`.
pub(crate) fn pod() -> Vec<Column> {
    vec![
        name(),
        text("Ready", |v, _| ready(v).into()),
        text("Status", |v, _| status(v).into()),
        text("Restarts", |v, now| restarts(v, now).into()),
        age(),
        wide("IP", |v, _| or_none(string(v, "/status/podIP").to_owned())),
        wide("Node", |v, _| or_none(string(v, "/spec/nodeName").to_owned())),
        wide("Nominated Node", |v, _| {
            or_none(string(v, "/status/nominatedNodeName").to_owned())
        }),
        column("Readiness Gates", "string", 1, |v, _| gates(v)),
    ]
}

fn gates(pod: &Value) -> Value {
    let gates: Vec<&str> = list(pod.pointer("/spec/readinessGates"))
        .map(|g| string(g, "/conditionType"))
        .collect();
    if gates.is_empty() {
        return "<none>".into();
    }
    let met = gates.iter().filter(|gate| {
        list(pod.pointer("/status/conditions"))
            .any(|c| string(c, "/type") == **gate && string(c, "/status") == "True")
    });
    format!("{}/{}", met.count(), gates.len()).into()
}

/// Init containers that keep running beside the others count as containers.
fn is_sidecar(pod: &Value, name: &str) -> bool {
    list(pod.pointer("/spec/initContainers"))
        .any(|c| string(c, "/name") == name && string(c, "/restartPolicy") == "Always")
}

fn ready(pod: &Value) -> String {
    let sidecars =
        list(pod.pointer("/status/initContainerStatuses")).filter(|s| is_sidecar(pod, string(s, "/name")));
    let containers = list(pod.pointer("/status/containerStatuses"));
    let ready = containers
        .chain(sidecars)
        .filter(|s| s.get("ready") == Some(&Value::Bool(true)))
        .count();
    let total = list(pod.pointer("/spec/containers")).count()
        + list(pod.pointer("/spec/initContainers"))
            .filter(|c| string(c, "/restartPolicy") == "Always")
            .count();
    format!("{ready}/{total}")
}

fn restarts(pod: &Value, now: Timestamp) -> String {
    let count = |s: &Value| s.get("restartCount").and_then(Value::as_i64).unwrap_or(0);
    let initializing = init_status(pod).is_some();
    let lists: &[&str] = if initializing {
        &["/status/initContainerStatuses"]
    } else {
        &["/status/containerStatuses", "/status/initContainerStatuses"]
    };
    let statuses = lists
        .iter()
        .enumerate()
        .flat_map(|(i, path)| list(pod.pointer(path)).map(move |s| (i, s)))
        .filter(|(i, s)| initializing || *i == 0 || is_sidecar(pod, string(s, "/name")))
        .map(|(_, s)| s);
    let mut total = 0;
    let mut last: Option<&Value> = None;
    for status in statuses {
        total += count(status);
        let finished = status.pointer("/lastState/terminated/finishedAt");
        let later =
            |a: Option<&Value>, b: Option<&Value>| a.and_then(Value::as_str) > b.and_then(Value::as_str);
        if later(finished, last) {
            last = finished;
        }
    }
    match last {
        Some(_) if total > 0 => format!("{total} ({} ago)", since(last, now)),
        _ => total.to_string(),
    }
}

/// The word of the STATUS column.
fn status(pod: &Value) -> String {
    let mut reason = match string(pod, "/status/reason") {
        "" => string(pod, "/status/phase").to_owned(),
        reason => reason.to_owned(),
    };
    let gated = list(pod.pointer("/status/conditions"))
        .any(|c| string(c, "/type") == "PodScheduled" && string(c, "/reason") == "SchedulingGated");
    if gated {
        reason = "SchedulingGated".to_owned();
    }
    if let Some(init) = init_status(pod) {
        reason = init;
    } else if let Some(word) = container_status(pod, &reason) {
        reason = word;
    }
    if pod
        .pointer("/metadata/deletionTimestamp")
        .is_some_and(|t| !t.is_null())
    {
        if string(pod, "/status/reason") == "NodeLost" {
            return "Unknown".to_owned();
        }
        let phase = string(pod, "/status/phase");
        if phase != "Succeeded" && phase != "Failed" {
            return "Terminating".to_owned();
        }
    }
    reason
}

/// What the first unfinished init container is doing, if one is unfinished.
fn init_status(pod: &Value) -> Option<String> {
    let total = list(pod.pointer("/spec/initContainers")).count();
    for (i, container) in list(pod.pointer("/status/initContainerStatuses")).enumerate() {
        let terminated = container.pointer("/state/terminated");
        if terminated.is_some_and(|t| t.get("exitCode").and_then(Value::as_i64) == Some(0)) {
            continue;
        }
        if is_sidecar(pod, string(container, "/name")) && container.get("started") == Some(&Value::Bool(true))
        {
            continue;
        }
        if let Some(terminated) = terminated {
            return Some(format!("Init:{}", ended(terminated)));
        }
        let waiting = string(container, "/state/waiting/reason");
        if !waiting.is_empty() && waiting != "PodInitializing" {
            return Some(format!("Init:{waiting}"));
        }
        return Some(format!("Init:{i}/{total}"));
    }
    None
}

/// Why a container ended, in one word.
fn ended(terminated: &Value) -> String {
    match string(terminated, "/reason") {
        "" => match terminated.get("signal").and_then(Value::as_i64).unwrap_or(0) {
            0 => format!(
                "ExitCode:{}",
                terminated.get("exitCode").and_then(Value::as_i64).unwrap_or(0)
            ),
            signal => format!("Signal:{signal}"),
        },
        reason => reason.to_owned(),
    }
}

/// What the containers are doing; the first one's word wins.
fn container_status(pod: &Value, phase: &str) -> Option<String> {
    let mut word = None;
    let mut running = false;
    let statuses: Vec<&Value> = list(pod.pointer("/status/containerStatuses")).collect();
    for container in statuses.into_iter().rev() {
        let waiting = string(container, "/state/waiting/reason");
        if !waiting.is_empty() {
            word = Some(waiting.to_owned());
        } else if let Some(terminated) = container.pointer("/state/terminated") {
            word = Some(ended(terminated));
        } else if container.get("ready") == Some(&Value::Bool(true))
            && container.pointer("/state/running").is_some()
        {
            running = true;
        }
    }
    // One container that completed does not make a pod completed while another still runs.
    if running && word.as_deref().unwrap_or(phase) == "Completed" {
        let ready = list(pod.pointer("/status/conditions"))
            .any(|c| string(c, "/type") == "Ready" && string(c, "/status") == "True");
        word = Some(if ready { "Running" } else { "NotReady" }.to_owned());
    }
    word
}
