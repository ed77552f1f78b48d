//! The request to stop, by a signal.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// The request to stop, by a signal.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    signal: watch::Receiver<Option<i32>>,
}

impl Stop {
    /// Catches SIGTERM, SIGINT and SIGHUP from here on.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (sender, receiver) = watch::channel(None);
        for (kind, number) in [
            (SignalKind::terminate(), 15),
            (SignalKind::interrupt(), 2),
            (SignalKind::hangup(), 1),
        ] {
            let (mut stream, sender) = (signal(kind)?, sender.clone());
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    sender.send_if_modified(|told| {
                        let first = told.is_none();
                        *told = told.or(Some(number));
                        first
                    });
                }
            });
        }
        Ok(Self { signal: receiver })
    }

    /// Completes with the number of the first signal. Cancel safe, and may be called again.
    pub(crate) async fn told(&mut self) -> i32 {
        match self.signal.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}
