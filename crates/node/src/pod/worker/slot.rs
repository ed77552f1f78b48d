use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Container;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::container::attempt::StopOrder;
use crate::container::probe::Probes;
use crate::pod::plan::{Live, Role, restart_at};
use crate::pod::record::ContainerRecord;
use crate::pod::status::Waiting;

/// One container of the Pod, as the worker holds it.
pub(super) struct Slot {
    pub(super) api: Arc<Container>,
    pub(super) role: Role,
    pub(super) live: Live,
    /// Answers its readiness probe, or has none.
    pub(super) ready: bool,
    /// Passed its startup probe, or has none, and its postStart hook is over.
    pub(super) started: bool,
    pub(super) waiting: Option<Waiting>,
    /// Later text for `waiting`, and from when: an image error turns into a back-off.
    pub(super) settle: Option<(Timestamp, &'static str)>,
    /// Waits for an object to change.
    pub(super) held: bool,
    pub(super) not_before: Option<Timestamp>,
    /// Failures in a row to get it ready for a start.
    pub(super) failures: u32,
    pub(super) backing_off: bool,
    /// Ends the preparation that is going on.
    pub(super) preparation: Option<AbortHandle>,
    /// Orders the running attempt to stop.
    pub(super) stop: Option<watch::Sender<Option<StopOrder>>>,
    pub(super) probes: Option<Probes>,
}

impl Slot {
    pub(super) fn new(api: &Container, role: Role, record: Option<&ContainerRecord>) -> Self {
        let not_before =
            record.and_then(|r| Some(restart_at(r.ended()?.finished_at, r.crashes.saturating_sub(1))));
        Self {
            api: Arc::new(api.clone()),
            role,
            live: Live::Idle,
            ready: false,
            started: false,
            waiting: None,
            settle: None,
            held: false,
            not_before,
            failures: 0,
            backing_off: false,
            preparation: None,
            stop: None,
            probes: None,
        }
    }

    /// Moves the moment of the kill forward, if the container is being stopped.
    pub(super) fn hurry(&self, deadline: Instant) {
        if let (Live::Stopping, Some(stop)) = (self.live, &self.stop) {
            stop.send_if_modified(|order| {
                let sooner = order.is_none_or(|o| deadline < o.deadline);
                if sooner {
                    *order = Some(StopOrder { deadline });
                }
                sooner
            });
        }
    }

    /// Orders the container to end by `deadline`.
    pub(super) fn order_stop(&mut self, deadline: Instant) {
        if let Some(preparation) = self.preparation.take() {
            preparation.abort();
            self.live = Live::Idle;
            return;
        }
        if self.live != Live::Idle {
            self.live = Live::Stopping;
            self.probes = None;
            self.ready = false;
        }
        self.hurry(deadline);
    }

    /// Forgets what belonged to the process that has ended.
    pub(super) fn rest(&mut self) {
        self.live = Live::Idle;
        self.ready = false;
        self.started = false;
        self.stop = None;
        self.probes = None;
    }
}
