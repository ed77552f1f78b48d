use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Ending, Note, Worker};
use crate::clock::after;
use crate::pod::plan::{Live, Plan, Seen, View, plan};
use crate::pod::record::{ContainerRecord, Verdict};
use crate::volume;

impl Worker {
    /// Decides and acts. Returns when to look again at the latest.
    pub(super) fn act(&mut self) -> Option<Timestamp> {
        let now = self.now();
        self.check_deadline(now);
        self.settle(now);
        let ending = self.ending.is_some();
        if self.volumes.is_none() && !ending && self.finished.is_none() {
            self.prepare_volumes(now);
        }
        let plan = self.plan(ending, now);
        for index in plan.stop.iter().copied() {
            self.stop(index);
        }
        if self.volumes.is_some() {
            for index in plan.start.iter().copied() {
                self.begin(index);
            }
        }
        for index in 0..self.slots.len() {
            let before = self.slots[index].backing_off;
            self.slots[index].backing_off = plan.backing_off.contains(&index);
            if self.slots[index].backing_off && !before {
                let name = &self.slots[index].api.name;
                let note = format!("container {name} keeps ending; pausing before it is restarted");
                self.warn_of(index, "BackOff", "Restart", note);
            }
        }
        if plan.initialized && !self.record.initialized {
            self.record.initialized = true;
            self.save_quietly();
        }
        self.finished = match self.ending {
            // A node that stops has not decided anything about the Pod: only what its containers did counts.
            Some(Ending::Shutdown) => self.plan(false, now).finished,
            _ => plan.finished,
        };
        self.wake(&plan, now)
    }

    fn plan(&self, ending: bool, now: Timestamp) -> Plan {
        let containers: Vec<Seen> = self
            .slots
            .iter()
            .map(|slot| Seen {
                role: slot.role,
                live: slot.live,
                exit: self.ended(&slot.api.name).filter(|_| slot.live == Live::Idle),
                not_before: slot.not_before,
                held: slot.held,
                started: slot.started,
            })
            .collect();
        plan(&View {
            policy: self.policy,
            containers: &containers,
            initialized: self.record.initialized,
            ending,
            now,
        })
    }

    fn ended(&self, name: &str) -> Option<i32> {
        self.record
            .containers
            .get(name)
            .and_then(ContainerRecord::ended)
            .map(|e| e.exit_code)
    }

    fn wake(&self, plan: &Plan, now: Timestamp) -> Option<Timestamp> {
        let settles = self.slots.iter().filter_map(|s| s.settle.map(|(t, _)| t));
        let volumes = self.volumes_not_before.filter(|_| self.volumes.is_none());
        let writes = self.write_not_before;
        let deadline = self
            .deadline()
            .filter(|_| self.record.verdict.is_none() && self.finished.is_none());
        settles
            .chain(plan.wake)
            .chain(volumes)
            .chain(writes)
            .chain(deadline)
            .filter(|t| *t > now)
            .min()
    }

    fn deadline(&self) -> Option<Timestamp> {
        let seconds = self.pod.spec.as_ref()?.active_deadline_seconds?;
        Some(after(self.record.start_time, seconds))
    }

    fn check_deadline(&mut self, now: Timestamp) {
        if self.record.verdict.is_none()
            && self.finished.is_none()
            && self.ending.is_none()
            && self.deadline().is_some_and(|d| d <= now)
        {
            self.record.verdict = Some(Verdict {
                reason: "DeadlineExceeded".to_owned(),
                message: "the Pod ran longer than its activeDeadlineSeconds allow".to_owned(),
            });
            self.save_quietly();
        }
        if self.record.verdict.is_some() && self.ending.is_none() {
            self.end(Ending::Verdict, self.grace());
        }
    }

    fn settle(&mut self, now: Timestamp) {
        for slot in &mut self.slots {
            if let Some((_, reason)) = slot.settle.take_if(|(t, _)| *t <= now)
                && let Some(waiting) = &mut slot.waiting
            {
                waiting.reason = reason.to_owned();
            }
        }
    }

    pub(super) fn stop(&mut self, index: usize) {
        let deadline = self.patience.unwrap_or_else(|| Instant::now() + self.grace());
        // When this process stops or the Pod is gone, there is nobody left to tell.
        let told = self
            .ending
            .is_none_or(|e| e <= Ending::Verdict || e == Ending::Deletion);
        if told && self.slots[index].live == Live::Running {
            let note = format!("stopping container {}", self.slots[index].api.name);
            self.tell_of(index, "Killing", "Stop", note);
        }
        self.slots[index].order_stop(deadline);
    }

    fn prepare_volumes(&mut self, now: Timestamp) {
        if self.preparing || self.volumes_not_before.is_some_and(|t| t > now) {
            return;
        }
        self.preparing = true;
        let (context, pod, dir) = (
            Arc::clone(&self.context),
            Arc::clone(&self.pod),
            self.handle.dir.clone(),
        );
        let notes = self.notes.0.clone();
        self.helpers.spawn(async move {
            let result = volume::prepare(&context, &pod, &dir).await;
            let _ = notes.send(Note::Volumes(result));
        });
    }

    /// Writes the record where losing the write would only cost precision, not a promise.
    pub(super) fn save_quietly(&self) {
        if let Err(error) = self.record.save(&self.handle.dir, false) {
            tracing::error!(pod = %self.handle.pod, %error, "the Pod's record cannot be written");
        }
    }

    /// Pause before trying again something that failed `failures` times, in seconds.
    pub(super) fn pause(failures: u32) -> i64 {
        1_i64
            .checked_shl(failures)
            .filter(|s| *s > 0)
            .unwrap_or(120)
            .min(120)
    }

    pub(super) fn patience_for(&self, seconds: Option<i64>) -> Instant {
        let own = seconds
            .and_then(|s| u64::try_from(s).ok())
            .map(Duration::from_secs);
        Instant::now() + own.unwrap_or_else(|| self.grace())
    }
}
