//! What a Pod's state means for its Task.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use koc_api::result::{Outcome, RunResult};

/// What can be said of a Pod that belongs to a Task.
#[derive(Debug, Clone, PartialEq)]
pub enum PodVerdict {
    /// It works, or may still come to work.
    Going,
    /// It can't start for now; the machine or cluster says why.
    Stuck(Stuck),
    /// The agent did what was asked.
    Succeeded(Option<RunResult>),
    /// It ended otherwise.
    Failed(Failure),
}

/// A Pod that doesn't get going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The waiting reason as the kubelet words it, such as `ErrImagePull`.
    pub reason: String,
    /// Which container, and the kubelet's sentence.
    pub message: String,
}

/// How a Pod failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// One CamelCase word: the run's own reason, else the kubelet's (`OOMKilled`, `Error`, `Evicted`, …).
    pub reason: String,
    /// Container, exit code and message in one sentence.
    pub message: String,
    /// Exit code of the container that decided, where one ran.
    pub exit_code: Option<i32>,
    /// What the run said of itself, where it could.
    pub result: Option<RunResult>,
}

/// Judges a Pod from its status.
///
/// The exit code alone is never trusted for success: where the agent container left a result, the result must
/// say so too. A user's own `command` leaves none, and then its exit code is all there is.
pub fn judge(pod: &Pod, agent_container: &str) -> PodVerdict {
    let Some(status) = &pod.status else {
        return PodVerdict::Going;
    };
    match status.phase.as_deref() {
        Some("Succeeded") => match agent_result(pod, agent_container) {
            Some(result) if result.outcome == Outcome::Failed => PodVerdict::Failed(Failure {
                reason: result.reason.clone(),
                message: result.message.clone(),
                exit_code: result.exit_code.or(Some(0)),
                result: Some(result),
            }),
            result => PodVerdict::Succeeded(result),
        },
        Some("Failed") => PodVerdict::Failed(failure(pod, agent_container)),
        _ => stuck(pod).map_or(PodVerdict::Going, PodVerdict::Stuck),
    }
}

/// Reads the run's result from the agent container's termination message.
pub fn agent_result(pod: &Pod, agent_container: &str) -> Option<RunResult> {
    let status = container_statuses(pod)
        .find(|(_, c)| c.name == agent_container)?
        .1;
    serde_json::from_str(terminated(status)?.message.as_deref()?).ok()
}

fn failure(pod: &Pod, agent_container: &str) -> Failure {
    let result = agent_result(pod, agent_container);
    let culprit = container_statuses(pod)
        .filter_map(|(kind, status)| Some((kind, status, terminated(status)?)))
        .find(|(_, _, end)| end.exit_code != 0);
    let status = pod.status.as_ref();
    let pod_reason = status.and_then(|s| s.reason.clone()).filter(|r| !r.is_empty());
    let pod_message = status.and_then(|s| s.message.clone()).filter(|m| !m.is_empty());
    let Some((kind, container, end)) = culprit else {
        return Failure {
            reason: pod_reason.clone().unwrap_or_else(|| "PodFailed".to_owned()),
            message: pod_message.unwrap_or_else(|| {
                "the Pod failed and no container left an exit code; see its events".to_owned()
            }),
            exit_code: None,
            result,
        };
    };
    if let (true, Some(result)) = (container.name == agent_container, &result) {
        return Failure {
            reason: result.reason.clone(),
            message: result.message.clone(),
            exit_code: Some(end.exit_code),
            result: Some(result.clone()),
        };
    }
    let reason = pod_reason
        .or_else(|| end.reason.clone().filter(|r| !r.is_empty()))
        .unwrap_or_else(|| "Error".to_owned());
    let mut message = format!(
        "{kind} container {:?} ended with exit code {} ({reason})",
        container.name, end.exit_code
    );
    if let Some(said) = end.message.as_deref().map(str::trim).filter(|m| !m.is_empty()) {
        message.push_str(": ");
        message.push_str(&excerpt(said, 1000));
    } else if let Some(pod_message) = pod_message {
        message.push_str(": ");
        message.push_str(&pod_message);
    }
    Failure {
        reason,
        message,
        exit_code: Some(end.exit_code),
        result,
    }
}

fn stuck(pod: &Pod) -> Option<Stuck> {
    for (kind, container) in container_statuses(pod) {
        let Some(waiting) = container.state.as_ref().and_then(|s| s.waiting.as_ref()) else {
            continue;
        };
        let reason = waiting.reason.as_deref().unwrap_or_default();
        // These two are the ordinary way to a start, and say nothing.
        if reason.is_empty() || reason == "PodInitializing" || reason == "ContainerCreating" {
            continue;
        }
        let said = waiting.message.as_deref().unwrap_or("no further message");
        return Some(Stuck {
            reason: reason.to_owned(),
            message: format!(
                "{kind} container {:?} waits: {}",
                container.name,
                excerpt(said, 1000)
            ),
        });
    }
    let condition = pod
        .status
        .as_ref()?
        .conditions
        .iter()
        .flatten()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    Some(Stuck {
        reason: condition
            .reason
            .clone()
            .unwrap_or_else(|| "Unschedulable".to_owned()),
        message: condition
            .message
            .clone()
            .unwrap_or_else(|| "no node takes the Pod".to_owned()),
    })
}

/// Init containers first: where one fails, the others never ran.
fn container_statuses(pod: &Pod) -> impl Iterator<Item = (&'static str, &ContainerStatus)> {
    let status = pod.status.as_ref();
    let init = status
        .and_then(|s| s.init_container_statuses.as_deref())
        .unwrap_or_default();
    let main = status
        .and_then(|s| s.container_statuses.as_deref())
        .unwrap_or_default();
    init.iter()
        .map(|s| ("init", s))
        .chain(main.iter().map(|s| ("main", s)))
}

fn terminated(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.state.as_ref()?.terminated.as_ref()
}

fn excerpt(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let head: String = text.chars().take(limit).collect();
    format!("{head}…")
}
