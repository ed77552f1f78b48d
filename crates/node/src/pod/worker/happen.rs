use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use super::{Ending, Note, Worker};
use crate::clock::after;
use crate::container::attempt::Report;
use crate::container::probe::{Finding, Kind, Probes};
use crate::pod::plan::{Live, STEADY_SECONDS, restart_at};
use crate::pod::record::Ended;
use crate::runtime::Exit;

impl Worker {
    /// The Pod object is new or has changed.
    pub(super) fn on_pod(&mut self, pod: Arc<Pod>) {
        self.pod = pod;
        if self.pod_is_leaving() {
            self.end(Ending::Deletion, self.grace());
        }
    }

    pub(super) async fn on_note(&mut self, note: Note) {
        match note {
            Note::Volumes(Ok(volumes)) => {
                self.preparing = false;
                self.obstacle = None;
                self.volumes = Some(Arc::new(volumes));
            }
            Note::Volumes(Err(obstacle)) => {
                self.preparing = false;
                self.volume_failures = self.volume_failures.saturating_add(1);
                let wait = if obstacle.awaited.is_some() {
                    120
                } else {
                    Self::pause(self.volume_failures)
                };
                self.volumes_not_before = Some(after(self.now(), wait));
                if self.obstacle.as_deref() != Some(&obstacle.message) {
                    self.warn("FailedMount", "Mount", obstacle.message.clone());
                }
                self.obstacle = Some(obstacle.message);
                if let Some(awaited) = obstacle.awaited {
                    self.await_change(awaited, None);
                }
            }
            Note::Prepared { index, result } => match *result {
                Ok(spec) => self.launch(index, spec).await,
                Err(unready) => self.unready(index, unready),
            },
            Note::Changed(None) => self.volumes_not_before = None,
            Note::Changed(Some(index)) => self.slots[index].held = false,
            Note::Written(result) => self.on_written(result),
        }
    }

    /// An attempt reports.
    pub(super) fn on_report(&mut self, name: &str, attempt: u32, report: Report) {
        let Some(index) = self.slots.iter().position(|s| s.api.name == name) else {
            return;
        };
        if self
            .record
            .containers
            .get(name)
            .is_none_or(|r| r.attempt != attempt)
        {
            return;
        }
        match report {
            Report::Started { id, container } => {
                let now = self.now();
                if let Some(current) = self
                    .record
                    .containers
                    .get_mut(name)
                    .and_then(|r| r.current.as_mut())
                {
                    current.started_at = Some(now);
                    current.container_id = Some(id);
                }
                self.save_quietly();
                let findings = self.findings.0.clone();
                let slot = &mut self.slots[index];
                slot.waiting = None;
                slot.settle = None;
                slot.ready = slot.api.readiness_probe.is_none();
                if slot.live == Live::Starting {
                    slot.live = Live::Running;
                    let address = &self.context.options.address;
                    slot.probes = Probes::start(&slot.api, attempt, address, container, findings);
                }
                self.tell_of(index, "Started", "Start", format!("container {name} started"));
            }
            Report::Hooked(Ok(())) => {
                let slot = &mut self.slots[index];
                slot.started = slot.api.startup_probe.is_none();
            }
            Report::Hooked(Err(problem)) => {
                self.warn_of(
                    index,
                    "FailedPostStartHook",
                    "Start",
                    format!("container {name}: postStart hook: {problem}"),
                );
                self.stop(index);
            }
            Report::Refused(message) => {
                self.warn_of(
                    index,
                    "Failed",
                    "Start",
                    format!("container {name} cannot start: {message}"),
                );
                let exit = Exit::code(128);
                self.ended_with(index, exit, "StartError", Some(message));
            }
            Report::Ended { exit, message } => {
                let reason = match exit.code {
                    _ if exit.out_of_memory => "OOMKilled",
                    0 => "Completed",
                    _ => "Error",
                };
                self.ended_with(index, exit, reason, message);
            }
        }
    }

    /// Records an end before anybody is told about it.
    fn ended_with(&mut self, index: usize, exit: Exit, reason: &str, message: Option<String>) {
        let now = self.now();
        let slot = &mut self.slots[index];
        slot.rest();
        slot.waiting = None;
        let Some(record) = self.record.containers.get_mut(&slot.api.name) else {
            return;
        };
        let Some(current) = record.current.as_mut() else {
            return;
        };
        let steady = current
            .started_at
            .is_some_and(|t| after(t, STEADY_SECONDS) <= now);
        current.ended = Some(Ended {
            exit_code: exit.code,
            reason: reason.to_owned(),
            message,
            started_at: current.started_at.or((reason == "StartError").then_some(now)),
            finished_at: now,
            container_id: current.container_id.clone(),
        });
        if steady {
            record.crashes = 0;
        }
        slot.not_before = Some(restart_at(now, record.crashes));
        record.crashes = record.crashes.saturating_add(1);
        self.save_quietly();
    }

    /// A probe has changed its mind.
    pub(super) fn on_finding(&mut self, finding: Finding) {
        let Finding {
            container,
            attempt,
            kind,
            outcome,
        } = finding;
        let Some(index) = self.slots.iter().position(|s| s.api.name == container) else {
            return;
        };
        let current = self
            .record
            .containers
            .get(&container)
            .is_some_and(|r| r.attempt == attempt);
        if !current || self.slots[index].live != Live::Running {
            return;
        }
        let well = outcome.is_ok();
        if let Err(problem) = &outcome {
            let what = format!("{kind:?}").to_lowercase();
            self.warn_of(
                index,
                "Unhealthy",
                "Probe",
                format!("container {container}: {what} probe: {problem}"),
            );
        }
        let slot = &mut self.slots[index];
        match kind {
            Kind::Readiness => slot.ready = well,
            Kind::Startup if well => slot.started = true,
            Kind::Startup | Kind::Liveness => {
                if !well {
                    let probe = match kind {
                        Kind::Startup => slot.api.startup_probe.as_ref(),
                        _ => slot.api.liveness_probe.as_ref(),
                    };
                    let seconds = probe.and_then(|p| p.termination_grace_period_seconds);
                    let deadline = self.patience_for(seconds);
                    self.slots[index].order_stop(deadline);
                }
            }
        }
    }

    /// The API server took the status, or did not.
    fn on_written(&mut self, result: Result<(), kube::Error>) {
        self.writing = false;
        match result {
            Ok(()) => {
                self.write_failures = 0;
                self.write_not_before = None;
            }
            // Gone, or another Pod has the name now: the watch says so too, but this may come first.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {
                self.end(Ending::Gone, Duration::from_secs(2));
            }
            Err(error) => {
                self.sent = None;
                self.write_failures = self.write_failures.saturating_add(1);
                let wait = Self::pause(self.write_failures).min(30);
                self.write_not_before = Some(after(self.now(), wait));
                tracing::warn!(pod = %self.handle.pod, %error, "the Pod's status could not be written; trying again");
            }
        }
    }
}
