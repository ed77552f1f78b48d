//! Probes of one running container.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container as ContainerSpec, Probe};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::action::Action;
use crate::runtime::Container;

/// Which of a container's probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Startup,
    Liveness,
    Readiness,
}

/// A probe that changed its mind.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) container: String,
    pub(crate) attempt: u32,
    pub(crate) kind: Kind,
    /// What was observed, when it failed.
    pub(crate) outcome: Result<(), String>,
}

/// Counts results until a threshold is reached in a row.
#[derive(Debug)]
pub(crate) struct Counter {
    success: i32,
    failure: i32,
    /// Positive for successes in a row, negative for failures.
    run: i32,
}

impl Counter {
    pub(crate) fn new(probe: &Probe) -> Self {
        Self {
            success: probe.success_threshold.unwrap_or(1).max(1),
            failure: probe.failure_threshold.unwrap_or(3).max(1),
            run: 0,
        }
    }

    /// Takes one result; `Some` when a threshold is reached (again, for every further one).
    pub(crate) fn count(&mut self, well: bool) -> Option<bool> {
        self.run = match (well, self.run) {
            (true, run) if run > 0 => run.saturating_add(1),
            (true, _) => 1,
            (false, run) if run < 0 => run.saturating_sub(1),
            (false, _) => -1,
        };
        if self.run >= self.success {
            Some(true)
        } else if -self.run >= self.failure {
            Some(false)
        } else {
            None
        }
    }
}

/// Runs a container's probes until it is dropped.
pub(crate) struct Probes {
    task: JoinHandle<()>,
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Probes {
    /// Begins probing: the startup probe first, then liveness and readiness together.
    pub(crate) fn start(
        spec: &ContainerSpec,
        attempt: u32,
        address: &str,
        container: Arc<dyn Container>,
        findings: mpsc::UnboundedSender<Finding>,
    ) -> Option<Self> {
        let (startup, liveness, readiness) = (
            spec.startup_probe.clone(),
            spec.liveness_probe.clone(),
            spec.readiness_probe.clone(),
        );
        if startup.is_none() && liveness.is_none() && readiness.is_none() {
            return None;
        }
        let make = |kind: Kind, probe: Option<Probe>| {
            probe.map(|probe| Watch {
                name: spec.name.clone(),
                attempt,
                kind,
                action: Action::of_probe(&probe, spec, address),
                probe,
                container: Arc::clone(&container),
                findings: findings.clone(),
            })
        };
        let startup = make(Kind::Startup, startup);
        let later = [make(Kind::Liveness, liveness), make(Kind::Readiness, readiness)];
        let task = tokio::spawn(async move {
            if let Some(watch) = startup
                && !watch.run(true).await
            {
                return;
            }
            futures::future::join_all(later.into_iter().flatten().map(|w| w.run(false))).await;
        });
        Some(Self { task })
    }
}

/// One probe of one container.
struct Watch {
    name: String,
    attempt: u32,
    kind: Kind,
    action: Action,
    probe: Probe,
    container: Arc<dyn Container>,
    findings: mpsc::UnboundedSender<Finding>,
}

impl Watch {
    /// Probes until the first verdict when `once`, forever otherwise.
    async fn run(self, once: bool) -> bool {
        let seconds = |s: Option<i32>, default: u64| {
            Duration::from_secs(s.and_then(|s| u64::try_from(s).ok()).unwrap_or(default))
        };
        tokio::time::sleep(seconds(self.probe.initial_delay_seconds, 0)).await;
        let period = seconds(self.probe.period_seconds, 10).max(Duration::from_secs(1));
        let timeout = seconds(self.probe.timeout_seconds, 1).max(Duration::from_secs(1));
        let mut counter = Counter::new(&self.probe);
        let mut known = None;
        let mut tick = tokio::time::interval(period);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let outcome = tokio::time::timeout(timeout, self.action.run(&self.container))
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} s", timeout.as_secs())));
            let Some(well) = counter.count(outcome.is_ok()) else {
                continue;
            };
            if known != Some(well) || (self.kind != Kind::Readiness && !well) {
                known = Some(well);
                let finding = Finding {
                    container: self.name.clone(),
                    attempt: self.attempt,
                    kind: self.kind,
                    outcome,
                };
                if self.findings.send(finding).is_err() || once {
                    return well;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_count_results_in_a_row() {
        let check = |success: i32, failure: i32, results: &str, expected: &str| {
            let probe = Probe {
                success_threshold: Some(success),
                failure_threshold: Some(failure),
                ..Probe::default()
            };
            let mut counter = Counter::new(&probe);
            let got: String = results
                .chars()
                .map(|c| match counter.count(c == '+') {
                    Some(true) => '+',
                    Some(false) => '-',
                    None => '.',
                })
                .collect();
            assert_eq!(got, expected, "{results}");
        };
        check(1, 3, "+--+---", "+..+..-");
        check(2, 1, "+-++", ".-.+");
        check(1, 1, "-+-", "-+-");
    }
}
