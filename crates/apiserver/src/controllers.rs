//! The server's own controllers: what a real cluster's controller manager does for every kind.

mod collector;
mod events;
mod namespaces;
mod owners;

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::api::{Api, Inner};
use crate::crd_lifecycle;

pub(crate) use namespaces::furnish;

/// Starts them all; they end when the server stops.
pub(crate) fn start(api: &Api) -> Vec<JoinHandle<()>> {
    let spawn = |api: Arc<Inner>, run: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        tokio::spawn(async move {
            tokio::select! {
                () = api.stop.cancelled() => {}
                () = run => {}
            }
        })
    };
    vec![
        spawn(api.clone(), Box::pin(collector::run(api.clone()))),
        spawn(api.clone(), Box::pin(namespaces::run(api.clone()))),
        spawn(api.clone(), Box::pin(events::run(api.clone()))),
        spawn(api.clone(), Box::pin(crd_lifecycle::run(api.clone()))),
    ]
}
