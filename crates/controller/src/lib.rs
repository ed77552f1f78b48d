//! The controller: watches the cluster, lets `koc_core` decide, carries the plans out.
//!
//! It is handed a `kube::Client` and never asks which API server is behind it.

mod cache;
mod caches;
mod clock;
mod effects;
mod queue;
mod reconcile;
mod view;

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use kube::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::caches::Caches;
use crate::queue::{Key, Queue};
use crate::reconcile::{Next, Reconciler};
use crate::view::Bell;

pub use crate::clock::Clock;
pub use crate::view::View;

/// How the controller works.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many Tasks are worked on at the same time. The work is waiting for the API server, so it may be many.
    pub concurrency: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { concurrency: 32 }
    }
}

/// Runs a controller with the machine's clock until `shutdown`. Plans under way are finished first; whatever is cut off
/// nevertheless is decided anew at the next start.
pub async fn run(client: Client, options: Options, shutdown: CancellationToken) {
    Controller::new(client, options).run(shutdown).await;
}

/// A controller that does not run yet.
pub struct Controller {
    client: Client,
    options: Options,
    clock: Clock,
    view: View,
}

impl Controller {
    /// A controller with the machine's clock.
    #[must_use]
    pub fn new(client: Client, options: Options) -> Self {
        let bell = Arc::new(Bell::default());
        let view = View {
            queue: Arc::new(Queue::new(bell.clone())),
            caches: Arc::new(Caches::new(&bell)),
            bell,
        };
        Self {
            client,
            options,
            clock: Clock::default(),
            view,
        }
    }

    /// Judges Tasks by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// What it sees and does, to be looked at while it runs.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// Runs until `shutdown`, as [`run`] does.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self {
            client,
            options,
            clock,
            view,
        } = self;
        work(client, &options, clock, view, shutdown).await;
    }
}

async fn work(client: Client, options: &Options, clock: Clock, view: View, shutdown: CancellationToken) {
    let View { queue, caches, .. } = view;
    let mut watches = JoinSet::new();
    caches::follow_all(&caches, &client, &queue, &shutdown, &mut watches);

    tokio::select! {
        () = caches.wait_synced() => info!("the controller has seen the cluster and starts to work"),
        () = shutdown.cancelled() => return,
    }
    let reconciler = Arc::new(Reconciler::new(client, caches, clock));
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(()) = running.next(), if !running.is_empty() => {}
            key = queue.next(), if running.len() < options.concurrency => {
                let (queue, reconciler) = (queue.clone(), reconciler.clone());
                running.push(async move { work_on(&queue, &reconciler, key).await });
            }
        }
    }
    while running.next().await.is_some() {}
    watches.shutdown().await;
}

async fn work_on(queue: &Queue, reconciler: &Reconciler, key: Key) {
    // A pass holds a whole World; on the heap it is moved around as a pointer.
    match Box::pin(reconciler.reconcile(&key)).await {
        Ok(Next::Rest(wake)) => queue.done(key, wake),
        Ok(Next::Again(delay)) => queue.again(key, delay),
        Err(error) => {
            let (namespace, name) = (key.namespace.clone(), key.name.clone());
            let delay = queue.failed(key);
            warn!(%namespace, task = %name, %error, retry_in = ?delay, "the Task could not be worked on and will be retried");
        }
    }
}
