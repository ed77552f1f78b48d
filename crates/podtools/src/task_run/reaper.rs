//! Collecting children that have ended, ours and adopted ones.

use rustix::{
    io::Errno,
    process::{Pid, WaitOptions},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Learns of ended children. Made before the first child is started, so that no end is missed.
#[derive(Debug)]
pub(super) struct Reaper {
    children: Signal,
}

/// Waits for the end of one child while collecting all others.
#[derive(Debug)]
pub(super) struct Watched {
    exit: watch::Receiver<Option<Exit>>,
    task: JoinHandle<()>,
}

impl Reaper {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            children: signal(SignalKind::child())?,
        })
    }

    /// Collects every child from now on and remembers how `main` ended.
    pub(super) fn watch(mut self, main: Pid) -> Watched {
        let (sender, exit) = watch::channel(None);
        let task = tokio::spawn(async move {
            loop {
                // First collect, then wait: the child may have ended before this task ran for the first time.
                collect(main, &sender);
                if self.children.recv().await.is_none() {
                    return;
                }
            }
        });
        Watched { exit, task }
    }
}

impl Watched {
    /// Completes when the child has ended. Cancel safe, and may be called again.
    pub(super) async fn ended(&mut self) -> Exit {
        match self.exit.wait_for(Option::is_some).await.map(|exit| *exit) {
            Ok(Some(exit)) => exit,
            // The collecting task is gone, which only happens when the runtime shuts down.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// How the child ended, if it has.
    pub(super) fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn collect(main: Pid, sender: &watch::Sender<Option<Exit>>) {
    loop {
        // Any child: `waitpid` without a process would only wait for this process's own group.
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == main => {
                let exit = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Exit::Code(code),
                    (None, Some(signal)) => Exit::Signal(signal),
                    (None, None) => continue,
                };
                sender.send_replace(Some(exit));
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(_) => return,
        }
    }
}
