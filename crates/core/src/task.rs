//! The life of a templateRef Task: start, observe, end.

mod context_maps;
mod end;
mod observe;
mod start;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use koc_api::names::{annotations, conditions, reasons};
use koc_api::{NewCondition, Task, TaskPhase, TaskStatus};
use kube::ResourceExt as _;

use crate::plan::Plan;
use crate::world::World;

/// Decides what happens next to a Task. The same world and time always give the same plan.
///
/// ```text
/// ""      ──something missing──▶ Pending ──it came──▶ Running    ──it never came──▶ Failed
/// ""      ──can't be honoured──▶ Failed
/// ""      ──all there──▶ Running ──Pod succeeded──▶ Completed    ──Pod failed or lost──▶ Failed
/// Running ──stop or timeout: Pod deleted, and gone──▶ Completed (condition Stopped)
/// ```
pub fn plan_task(world: &World, now: Timestamp) -> Plan {
    let task = &world.task;
    // A Task on its way out starts nothing; the garbage collector takes its Pod and ConfigMap along.
    if task.metadata.deletion_timestamp.is_some() {
        return Plan::rest();
    }
    match task.status.as_ref().and_then(|s| s.phase) {
        Some(TaskPhase::Completed | TaskPhase::Failed) => Plan::rest(),
        Some(TaskPhase::Running) => observe::plan(world, now),
        None | Some(TaskPhase::Pending | TaskPhase::Queued) => start::plan(world, now),
    }
}

/// Whether the user asked the Task to stop.
fn stop_requested(task: &Task) -> bool {
    task.annotations()
        .get(annotations::STOP)
        .is_some_and(|v| v == annotations::TRUE)
}

/// The status as it stands, to be changed and written back.
fn status_of(task: &Task) -> TaskStatus {
    let mut status = task.status.clone().unwrap_or_default();
    status.observed_generation = task.metadata.generation;
    status
}

fn condition(
    status: &mut TaskStatus,
    task: &Task,
    now: Timestamp,
    (type_, value): (&'static str, bool),
    reason: &str,
    message: &str,
) {
    let new = NewCondition {
        type_,
        status: Some(value),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: task.metadata.generation,
    };
    koc_api::set_condition(&mut status.conditions, new, Time(now));
}

/// The time from `now` until `then`, never negative.
fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

/// `start` plus a duration; a sum beyond the calendar never comes.
fn after(start: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|d| start.checked_add(d).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The status of a Task that can't be read, so that its author learns which field to mend. `None` when it is finished,
/// or says so already.
pub fn undecodable(raw: &serde_json::Value, problem: &str, now: Timestamp) -> Option<TaskStatus> {
    let phase = raw
        .pointer("/status/phase")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if phase == TaskPhase::Completed.as_str() || phase == TaskPhase::Failed.as_str() {
        return None;
    }
    let message = format!("the Task can't be read: {problem}; mend that field and create the Task anew");
    let mut status = TaskStatus {
        phase: Some(TaskPhase::Failed),
        reason: Some(reasons::INVALID_FIELD.to_owned()),
        message: Some(message.clone()),
        completion_time: Some(Time(now)),
        ..TaskStatus::default()
    };
    for type_ in [conditions::DECODED, conditions::SUCCEEDED] {
        condition(
            &mut status,
            &Task::default(),
            now,
            (type_, false),
            reasons::INVALID_FIELD,
            &message,
        );
    }
    Some(status)
}
