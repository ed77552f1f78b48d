//! A running Task: what its Pod says, and whether it was asked to end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use koc_api::Task;
use koc_api::names::{conditions, reasons};
use kube::ResourceExt as _;

use super::end::{self, Ending};
use super::{after, condition, status_of, stop_requested, until};
use crate::outcome::{PodVerdict, Stuck, judge};
use crate::plan::{Effect, Plan};
use crate::settings::Settings;
use crate::world::{Ownership, World, ownership};

/// How long a deleted Pod may outstay its grace period before its Task ends without it: its node may be gone.
const PATIENCE_WITH_DELETION: Duration = Duration::from_secs(60);

/// How long a Pod may fail to start for a reason before its Task fails. Reasons that no waiting heals come first.
const PATIENCE_WITH_STUCK: [(&str, Duration); 6] = [
    ("InvalidImageName", Duration::ZERO),
    ("ErrImageNeverPull", Duration::ZERO),
    ("CreateContainerConfigError", Duration::from_secs(120)),
    ("CreateContainerError", Duration::from_secs(120)),
    ("ErrImagePull", Duration::from_secs(600)),
    ("ImagePullBackOff", Duration::from_secs(600)),
];

pub(super) fn plan(world: &World, now: Timestamp) -> Plan {
    let task = &world.task;
    let asked = asked_to_end(task, now);
    let own = world
        .pod
        .as_ref()
        .filter(|p| ownership(task, &p.metadata) == Ownership::Ours);
    let Some(pod) = own else {
        return match asked {
            Some(ending) => end::ended_early(world, now, ending, None),
            None => end::pod_lost(world, now),
        };
    };
    match (judge(pod, Settings::agent_container()), asked) {
        // What the Pod did before it was told to end counts; what it says while ending is the ending.
        (PodVerdict::Succeeded(result), None) => end::completed(world, now, result),
        (PodVerdict::Succeeded(result), Some(_)) if pod.metadata.deletion_timestamp.is_none() => {
            end::completed(world, now, result)
        }
        (PodVerdict::Succeeded(result), Some(ending)) => {
            end::ended_early(world, now, ending, result.as_ref())
        }
        (PodVerdict::Failed(failure), Some(ending)) if pod.metadata.deletion_timestamp.is_some() => {
            end::ended_early(world, now, ending, failure.result.as_ref())
        }
        (PodVerdict::Failed(failure), _) => end::failed(world, now, &failure),
        (PodVerdict::Going | PodVerdict::Stuck(_), Some(ending)) => wind_down(world, pod, now, ending),
        (PodVerdict::Stuck(stuck), None) => report_stuck(world, pod, now, &stuck),
        (PodVerdict::Going, None) => report_going(world, now),
    }
}

/// Whether and why the Task is to end before its Pod does.
fn asked_to_end(task: &Task, now: Timestamp) -> Option<Ending> {
    if let Some((deadline, timeout)) = deadline(task)
        && now >= deadline
    {
        return Some(Ending::Timeout(timeout));
    }
    stop_requested(task).then_some(Ending::UserStopped)
}

fn deadline(task: &Task) -> Option<(Timestamp, SignedDuration)> {
    let timeout = task.spec.timeout.as_ref()?.parsed().ok()?;
    let started = task.status.as_ref()?.start_time.as_ref()?.0;
    Some((started.checked_add(timeout).unwrap_or(Timestamp::MAX), timeout))
}

/// Deletes the Pod and waits until it is gone, so that "ended" means that nothing works any more.
fn wind_down(world: &World, pod: &Pod, now: Timestamp, ending: Ending) -> Plan {
    let Some(deleted_at) = &pod.metadata.deletion_timestamp else {
        let effect = Effect::DeletePod {
            name: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
        };
        return Plan {
            effects: vec![effect],
            wake: Some(PATIENCE_WITH_DELETION),
        };
    };
    // The deletion timestamp already lies at the end of the grace period.
    let deadline = after(deleted_at.0, PATIENCE_WITH_DELETION);
    if now >= deadline {
        return end::ended_early(world, now, ending, None);
    }
    Plan::wait(until(deadline, now))
}

fn report_going(world: &World, now: Timestamp) -> Plan {
    let task = &world.task;
    let mut plan = Plan {
        effects: Vec::new(),
        wake: deadline(task).map(|(at, _)| until(at, now)),
    };
    let mut status = status_of(task);
    let stuck_before = koc_api::is_false(&status.conditions, conditions::READY);
    if stuck_before {
        let message = "the Pod got going";
        condition(
            &mut status,
            task,
            now,
            (conditions::READY, true),
            reasons::RUNNING,
            message,
        );
        plan.effects.push(Effect::Status(Box::new(status)));
    }
    plan
}

fn report_stuck(world: &World, pod: &Pod, now: Timestamp, stuck: &Stuck) -> Plan {
    let task = &world.task;
    let since = pod.metadata.creation_timestamp.as_ref().map_or(now, |t| t.0);
    let patience = PATIENCE_WITH_STUCK
        .iter()
        .find(|(reason, _)| *reason == stuck.reason);
    let gives_up = patience.map(|(_, patience)| after(since, *patience));
    if gives_up.is_some_and(|at| now >= at) {
        return end::never_started(world, pod, now, stuck);
    }
    let wakes = [gives_up, deadline(task).map(|(at, _)| at)];
    let wake = wakes.into_iter().flatten().min().map(|at| until(at, now));
    let mut status = status_of(task);
    condition(
        &mut status,
        task,
        now,
        (conditions::READY, false),
        &stuck.reason,
        &stuck.message,
    );
    let mut plan = Plan {
        effects: Vec::new(),
        wake,
    };
    if Some(&status) != task.status.as_ref() {
        plan.effects.push(Effect::Status(Box::new(status)));
    }
    plan
}
