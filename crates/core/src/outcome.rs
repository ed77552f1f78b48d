//! What a Pod's state means for its Task.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use koc_api::names::reasons;
use koc_api::result::{Outcome, RunResult};
use koc_api::{InputFailure, InputFailureKind};

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
    /// What kind of input could not be provided, where that is why the agent never began.
    pub input: Option<InputFailureKind>,
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
                input: None,
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
        .filter_map(|(role, status)| Some((role, status, terminated(status)?)))
        .find(|(_, _, end)| end.exit_code != 0);
    let status = pod.status.as_ref();
    let pod_reason = status.and_then(|s| s.reason.clone()).filter(|r| !r.is_empty());
    let pod_message = status.and_then(|s| s.message.clone()).filter(|m| !m.is_empty());
    let Some((role, container, end)) = culprit else {
        return Failure {
            reason: pod_reason.clone().unwrap_or_else(|| "PodFailed".to_owned()),
            message: pod_message.unwrap_or_else(|| {
                "the Pod failed and no container left an exit code; see its events".to_owned()
            }),
            exit_code: None,
            result,
            input: None,
        };
    };
    if let (true, Some(result)) = (container.name == agent_container, &result) {
        return Failure {
            reason: result.reason.clone(),
            message: result.message.clone(),
            exit_code: Some(end.exit_code),
            result: Some(result.clone()),
            input: None,
        };
    }
    if let (Role::Init, Some(failure)) = (role, input_failure(end)) {
        return Failure {
            reason: reasons::CONTEXT_ERROR.to_owned(),
            message: failure.message,
            exit_code: Some(end.exit_code),
            result,
            input: Some(failure.kind),
        };
    }
    let reason = pod_reason
        .or_else(|| end.reason.clone().filter(|r| !r.is_empty()))
        .unwrap_or_else(|| "Error".to_owned());
    let mut message = format!(
        "{role} container {:?} ended with exit code {} ({reason})",
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
        input: None,
    }
}

/// What a program that prepares the Pod said when it gave up. Its sentence is for people and free of secrets.
fn input_failure(end: &ContainerStateTerminated) -> Option<InputFailure> {
    let failure: InputFailure = serde_json::from_str(end.message.as_deref()?.trim()).ok()?;
    (!failure.message.trim().is_empty()).then_some(failure)
}

fn stuck(pod: &Pod) -> Option<Stuck> {
    for (role, container) in container_statuses(pod) {
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
                "{role} container {:?} waits: {}",
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

/// What a container is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Init,
    Main,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Init => "init",
            Self::Main => "main",
        })
    }
}

/// Init containers first: where one fails, the others never ran.
fn container_statuses(pod: &Pod) -> impl Iterator<Item = (Role, &ContainerStatus)> {
    let status = pod.status.as_ref();
    let init = status
        .and_then(|s| s.init_container_statuses.as_deref())
        .unwrap_or_default();
    let main = status
        .and_then(|s| s.container_statuses.as_deref())
        .unwrap_or_default();
    init.iter()
        .map(|s| (Role::Init, s))
        .chain(main.iter().map(|s| (Role::Main, s)))
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
