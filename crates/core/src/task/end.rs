//! All the ways a Task ends, each with event, condition and status.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use koc_api::names::events::{self, actions};
use koc_api::names::{conditions, reasons};
use koc_api::result::RunResult;
use koc_api::{InputFailureKind, SessionSummary, TaskPhase, TaskStatus, TokenUsage, format_duration};
use kube::ResourceExt as _;

use super::{condition, status_of};
use crate::outcome::{Failure, Stuck};
use crate::plan::{Announcement, Effect, Plan};
use crate::refusal::Refusal;
use crate::world::World;

/// Why a Task ends before its Pod does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    UserStopped,
    Timeout(SignedDuration),
}

/// Conditions of a Task whose agent never began.
const NOT_BEGUN: &[(&str, bool)] = &[(conditions::READY, false), (conditions::SUCCEEDED, false)];

/// The words of one ending.
struct Verdict<'a> {
    phase: TaskPhase,
    /// Condition types and their values, all with `reason` and `message`.
    conditions: &'a [(&'static str, bool)],
    reason: &'a str,
    message: String,
    event: &'static str,
    action: &'static str,
    warning: bool,
    /// What kind of input could not be had, for the event.
    input: Option<InputFailureKind>,
}

/// The agent did what was asked.
pub(super) fn completed(world: &World, now: Timestamp, result: Option<RunResult>) -> Plan {
    let message = result
        .as_ref()
        .map(|r| r.message.clone())
        .filter(|m| !m.is_empty())
        .unwrap_or_else(|| "the agent ended with exit code 0".to_owned());
    let mut status = status_of(&world.task);
    status.exit_code = Some(0);
    take_result(&mut status, result.as_ref());
    let verdict = Verdict {
        phase: TaskPhase::Completed,
        conditions: &[(conditions::SUCCEEDED, true)],
        reason: reasons::COMPLETED,
        message,
        event: events::COMPLETED,
        action: actions::COMPLETED,
        warning: false,
        input: None,
    };
    finish(world, now, status, &verdict)
}

/// The Pod failed, or said that the run did.
pub(super) fn failed(world: &World, now: Timestamp, failure: &Failure) -> Plan {
    let mut status = status_of(&world.task);
    status.exit_code = failure.exit_code;
    take_result(&mut status, failure.result.as_ref());
    let mut verdict = failure_verdict(&failure.reason, failure.message.clone());
    // An input that could not be had is told as one that could not be understood: nothing was begun.
    if failure.input.is_some() {
        verdict.conditions = NOT_BEGUN;
        verdict.input = failure.input;
    }
    finish(world, now, status, &verdict)
}

/// The Pod is gone and nobody asked for that.
pub(super) fn pod_lost(world: &World, now: Timestamp) -> Plan {
    let message =
        "the Pod disappeared before it ended: it was deleted, or its node was lost; create the Task anew";
    finish(
        world,
        now,
        status_of(&world.task),
        &failure_verdict(reasons::POD_LOST, message.to_owned()),
    )
}

/// The Pod never got going; it is removed, since nobody would look at it any more.
pub(super) fn never_started(world: &World, pod: &Pod, now: Timestamp, stuck: &Stuck) -> Plan {
    let message = format!("the Pod could not start: {}", stuck.message);
    let mut plan = finish(
        world,
        now,
        status_of(&world.task),
        &Verdict {
            // It may have looked as if the Pod got going in between.
            conditions: &[(conditions::READY, false), (conditions::SUCCEEDED, false)],
            ..failure_verdict(&stuck.reason, message)
        },
    );
    plan.effects.insert(
        0,
        Effect::DeletePod {
            name: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
        },
    );
    plan
}

/// Nothing was started, and nothing will be.
pub(super) fn refused(world: &World, now: Timestamp, refusal: &Refusal) -> Plan {
    let mut status = status_of(&world.task);
    status.template_ref = world.task.spec.template_ref.clone();
    let mut verdict = Verdict {
        conditions: NOT_BEGUN,
        ..failure_verdict(refusal.reason, refusal.message.clone())
    };
    if refusal.reason == reasons::POD_CREATION_ERROR {
        (verdict.event, verdict.action) = (events::POD_CREATION_FAILED, actions::CREATE_POD);
    }
    finish(world, now, status, &verdict)
}

/// Stopped by the user before a Pod existed.
pub(super) fn stopped_before_start(world: &World, now: Timestamp) -> Plan {
    let message = "stopped by the user while queued; nothing was started".to_owned();
    finish(
        world,
        now,
        status_of(&world.task),
        &early_verdict(Ending::UserStopped, message),
    )
}

/// Stopped or timed out, and the Pod is gone.
pub(super) fn ended_early(world: &World, now: Timestamp, ending: Ending, result: Option<&RunResult>) -> Plan {
    let message = match ending {
        Ending::UserStopped => "stopped by the user".to_owned(),
        Ending::Timeout(after) => {
            format!(
                "timed out after {}; raise spec.timeout if the work needs longer",
                format_duration(after)
            )
        }
    };
    let mut status = status_of(&world.task);
    take_result(&mut status, result);
    finish(world, now, status, &early_verdict(ending, message))
}

fn failure_verdict(reason: &str, message: String) -> Verdict<'_> {
    Verdict {
        phase: TaskPhase::Failed,
        conditions: &[(conditions::SUCCEEDED, false)],
        reason,
        message,
        event: events::FAILED,
        action: actions::FAILED,
        warning: true,
        input: None,
    }
}

/// The phase is Completed by contract; the Succeeded condition says that it wasn't a success.
fn early_verdict(ending: Ending, message: String) -> Verdict<'static> {
    let (reason, event, action) = match ending {
        Ending::UserStopped => (reasons::USER_STOPPED, events::STOPPED, actions::STOPPED),
        Ending::Timeout(_) => (reasons::TIMEOUT, events::TIMEOUT, actions::TIMEOUT),
    };
    Verdict {
        phase: TaskPhase::Completed,
        conditions: &[(conditions::STOPPED, true), (conditions::SUCCEEDED, false)],
        reason,
        message,
        event,
        action,
        warning: false,
        input: None,
    }
}

fn finish(world: &World, now: Timestamp, mut status: TaskStatus, verdict: &Verdict<'_>) -> Plan {
    let task = &world.task;
    status.phase = Some(verdict.phase);
    status.reason = Some(verdict.reason.to_owned());
    status.message = Some(verdict.message.clone());
    status.completion_time = Some(Time(now));
    for set in verdict.conditions {
        condition(&mut status, task, now, *set, verdict.reason, &verdict.message);
    }
    let details: Vec<String> = [
        status.exit_code.map(|code| format!("exit code {code}")),
        verdict.input.map(|kind| format!("{kind:?}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let note = if !verdict.warning {
        verdict.message.clone()
    } else if details.is_empty() {
        format!("{}: {}", verdict.reason, verdict.message)
    } else {
        format!("{} ({}): {}", verdict.reason, details.join(", "), verdict.message)
    };
    let announcement = Announcement {
        warning: verdict.warning,
        reason: verdict.event,
        action: verdict.action,
        note,
    };
    Plan {
        effects: vec![Effect::Announce(announcement), Effect::Status(Box::new(status))],
        wake: None,
    }
}

/// Takes over what the run said of its session.
fn take_result(status: &mut TaskStatus, result: Option<&RunResult>) {
    let Some(result) = result else { return };
    let session = status.session.get_or_insert_default();
    session.id = result.session_id.clone();
    if result.session_title.is_some() {
        session.title = result.session_title.clone();
    }
    session.summary = Some(SessionSummary {
        message_count: Some(result.message_count),
        token_usage: Some(TokenUsage {
            input: Some(result.tokens.input),
            output: Some(result.tokens.output),
            reasoning: Some(result.tokens.reasoning),
            cache: Some(result.tokens.cache),
        }),
        cost: Some(result.cost.clone()).filter(|c| !c.is_empty()),
        files_changed: Some(result.files_changed),
        additions: Some(result.additions),
        deletions: Some(result.deletions),
        retries: Some(result.retries),
    });
}
