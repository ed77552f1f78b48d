//! One attempt of one container, from its start to its end.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use k8s_openapi::api::core::v1::Container as ContainerApi;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

use super::action::Action;
use super::log::{self, LogWriter, Stream};
use crate::handle::{Context, LiveContainer, PodHandle};
use crate::runtime::{Container, ContainerSpec, Exit, StartedContainer};

/// Longest termination message, in bytes.
const MESSAGE: u64 = 4096;
/// Longest termination message taken from the log: bytes and lines.
const FALLBACK: (usize, usize) = (2048, 80);

/// A container must end by then; until then it may end by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StopOrder {
    pub(crate) deadline: Instant,
}

/// What an attempt reports.
pub(crate) enum Report {
    Started {
        id: String,
        container: Arc<dyn Container>,
    },
    /// The postStart hook is over.
    Hooked(Result<(), String>),
    /// The program could not be started.
    Refused(String),
    Ended {
        exit: Exit,
        message: Option<String>,
    },
}

/// What an attempt needs beside its spec.
pub(crate) struct Attempt {
    pub(crate) context: Arc<Context>,
    pub(crate) handle: Arc<PodHandle>,
    pub(crate) api: Arc<ContainerApi>,
    pub(crate) spec: ContainerSpec,
    pub(crate) stop: watch::Receiver<Option<StopOrder>>,
    pub(crate) reports: mpsc::UnboundedSender<(String, u32, Report)>,
}

impl Attempt {
    fn report(&self, report: Report) {
        let _ = self
            .reports
            .send((self.spec.container.clone(), self.spec.attempt, report));
    }

    /// Runs the attempt. Always ends with one `Refused` or `Ended`.
    pub(crate) async fn run(mut self) {
        let options = &self.context.options;
        let dir = self.handle.log_dir(&self.spec.container);
        let log = LogWriter::create(
            &dir,
            self.spec.attempt,
            options.log_file_bytes,
            options.log_files,
            Arc::clone(&options.clock),
        );
        let log = match log {
            Ok(log) => log,
            Err(e) => return self.report(Report::Refused(format!("its log cannot be written: {e}"))),
        };
        let tty = self.spec.tty;
        let started = match self.context.runtime.start(self.spec.clone()).await {
            Ok(started) => started,
            Err(e) => {
                log.close();
                return self.report(Report::Refused(e.to_string()));
            }
        };
        let StartedContainer {
            container,
            stdin,
            stdout,
            stderr,
            resize,
        } = started;
        let (output, _) = broadcast::channel(256);
        let (ended_tx, ended) = watch::channel(None);
        self.handle.live.lock().insert(
            self.spec.container.clone(),
            LiveContainer {
                container: Arc::clone(&container),
                log: Arc::clone(&log),
                stdin: Arc::new(tokio::sync::Mutex::new(stdin)),
                output: output.clone(),
                ended,
                resize,
                tty,
            },
        );
        let tap = |stream: Stream| {
            let output = output.clone();
            move |bytes: &[u8]| {
                if output.receiver_count() > 0 {
                    let _ = output.send((stream, Bytes::copy_from_slice(bytes)));
                }
            }
        };
        let out = tokio::spawn(Arc::clone(&log).pump(stdout, Stream::Stdout, tap(Stream::Stdout)));
        let err = stderr.map(|e| tokio::spawn(Arc::clone(&log).pump(e, Stream::Stderr, tap(Stream::Stderr))));
        self.report(Report::Started {
            id: container.id(),
            container: Arc::clone(&container),
        });
        let exit = self.live(&container).await;

        // What was printed just before the end must be in the log before anybody hears of the end. The
        // limit is for a stream that somebody outside keeps open.
        let drain = async {
            let _ = out.await;
            if let Some(err) = err {
                let _ = err.await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), drain).await;
        log.close();
        self.handle.live.lock().remove(&self.spec.container);
        ended_tx.send_replace(Some(exit.code));
        let message = self.message(&dir, exit);
        self.report(Report::Ended { exit, message });
    }

    /// From the start to the end of the program, whoever brings it about.
    async fn live(&mut self, container: &Arc<dyn Container>) -> Exit {
        let address = self.context.options.address.clone();
        let lifecycle = self.api.lifecycle.as_ref();
        if let Some(hook) = lifecycle.and_then(|l| l.post_start.as_ref()) {
            let action = Action::of_hook(hook, &self.api, &address);
            let outcome = tokio::select! {
                exit = container.wait() => return exit,
                _ = ordered(self.stop.clone()) => Ok(()),
                outcome = action.run(container) => outcome,
            };
            self.report(Report::Hooked(outcome));
        } else {
            self.report(Report::Hooked(Ok(())));
        }
        tokio::select! {
            exit = container.wait() => return exit,
            // A worker that went away without a word leaves nobody to report to.
            ordered = ordered(self.stop.clone()) => if !ordered {
                container.kill().await;
                return container.wait().await;
            },
        }
        let ending = async {
            if let Some(hook) = lifecycle.and_then(|l| l.pre_stop.as_ref()) {
                let action = Action::of_hook(hook, &self.api, &address);
                if let Err(problem) = action.run(container).await {
                    tracing::warn!(pod = %self.spec.pod, container = %self.spec.container, problem, "preStop hook failed");
                }
            }
            container.terminate().await;
            std::future::pending::<()>().await;
        };
        let patience = deadline(self.stop.clone());
        tokio::select! {
            exit = container.wait() => return exit,
            () = ending => {}
            () = patience => {}
        }
        container.kill().await;
        container.wait().await
    }

    /// The termination message: the file the program left, or with the fallback policy the end of its log.
    fn message(&self, log_dir: &Path, exit: Exit) -> Option<String> {
        let mut bytes = Vec::new();
        if let Ok(file) = open_plain(&self.spec.termination_log) {
            let _ = file.take(MESSAGE).read_to_end(&mut bytes);
        }
        let fallback = self.api.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
        if bytes.is_empty() && fallback && exit.code != 0 {
            let text = log::tail(log_dir, self.spec.attempt, FALLBACK.0, FALLBACK.1);
            return (!text.is_empty()).then_some(text);
        }
        (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Opens a file a container could write to; never follows a link and never waits for a pipe.
fn open_plain(path: &Path) -> std::io::Result<fs::File> {
    use rustix::fs::{Mode, OFlags};
    let fd = rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let file = fs::File::from(fd);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(std::io::ErrorKind::InvalidInput.into())
    }
}

/// Resolves when the container is to stop; `false` when nobody can say so any more.
async fn ordered(mut stop: watch::Receiver<Option<StopOrder>>) -> bool {
    stop.wait_for(Option::is_some).await.is_ok()
}

/// Resolves at the order's deadline, also when a later order brings it forward.
async fn deadline(mut stop: watch::Receiver<Option<StopOrder>>) {
    loop {
        let order = *stop.borrow_and_update();
        let Some(order) = order else { return };
        tokio::select! {
            () = tokio::time::sleep_until(order.deadline) => return,
            changed = stop.changed() => if changed.is_err() {
                tokio::time::sleep_until(order.deadline).await;
                return;
            },
        }
    }
}
