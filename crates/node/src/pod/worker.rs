//! The state machine of one Pod: takes what happens, decides through [`plan`], acts, reports.

mod act;
mod begin;
mod happen;
mod report;
mod slot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::plan::{Live, RestartPolicy, Role};
use super::record::PodRecord;
use crate::clock::until;
use crate::container::attempt::Report;
use crate::container::prepare::Unready;
use crate::container::probe::Finding;
use crate::handle::{Context, PodHandle};
use crate::runtime::ContainerSpec;
use crate::volume::{Obstacle, Ready};
use slot::Slot;

/// News about the Pod object.
#[derive(Debug)]
pub(crate) enum Update {
    /// It is new or has changed.
    Pod(Arc<Pod>),
    /// It no longer exists.
    Gone,
}

/// What became of the Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has ended, or the node stops; its files stay.
    Kept,
    /// It is gone; so may be its files.
    Gone,
}

/// What the worker's own helpers tell it.
enum Note {
    Volumes(Result<BTreeMap<String, Ready>, Obstacle>),
    Prepared {
        index: usize,
        result: Box<Result<ContainerSpec, Unready>>,
    },
    /// What a container or the volumes (`None`) waited for has changed.
    Changed(Option<usize>),
    Written(Result<(), kube::Error>),
}

/// Why everything must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    /// The record's verdict, such as a deadline.
    Verdict,
    /// This process stops.
    Shutdown,
    /// The Pod is being deleted.
    Deletion,
    /// The Pod object is gone already.
    Gone,
}

type Channel<T> = (mpsc::UnboundedSender<T>, mpsc::UnboundedReceiver<T>);

/// Takes care of one Pod.
pub(crate) struct Worker {
    context: Arc<Context>,
    handle: Arc<PodHandle>,
    pod: Arc<Pod>,
    policy: RestartPolicy,
    record: PodRecord,
    slots: Vec<Slot>,
    volumes: Option<Arc<BTreeMap<String, Ready>>>,
    obstacle: Option<String>,
    preparing: bool,
    volume_failures: u32,
    volumes_not_before: Option<Timestamp>,
    ending: Option<Ending>,
    /// When containers that must stop are killed.
    patience: Option<Instant>,
    finished: Option<bool>,
    sent: Option<PodStatus>,
    writing: bool,
    write_failures: u32,
    write_not_before: Option<Timestamp>,
    notes: Channel<Note>,
    reports: Channel<(String, u32, Report)>,
    findings: Channel<Finding>,
    /// Ends the helpers that only wait for something when the worker ends.
    helpers: tokio::task::JoinSet<()>,
}

impl Worker {
    /// A worker that takes up a Pod where `record` left it.
    pub(crate) fn new(
        context: Arc<Context>,
        handle: Arc<PodHandle>,
        pod: Arc<Pod>,
        record: PodRecord,
    ) -> Self {
        let spec = pod.spec.as_ref();
        let policy = RestartPolicy::parse(spec.and_then(|s| s.restart_policy.as_deref()));
        let inits = spec
            .and_then(|s| s.init_containers.as_deref())
            .unwrap_or_default();
        let init_role = |c: &k8s_openapi::api::core::v1::Container| match c.restart_policy.as_deref() {
            Some("Always") => Role::Sidecar,
            _ => Role::Init,
        };
        let slots = inits
            .iter()
            .map(|c| (c, init_role(c)))
            .chain(spec.iter().flat_map(|s| &s.containers).map(|c| (c, Role::Main)))
            .map(|(c, role)| Slot::new(c, role, record.containers.get(&c.name)))
            .collect();
        Self {
            context,
            handle,
            policy,
            record,
            slots,
            pod,
            volumes: None,
            obstacle: None,
            preparing: false,
            volume_failures: 0,
            volumes_not_before: None,
            ending: None,
            patience: None,
            finished: None,
            sent: None,
            writing: false,
            write_failures: 0,
            write_not_before: None,
            notes: mpsc::unbounded_channel(),
            reports: mpsc::unbounded_channel(),
            findings: mpsc::unbounded_channel(),
            helpers: tokio::task::JoinSet::new(),
        }
    }

    /// Runs until the Pod has ended or is gone, or the node stops.
    pub(crate) async fn run(
        mut self,
        mut updates: mpsc::UnboundedReceiver<Update>,
        shutdown: CancellationToken,
    ) -> Outcome {
        let pod = Arc::clone(&self.pod);
        self.on_pod(pod);
        loop {
            let wake = self.act();
            self.write_status();
            if let Some(outcome) = self.conclusion().await {
                return outcome;
            }
            let now = self.now();
            let wait = wake.map_or(Duration::from_secs(3600), |t| until(now, t));
            tokio::select! {
                biased;
                Some((name, attempt, report)) = self.reports.1.recv() => self.on_report(&name, attempt, report),
                Some(note) = self.notes.1.recv() => self.on_note(note).await,
                Some(finding) = self.findings.1.recv() => self.on_finding(finding),
                update = updates.recv() => match update {
                    Some(Update::Pod(pod)) => self.on_pod(pod),
                    Some(Update::Gone) | None => self.end(Ending::Gone, Duration::from_secs(2)),
                },
                () = shutdown.cancelled(), if self.ending < Some(Ending::Shutdown) => {
                    let grace = self.context.options.shutdown_grace.min(self.grace());
                    self.end(Ending::Shutdown, grace);
                }
                () = tokio::time::sleep(wait) => {}
            }
            self.drain(&mut updates).await;
        }
    }

    /// Takes everything that has happened meanwhile, so that one status tells it all.
    async fn drain(&mut self, updates: &mut mpsc::UnboundedReceiver<Update>) {
        while let Ok((name, attempt, report)) = self.reports.1.try_recv() {
            self.on_report(&name, attempt, report);
        }
        while let Ok(note) = self.notes.1.try_recv() {
            self.on_note(note).await;
        }
        while let Ok(finding) = self.findings.1.try_recv() {
            self.on_finding(finding);
        }
        while let Ok(update) = updates.try_recv() {
            match update {
                Update::Pod(pod) => self.on_pod(pod),
                Update::Gone => self.end(Ending::Gone, Duration::from_secs(2)),
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.context.options.clock.now()
    }

    /// How long containers get to end by themselves.
    fn grace(&self) -> Duration {
        let own = self
            .pod
            .spec
            .as_ref()
            .and_then(|s| s.termination_grace_period_seconds);
        let seconds = self
            .pod
            .metadata
            .deletion_grace_period_seconds
            .or(own)
            .unwrap_or(30);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// Makes everything stop within `grace`, or sooner than was ordered before.
    fn end(&mut self, why: Ending, grace: Duration) {
        self.ending = self.ending.max(Some(why));
        let patience = Instant::now() + grace;
        let sooner = self.patience.is_none_or(|p| patience < p);
        if sooner {
            self.patience = Some(patience);
            for slot in &self.slots {
                slot.hurry(patience);
            }
        }
    }

    fn idle(&self) -> bool {
        self.slots.iter().all(|s| s.live == Live::Idle)
    }

    /// Whether there is nothing left to do for this worker.
    async fn conclusion(&mut self) -> Option<Outcome> {
        if !self.idle() {
            return None;
        }
        let told = self.sent.is_some() && !self.writing;
        match self.ending {
            Some(Ending::Gone) => Some(Outcome::Gone),
            // The final status comes before the final delete, so that nobody misses how it ended.
            Some(Ending::Deletion) if told => self.delete().await,
            Some(Ending::Shutdown) if told || self.write_failures > 1 => Some(Outcome::Kept),
            _ if told && self.finished.is_some() && !self.pod_is_leaving() => Some(Outcome::Kept),
            _ => None,
        }
    }

    fn pod_is_leaving(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }
}
