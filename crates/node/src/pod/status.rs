//! The status a kubelet would report, computed from what is known about a Pod's containers.

use jiff::{Timestamp, Unit};
use k8s_openapi::api::core::v1::{
    Container, ContainerState as ApiState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::plan::{Live, Role};
use super::record::{ContainerRecord, Ended, PodRecord};

/// Why a container does not run yet, or not again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) reason: String,
    pub(crate) message: Option<String>,
}

/// A container as its status shows it.
pub(crate) struct Shown<'a> {
    pub(crate) spec: &'a Container,
    pub(crate) role: Role,
    pub(crate) live: Live,
    pub(crate) record: Option<&'a ContainerRecord>,
    pub(crate) waiting: Option<&'a Waiting>,
    /// Ended, and will be started again after a back-off.
    pub(crate) backing_off: bool,
    /// Answers its readiness probe, or has none.
    pub(crate) ready: bool,
    /// Passed its startup probe, or has none.
    pub(crate) started: bool,
}

/// A Pod as its status shows it.
pub(crate) struct Picture<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) record: &'a PodRecord,
    pub(crate) containers: Vec<Shown<'a>>,
    pub(crate) initialized: bool,
    /// Volumes are in place.
    pub(crate) prepared: bool,
    /// What the volumes wait for.
    pub(crate) obstacle: Option<&'a str>,
    /// Nothing runs and nothing will.
    pub(crate) finished: bool,
    pub(crate) address: &'a str,
    pub(crate) now: Timestamp,
}

/// Kubernetes counts times in whole seconds.
pub(crate) fn seconds(time: Timestamp) -> Time {
    let round = jiff::TimestampRound::new()
        .smallest(Unit::Second)
        .mode(jiff::RoundMode::Trunc);
    Time(time.round(round).unwrap_or(time))
}

/// Computes the whole status. `qosClass` and conditions of others are left alone.
pub(crate) fn status(p: &Picture<'_>) -> PodStatus {
    let phase = phase(p);
    let statuses = |init: bool| {
        let of: Vec<ContainerStatus> = p
            .containers
            .iter()
            .filter(|c| (c.role != Role::Main) == init)
            .map(|c| container_status(p, c))
            .collect();
        (!of.is_empty()).then_some(of)
    };
    let verdict = p.record.verdict.as_ref().filter(|_| p.finished);
    PodStatus {
        phase: Some(phase.to_owned()),
        reason: verdict.map(|v| v.reason.clone()),
        message: verdict.map(|v| v.message.clone()),
        start_time: Some(seconds(p.record.start_time)),
        host_ip: Some(p.address.to_owned()),
        host_ips: Some(vec![HostIP {
            ip: p.address.to_owned(),
        }]),
        pod_ip: Some(p.address.to_owned()),
        pod_ips: Some(vec![PodIP {
            ip: p.address.to_owned(),
        }]),
        conditions: Some(conditions(p, phase)),
        init_container_statuses: statuses(true),
        container_statuses: statuses(false),
        ..PodStatus::default()
    }
}

fn phase(p: &Picture<'_>) -> &'static str {
    let mains = || p.containers.iter().filter(|c| c.role == Role::Main);
    if p.finished {
        let well = |c: &Shown<'_>| {
            c.record
                .and_then(ContainerRecord::ended)
                .is_some_and(|e| e.exit_code == 0)
        };
        return if p.record.verdict.is_none() && mains().all(well) {
            "Succeeded"
        } else {
            "Failed"
        };
    }
    let attempted = |c: &Shown<'_>| {
        matches!(c.live, Live::Running | Live::Stopping) || c.record.is_some_and(|r| r.ended().is_some())
    };
    if p.initialized && mains().all(attempted) {
        "Running"
    } else {
        "Pending"
    }
}

fn container_status(p: &Picture<'_>, c: &Shown<'_>) -> ContainerStatus {
    let record = c.record;
    let running = matches!(c.live, Live::Running | Live::Stopping);
    let ended = record.and_then(ContainerRecord::ended);
    let attempt = record.and_then(|r| r.current.as_ref());
    let mut last = record.and_then(|r| r.last.as_ref());
    let mut state = ApiState::default();
    if running {
        let started_at = attempt.and_then(|a| a.started_at).map(seconds);
        state.running = Some(ContainerStateRunning { started_at });
    } else if let (Some(ended), false) = (ended, c.backing_off || c.waiting.is_some()) {
        state.terminated = Some(terminated(ended));
    } else {
        last = ended.or(last);
        state.waiting = Some(waiting(p, c, ended));
    }
    let succeeded = ended.is_some_and(|e| e.exit_code == 0);
    let ready = match c.role {
        Role::Init => !running && succeeded,
        Role::Sidecar | Role::Main => c.live == Live::Running && c.started && c.ready,
    };
    ContainerStatus {
        name: c.spec.name.clone(),
        image: c.spec.image.clone().unwrap_or_default(),
        image_id: record.map(|r| r.image_id.clone()).unwrap_or_default(),
        container_id: attempt.and_then(|a| a.container_id.clone()),
        restart_count: record.map_or(0, |r| i32::try_from(r.attempt).unwrap_or(i32::MAX)),
        ready,
        started: Some(running && (c.started || c.role == Role::Init)),
        state: Some(state),
        last_state: Some(last.map_or_else(ApiState::default, |e| ApiState {
            terminated: Some(terminated(e)),
            ..ApiState::default()
        })),
        ..ContainerStatus::default()
    }
}

fn waiting(p: &Picture<'_>, c: &Shown<'_>, ended: Option<&Ended>) -> ContainerStateWaiting {
    let of = |reason: &str, message: Option<String>| ContainerStateWaiting {
        reason: Some(reason.to_owned()),
        message,
    };
    if let Some(w) = c.waiting {
        return of(&w.reason, w.message.clone());
    }
    match ended {
        Some(e) if c.backing_off && e.reason == "StartError" => of("RunContainerError", e.message.clone()),
        Some(e) if c.backing_off => of(
            "CrashLoopBackOff",
            Some(format!(
                "the container ended with exit code {} and waits before it is started again",
                e.exit_code
            )),
        ),
        _ if c.role == Role::Main && !p.initialized && p.containers.iter().any(|c| c.role != Role::Main) => {
            of("PodInitializing", None)
        }
        _ if c.role != Role::Main && c.live == Live::Idle && p.prepared => of("PodInitializing", None),
        _ => of("ContainerCreating", p.obstacle.map(str::to_owned)),
    }
}

fn terminated(e: &Ended) -> ContainerStateTerminated {
    ContainerStateTerminated {
        exit_code: e.exit_code,
        reason: Some(e.reason.clone()),
        message: e.message.clone(),
        started_at: e.started_at.map(seconds),
        finished_at: Some(seconds(e.finished_at)),
        container_id: e.container_id.clone(),
        signal: None,
    }
}

fn conditions(p: &Picture<'_>, phase: &str) -> Vec<PodCondition> {
    let names = |unready: &dyn Fn(&Shown<'_>) -> bool| {
        let names: Vec<&str> = p
            .containers
            .iter()
            .filter(|c| unready(c))
            .map(|c| c.spec.name.as_str())
            .collect();
        names.join(", ")
    };
    let unready = names(&|c| c.role != Role::Init && !(c.live == Live::Running && c.started && c.ready));
    let uninitialized = names(&|c| match c.role {
        Role::Init => c
            .record
            .and_then(ContainerRecord::ended)
            .is_none_or(|e| e.exit_code != 0),
        Role::Sidecar => !c.started,
        Role::Main => false,
    });
    let readiness: (bool, Option<&str>, Option<String>) = match phase {
        "Succeeded" => (false, Some("PodCompleted"), None),
        "Failed" => (false, Some("PodFailed"), None),
        _ if unready.is_empty() => (true, None, None),
        _ => (
            false,
            Some("ContainersNotReady"),
            Some(format!("containers that are not ready: {unready}")),
        ),
    };
    let initialized = match phase {
        "Succeeded" => (true, Some("PodCompleted"), None),
        _ if p.initialized => (true, None, None),
        _ if uninitialized.is_empty() && !p.containers.iter().any(|c| c.role != Role::Main) => {
            (true, None, None)
        }
        _ => {
            let message = format!("init containers that are not done: {uninitialized}");
            (false, Some("ContainersNotInitialized"), Some(message))
        }
    };
    // A gate is a condition that somebody else must set before the Pod counts as ready.
    let gates = p
        .pod
        .spec
        .as_ref()
        .and_then(|s| s.readiness_gates.as_deref())
        .unwrap_or_default();
    let closed: Vec<&str> = gates
        .iter()
        .map(|g| g.condition_type.as_str())
        .filter(|t| current(p.pod, t).is_none_or(|c| c.status != "True"))
        .collect();
    let pod_ready = if readiness.0 && !closed.is_empty() {
        (
            false,
            Some("ReadinessGatesNotReady"),
            Some(format!("conditions that are not True: {}", closed.join(", "))),
        )
    } else {
        readiness.clone()
    };
    vec![
        condition(
            p,
            "PodReadyToStartContainers",
            (p.prepared && !p.finished, None, None),
        ),
        condition(p, "Initialized", initialized),
        condition(p, "Ready", pod_ready),
        condition(p, "ContainersReady", readiness),
        condition(p, "PodScheduled", (true, None, None)),
    ]
}

fn current<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    pod.status
        .as_ref()?
        .conditions
        .as_ref()?
        .iter()
        .find(|c| c.type_ == kind)
}

fn condition(p: &Picture<'_>, kind: &str, state: (bool, Option<&str>, Option<String>)) -> PodCondition {
    let (well, reason, message) = state;
    let status = if well { "True" } else { "False" };
    let before = current(p.pod, kind).filter(|c| c.status == status);
    PodCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        message,
        last_transition_time: before
            .and_then(|c| c.last_transition_time.clone())
            .or_else(|| Some(seconds(p.now))),
        ..PodCondition::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::pod::record::Verdict;

    fn container(name: &str) -> Container {
        Container {
            name: name.into(),
            image: Some("i".into()),
            ..Container::default()
        }
    }

    fn record(code: Option<i32>) -> ContainerRecord {
        let mut record = ContainerRecord::default();
        record.intend(Timestamp::UNIX_EPOCH);
        let reason = if code == Some(0) { "Completed" } else { "Error" };
        if let (Some(exit_code), Some(attempt)) = (code, record.current.as_mut()) {
            attempt.ended = Some(Ended {
                exit_code,
                reason: reason.into(),
                message: None,
                started_at: None,
                finished_at: Timestamp::UNIX_EPOCH,
                container_id: None,
            });
        }
        record
    }

    /// Each word is a container as in the plan's tests; the answer is phase, the states and the conditions.
    #[track_caller]
    fn check(text: &str, initialized: bool, finished: bool, verdict: bool, expected: &str) {
        let specs: Vec<Container> = text.split_whitespace().map(container).collect();
        let records: Vec<Option<ContainerRecord>> = text
            .split_whitespace()
            .map(|w| match &w[1..] {
                "r" | "u" => Some(record(None)),
                "0" => Some(record(Some(0))),
                "1" | "b" => Some(record(Some(1))),
                _ => None,
            })
            .collect();
        let pod_record = PodRecord {
            namespace: "n".into(),
            name: "p".into(),
            uid: "u".into(),
            start_time: Timestamp::UNIX_EPOCH,
            initialized,
            verdict: verdict.then(|| Verdict {
                reason: "DeadlineExceeded".into(),
                message: "m".into(),
            }),
            containers: BTreeMap::new(),
        };
        let containers = specs
            .iter()
            .zip(&records)
            .map(|(spec, record)| Shown {
                spec,
                role: match spec.name.as_bytes()[0] {
                    b'i' => Role::Init,
                    b's' => Role::Sidecar,
                    _ => Role::Main,
                },
                live: if matches!(&spec.name[1..], "r" | "u") {
                    Live::Running
                } else {
                    Live::Idle
                },
                record: record.as_ref(),
                waiting: None,
                backing_off: spec.name.ends_with('b'),
                ready: true,
                started: spec.name.ends_with('r'),
            })
            .collect();
        let pod = Pod::default();
        let s = status(&Picture {
            pod: &pod,
            record: &pod_record,
            containers,
            initialized,
            prepared: true,
            obstacle: None,
            finished,
            address: "127.0.0.1",
            now: Timestamp::UNIX_EPOCH,
        });
        let mut words = vec![s.phase.unwrap()];
        for c in s
            .init_container_statuses
            .iter()
            .chain(&s.container_statuses)
            .flatten()
        {
            let state = c.state.as_ref().unwrap();
            words.push(match (&state.waiting, &state.running, &state.terminated) {
                (Some(w), None, None) => w.reason.clone().unwrap(),
                (None, Some(_), None) => format!("running{}", if c.ready { "+" } else { "" }),
                (None, None, Some(t)) => format!("{}:{}", t.reason.clone().unwrap(), t.exit_code),
                _ => "?".into(),
            });
        }
        let conditions: String = s
            .conditions
            .unwrap()
            .iter()
            .map(|c| format!("{}{}", &c.type_[..1], if c.status == "True" { '+' } else { '-' }))
            .collect();
        words.push(conditions);
        words.extend(s.reason);
        assert_eq!(words.join(" "), expected, "{text}");
    }

    #[test]
    fn what_a_kubelet_reports() {
        check("m.", true, false, false, "Pending ContainerCreating P+I+R-C-P+");
        check(
            "i. m.",
            false,
            false,
            false,
            "Pending PodInitializing PodInitializing P+I-R-C-P+",
        );
        check(
            "ir m.",
            false,
            false,
            false,
            "Pending running PodInitializing P+I-R-C-P+",
        );
        check(
            "i0 mr",
            true,
            false,
            false,
            "Running Completed:0 running+ P+I+R+C+P+",
        );
        check(
            "mr mr",
            true,
            false,
            false,
            "Running running+ running+ P+I+R+C+P+",
        );
        check(
            "mr m.",
            true,
            false,
            false,
            "Pending running+ ContainerCreating P+I+R-C-P+",
        );
        check("mu", true, false, false, "Running running P+I+R-C-P+");
        check("mb", true, false, false, "Running CrashLoopBackOff P+I+R-C-P+");
        check(
            "sr mr",
            true,
            false,
            false,
            "Running running+ running+ P+I+R+C+P+",
        );
        check(
            "m0 mr",
            true,
            false,
            false,
            "Running Completed:0 running+ P+I+R-C-P+",
        );
        check("m0", true, true, false, "Succeeded Completed:0 P-I+R-C-P+");
        check(
            "m1 m0",
            true,
            true,
            false,
            "Failed Error:1 Completed:0 P-I+R-C-P+",
        );
        check(
            "s1 m0",
            true,
            true,
            false,
            "Succeeded Error:1 Completed:0 P-I+R-C-P+",
        );
        check(
            "i1 m.",
            false,
            true,
            false,
            "Failed Error:1 PodInitializing P-I-R-C-P+",
        );
        check(
            "m0",
            true,
            true,
            true,
            "Failed Completed:0 P-I+R-C-P+ DeadlineExceeded",
        );
    }
}
