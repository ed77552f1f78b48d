use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use rustix::process::{Signal, pidfd_send_signal};
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::sync::{oneshot, watch};

use super::link::Link;
use super::protocol::{Answer, Order, Program};
use super::spawner::Spawner;
use super::terminal::{Terminal, watched};
use crate::RuntimeError;
use crate::runtime::{
    Container, ContainerSpec, ExecSpec, Exit, InputStream, OutputStream, Process, Resize, StartedContainer,
};

/// Answers to one exec that are still to come.
struct Pending {
    started: Option<oneshot::Sender<Result<Option<OwnedFd>, String>>>,
    ended: Option<oneshot::Sender<i32>>,
}

/// A container in a sandbox.
pub(super) struct SandboxContainer {
    id: String,
    name: String,
    link: Link,
    /// The sandbox's first process. Ending it ends the whole sandbox.
    process: AsyncFd<OwnedFd>,
    exit: watch::Sender<Option<Exit>>,
    execs: Mutex<HashMap<u64, Pending>>,
    next: AtomicU64,
    /// The root directory, of no use to anybody once the container has ended.
    root: PathBuf,
    /// Bubblewrap itself, kept so that it is reaped, and its thread, which must outlive it.
    child: Mutex<Option<Child>>,
    _spawner: Arc<Spawner>,
}

impl Drop for SandboxContainer {
    fn drop(&mut self) {
        // Nobody is left who could end it later.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
    }
}

impl SandboxContainer {
    pub(super) fn new(
        spec: &ContainerSpec,
        link: Link,
        child: Child,
        process: OwnedFd,
        spawner: Arc<Spawner>,
    ) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            id: format!("sandbox://{}/{}/{}", spec.pod.uid, spec.container, spec.attempt),
            name: spec.container.clone(),
            link,
            process: watched(process).map_err(|e| e.to_string())?,
            exit: watch::Sender::new(None),
            execs: Mutex::default(),
            next: AtomicU64::new(0),
            root: super::root::place(spec),
            child: Mutex::new(Some(child)),
            _spawner: spawner,
        }))
    }

    /// Starts the container's program and then follows what the sandbox says.
    pub(super) async fn start(
        self: Arc<Self>,
        program: Program,
        stdout: pipe::Receiver,
        stderr: pipe::Receiver,
    ) -> Result<StartedContainer, String> {
        let tty = program.tty;
        let (mut stdin, theirs) = input(program.stdin && !tty)?;
        let order = Order::Start(program);
        let fds: Vec<_> = theirs.iter().map(AsFd::as_fd).collect();
        self.link
            .send(&order, &fds)
            .await
            .map_err(|e| format!("the sandbox ended before its program began: {e}"))?;
        drop(theirs);
        let Order::Start(Program {
            stdin: wants_stdin, ..
        }) = order
        else {
            return Err(String::new());
        };
        let mut luggage = match self.link.receive().await {
            Ok(Some((Answer::Started, luggage))) => luggage,
            Ok(Some((Answer::Refused { detail }, _))) => return Err(detail),
            Ok(_) => return Err("the sandbox ended before its program began".to_owned()),
            Err(e) => return Err(format!("the sandbox cannot be understood: {e}")),
        };
        let following = Arc::clone(&self);
        tokio::spawn(async move { following.follow().await });
        let mut resize: Option<Resize> = None;
        let (out, err): (OutputStream, Option<OutputStream>) = match (tty, luggage.fds.pop()) {
            (true, Some(fd)) => {
                let terminal = Terminal::new(fd).map_err(|e| format!("its terminal cannot be used: {e}"))?;
                let sized = terminal.clone();
                resize = Some(Arc::new(move |columns, rows| sized.resize(columns, rows)));
                if wants_stdin {
                    stdin = Some(Box::new(terminal.clone()));
                }
                (Box::new(terminal), None)
            }
            (true, None) => return Err("the sandbox gave no terminal".to_owned()),
            (false, _) => (Box::new(stdout), Some(Box::new(stderr))),
        };
        Ok(StartedContainer {
            container: self,
            stdin,
            stdout: out,
            stderr: err,
            resize,
        })
    }

    /// Takes answers until the sandbox is gone, then lets everybody know.
    async fn follow(&self) {
        let mut code = None;
        while let Ok(Some((answer, mut luggage))) = self.link.receive().await {
            match answer {
                Answer::Ended { code: ended } => {
                    code = Some(ended.clamp(0, 255));
                    break;
                }
                Answer::ExecStarted { id } => {
                    let fd = luggage.fds.pop();
                    if let Some(started) = self.execs.lock().get_mut(&id).and_then(|p| p.started.take()) {
                        let _ = started.send(Ok(fd));
                    }
                }
                Answer::ExecRefused { id, detail } => {
                    if let Some(started) = self.execs.lock().remove(&id).and_then(|p| p.started) {
                        let _ = started.send(Err(detail));
                    }
                }
                Answer::ExecEnded { id, code } => {
                    if let Some(ended) = self.execs.lock().remove(&id).and_then(|p| p.ended) {
                        let _ = ended.send(code);
                    }
                }
                Answer::Hello | Answer::Seen { .. } | Answer::Started | Answer::Refused { .. } => {}
            }
        }
        // A first process that goes on after its program's end, or talks nonsense, is not waited for long.
        let gone = self.process.readable();
        if tokio::time::timeout(Duration::from_secs(2), gone).await.is_err() {
            let _ = pidfd_send_signal(&self.process, Signal::KILL);
            let _ = self.process.readable().await;
        }
        let child = self.child.lock().take();
        if let Some(mut child) = child {
            let _ = child.wait().await;
        }
        // Without a last word it was killed from outside.
        self.exit.send_replace(Some(Exit::code(code.unwrap_or(137))));
        self.execs.lock().clear();
        // Removing places that were mounted over is slow, so nobody waits for it.
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || crate::sweep::remove(&root));
    }

    async fn run(&self, spec: ExecSpec) -> Result<Process, RuntimeError> {
        let failed = |detail: String| RuntimeError::Exec {
            container: self.name.clone(),
            detail,
        };
        if self.exit.borrow().is_some() {
            return Err(RuntimeError::NotRunning {
                container: self.name.clone(),
            });
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (started_tx, started) = oneshot::channel();
        let (ended_tx, ended) = oneshot::channel();
        self.execs.lock().insert(
            id,
            Pending {
                started: Some(started_tx),
                ended: Some(ended_tx),
            },
        );
        let (mut stdin, mut theirs) = input(spec.stdin && !spec.tty).map_err(failed)?;
        let mut streams = Vec::new();
        if !spec.tty {
            for _ in 0..2 {
                let (ours, inner) = std::io::pipe().map_err(|e| failed(e.to_string()))?;
                let ours = pipe::Receiver::from_owned_fd(ours.into()).map_err(|e| failed(e.to_string()))?;
                streams.push(Box::new(ours) as OutputStream);
                theirs.push(inner.into());
            }
        }
        let order = Order::Exec {
            id,
            argv: spec.command,
            tty: spec.tty,
            stdin: spec.stdin && !spec.tty,
        };
        let fds: Vec<_> = theirs.iter().map(AsFd::as_fd).collect();
        self.link
            .send(&order, &fds)
            .await
            .map_err(|e| failed(e.to_string()))?;
        drop(fds);
        drop(theirs);
        let gone = || RuntimeError::NotRunning {
            container: self.name.clone(),
        };
        let terminal = started.await.map_err(|_| gone())?.map_err(failed)?;
        let mut resize: Option<Resize> = None;
        if spec.tty {
            let fd = terminal.ok_or_else(|| failed("the sandbox gave no terminal".to_owned()))?;
            let terminal = Terminal::new(fd).map_err(|e| failed(e.to_string()))?;
            let sized = terminal.clone();
            resize = Some(Arc::new(move |columns, rows| sized.resize(columns, rows)));
            if spec.stdin {
                stdin = Some(Box::new(terminal.clone()));
            }
            streams.push(Box::new(terminal));
        }
        let mut streams = streams.into_iter();
        Ok(Process {
            stdin,
            stdout: streams.next(),
            stderr: streams.next(),
            resize,
            exit: Box::pin(async move { Exit::code(ended.await.unwrap_or(137)) }),
        })
    }
}

/// A pipe to a program's standard input, if it is to have one: our end and theirs.
fn input(wanted: bool) -> Result<(Option<InputStream>, Vec<OwnedFd>), String> {
    if !wanted {
        return Ok((None, Vec::new()));
    }
    let (theirs, ours) = std::io::pipe().map_err(|e| e.to_string())?;
    let ours = pipe::Sender::from_owned_fd(ours.into()).map_err(|e| e.to_string())?;
    Ok((Some(Box::new(ours)), vec![theirs.into()]))
}

impl Container for SandboxContainer {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn wait(&self) -> BoxFuture<'_, Exit> {
        Box::pin(async {
            let mut exit = self.exit.subscribe();
            exit.wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|e| *e)
                .unwrap_or(Exit::code(137))
        })
    }

    fn terminate(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if self.exit.borrow().is_none() {
                let _ = self.link.send(&Order::Terminate, &[]).await;
            }
        })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let _ = pidfd_send_signal(&self.process, Signal::KILL);
        })
    }

    fn exec(&self, spec: ExecSpec) -> BoxFuture<'_, Result<Process, RuntimeError>> {
        Box::pin(self.run(spec))
    }
}
