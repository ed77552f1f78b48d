//! `kubeopencode controller`: the controller alone, for a cluster.

use anyhow::Context as _;
use koc_controller::Options;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Run the controller against the cluster of the current kubeconfig, or of the Pod this runs in
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  kubeopencode controller")]
pub(crate) struct ControllerArgs {
    /// How many Tasks are worked on at the same time
    #[arg(long, default_value_t = Options::default().concurrency, value_name = "NUMBER")]
    concurrency: usize,
}

/// Returns after SIGINT or SIGTERM, when the plans under way are carried out.
pub(crate) async fn controller(args: ControllerArgs) -> anyhow::Result<u8> {
    let ControllerArgs { concurrency } = args;
    let client = kube::Client::try_default().await.context(
        "there is no cluster to talk to; set KUBECONFIG, or use `kubeopencode up` for one on this machine",
    )?;
    let shutdown = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    koc_controller::run(client, Options { concurrency }, shutdown).await;
    Ok(0)
}
