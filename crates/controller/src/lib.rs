//! The controller: watches the cluster, lets `koc_core` decide, carries the plans out.
//!
//! It is handed a `kube::Client` and never asks which API server is behind it.

mod cache;
mod caches;
mod effects;
mod queue;
mod reconcile;

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use kube::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::caches::Caches;
use crate::queue::{Key, Queue};
use crate::reconcile::{Reconciled, Reconciler};

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

/// Runs the controller until `shutdown`. Plans under way are finished first; whatever is cut off nevertheless is
/// decided anew at the next start.
pub async fn run(client: Client, options: Options, shutdown: CancellationToken) {
    let queue = Arc::new(Queue::default());
    let caches = Arc::new(Caches::default());
    let mut watches = JoinSet::new();
    caches::follow_all(&caches, &client, &queue, &shutdown, &mut watches);

    tokio::select! {
        () = caches.wait_synced() => info!("the controller has seen the cluster and starts to work"),
        () = shutdown.cancelled() => return,
    }
    let reconciler = Arc::new(Reconciler::new(client, caches));
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
        Ok(Reconciled { wake }) => queue.done(key, wake),
        Err(error) => {
            let (namespace, name) = (key.namespace.clone(), key.name.clone());
            let delay = queue.failed(key);
            warn!(%namespace, task = %name, %error, retry_in = ?delay, "the Task could not be worked on and will be retried");
        }
    }
}
