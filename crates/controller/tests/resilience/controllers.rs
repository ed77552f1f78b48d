//! One controller after the other: when a request of one hangs, it is killed, and the next one starts.

use std::sync::Arc;

use koc_controller::{Clock, Controller, Options, View};
use koc_testkit::faults::Faults;
use kube::Client;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The controllers of one world.
pub(crate) struct Controllers {
    client: Client,
    clock: Clock,
    faults: Faults,
    current: Mutex<Option<Running>>,
    /// How many were killed and followed by another one.
    succeeded: watch::Sender<usize>,
    supervising: Mutex<Option<JoinHandle<()>>>,
}

struct Running {
    view: View,
    task: JoinHandle<()>,
}

impl Controllers {
    /// Starts the first one, and watches over all.
    pub(crate) fn start(client: Client, clock: Clock, faults: Faults) -> Arc<Self> {
        let controllers = Arc::new(Self {
            client,
            clock,
            faults,
            current: Mutex::default(),
            succeeded: watch::Sender::new(0),
            supervising: Mutex::default(),
        });
        controllers.start_one();
        let supervising = tokio::spawn(controllers.clone().supervise());
        *controllers.supervising.lock() = Some(supervising);
        controllers
    }

    fn start_one(&self) {
        let controller =
            Controller::new(self.client.clone(), Options::default()).with_clock(self.clock.clone());
        let view = controller.view();
        let task = tokio::spawn(controller.run(CancellationToken::new()));
        *self.current.lock() = Some(Running { view, task });
    }

    async fn supervise(self: Arc<Self>) {
        loop {
            let next = *self.succeeded.borrow() + 1;
            self.faults.until_hung(next).await;
            let killed = self.current.lock().take();
            if let Some(Running { task, .. }) = killed {
                task.abort();
                // What a dead process had asked for is still done by the server.
                _ = task.await;
            }
            self.faults.until_quiet().await;
            self.start_one();
            self.succeeded.send_replace(next);
        }
    }

    /// The view of the one that runs; nothing where one was killed, and the next one has not started.
    pub(crate) fn view(&self) -> Option<View> {
        let dead = *self.succeeded.borrow() < self.faults.hung();
        let current = self.current.lock();
        let running = current.as_ref().filter(|_| !dead)?;
        assert!(!running.task.is_finished(), "the controller ended by itself");
        Some(running.view.clone())
    }

    /// Marked changed when another one has started.
    pub(crate) fn successions(&self) -> watch::Receiver<usize> {
        self.succeeded.subscribe()
    }

    /// Kills the last one.
    pub(crate) async fn end(&self) {
        let supervising = self.supervising.lock().take();
        if let Some(supervising) = supervising {
            supervising.abort();
            _ = supervising.await;
        }
        let last = self.current.lock().take();
        if let Some(Running { task, .. }) = last {
            task.abort();
            _ = task.await;
        }
    }
}
