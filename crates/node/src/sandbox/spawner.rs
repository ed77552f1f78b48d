//! One thread that starts every sandbox.
//!
//! Linux ties "die with the parent" to the parent's thread, not its process. Threads of an async runtime
//! come and go, so all sandboxes are started from this one, which lives as long as any of them.

use std::io;
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Job = (Command, Handle, oneshot::Sender<io::Result<Child>>);

/// Starts processes from its own thread. The thread ends when the last handle is dropped.
pub(crate) struct Spawner {
    jobs: mpsc::Sender<Job>,
}

impl Spawner {
    pub(crate) fn new() -> io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("sandbox-spawner".to_owned())
            .spawn(move || {
                for (mut command, runtime, answer) in inbox {
                    let _entered = runtime.enter();
                    let _ = answer.send(command.spawn());
                }
            })?;
        Ok(Self { jobs })
    }

    /// Starts a process.
    pub(crate) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (answer, answered) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts sandboxes has ended");
        self.jobs
            .send((command, Handle::current(), answer))
            .map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}
