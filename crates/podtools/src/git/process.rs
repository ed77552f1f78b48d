//! Running `git`: with a deadline, and so that a signal ends it and whatever it has started.

use std::{cell::RefCell, ffi::OsString, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::{Instant, timeout},
};

use crate::{
    git::{
        environment::Variables,
        progress::{Progress, is_progress},
    },
    stop::Stop,
};

/// After SIGTERM `git` removes its locks, which is quick; then it is killed. A Pod's end must not wait for more.
const GRACE: Duration = Duration::from_millis(400);

/// How long the output of a `git` that has ended is waited for; a program it left behind may hold it open.
const DRAIN: Duration = Duration::from_secs(2);

/// More output than this is not looked at. The references of the largest repositories are a few MB.
const MAX_OUTPUT: usize = 32 * 1024 * 1024;

/// Of what `git` says, so many lines of such a length are kept.
const MAX_LINES: usize = 60;
const MAX_LINE_BYTES: usize = 1000;

/// Why a `git` did not do what it was asked.
#[derive(Debug)]
pub(super) enum Fault {
    /// This process was told to stop by this signal.
    Stopped(i32),
    /// The time was over.
    TimedOut,
    /// There is no `git`, or it cannot be started.
    NotStarted(std::io::Error),
    /// It said why, on standard error, progress left out.
    Failed(Vec<String>),
}

/// One call of `git`.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub git_dir: &'a Path,
    pub work_tree: &'a Path,
    pub variables: &'a Variables,
    pub arguments: Vec<OsString>,
    pub deadline: Instant,
}

impl Call<'_> {
    /// Runs it and returns what it wrote to standard output.
    pub(super) async fn run(
        self,
        stop: &Stop,
        progress: Option<&mut Progress<'_>>,
    ) -> Result<Vec<u8>, Fault> {
        let mut child = Command::new("git")
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables)
            .env("GIT_DIR", self.git_dir)
            .env("GIT_WORK_TREE", self.work_tree)
            .current_dir(self.work_tree)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Fault::NotStarted)?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let said = RefCell::new(Said {
            lines: Vec::new(),
            open: Vec::new(),
            progress,
        });
        let output = RefCell::new(Vec::new());
        let mut stop = stop.clone();
        let ended = {
            let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
            let reading = async {
                tokio::join!(
                    each_chunk(stdout, |chunk| {
                        let mut output = output.borrow_mut();
                        let room = MAX_OUTPUT.saturating_sub(output.len());
                        output.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    }),
                    each_chunk(stderr, |chunk| said.borrow_mut().push(chunk)),
                );
            };
            let work = async {
                let mut reading = std::pin::pin!(reading);
                tokio::select! {
                    status = child.wait() => {
                        let _ = timeout(DRAIN, reading).await;
                        status
                    }
                    () = &mut reading => child.wait().await,
                }
            };
            tokio::select! {
                biased;
                signal = stop.told() => Err(Fault::Stopped(signal)),
                () = tokio::time::sleep_until(self.deadline) => Err(Fault::TimedOut),
                status = work => Ok(status),
            }
        };
        let status = match ended {
            Ok(status) => status.map_err(Fault::NotStarted)?,
            Err(fault) => {
                end(&mut child, group).await;
                return Err(fault);
            }
        };
        if status.success() {
            Ok(output.into_inner())
        } else {
            Err(Fault::Failed(said.into_inner().finish()))
        }
    }
}

/// Ends `git` and its process group, which `ssh` and the helpers for HTTP belong to.
async fn end(child: &mut Child, group: Option<Pid>) {
    let signal = |signal| {
        if let Some(group) = group {
            let _ = kill_process_group(group, signal);
        }
    };
    signal(Signal::TERM);
    let _ = timeout(GRACE, child.wait()).await;
    signal(Signal::KILL);
    let _ = timeout(GRACE, child.wait()).await;
}

async fn each_chunk(stream: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&[u8])) {
    let Some(mut stream) = stream else {
        return;
    };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        take(&buffer[..read]);
    }
}

/// The lines of standard error. Progress ends with a carriage return and is not kept.
struct Said<'a, 'b> {
    lines: Vec<String>,
    open: Vec<u8>,
    progress: Option<&'a mut Progress<'b>>,
}

impl Said<'_, '_> {
    fn push(&mut self, chunk: &[u8]) {
        for part in chunk.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let room = MAX_LINE_BYTES.saturating_sub(self.open.len());
            self.open.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") || part.ends_with(b"\r") {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        let line = std::mem::take(&mut self.open);
        // The other end pads its lines with a terminal's "erase to the end".
        let line = String::from_utf8_lossy(&line).replace("\u{1b}[K", "");
        let line = line.trim_end();
        if line.is_empty() {
        } else if is_progress(line) {
            if let Some(progress) = &mut self.progress {
                progress.see(line);
            }
        } else if self.lines.len() < MAX_LINES {
            self.lines.push(line.to_owned());
        } else {
            // The first lines explain, and so does the last one.
            self.lines.pop();
            self.lines.push(line.to_owned());
        }
    }

    fn finish(mut self) -> Vec<String> {
        if !self.open.is_empty() {
            self.close();
        }
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_left_out_and_the_rest_stays_small() {
        let mut said = Said {
            lines: Vec::new(),
            open: Vec::new(),
            progress: None,
        };
        said.push(b"Receiving objects:  1% (1/100)\rReceiving objects: 100% (100/100), done.\nremote: hel");
        said.push(b"lo\x1b[K\n\n");
        for line in 0..1000 {
            said.push(format!("{line}{}\n", "x".repeat(10_000)).as_bytes());
        }
        said.push(b"fatal: end");
        let lines = said.finish();
        assert_eq!((lines.len(), lines[0].as_str()), (MAX_LINES, "remote: hello"));
        assert_eq!(lines.last().unwrap(), "fatal: end");
        assert!(lines.iter().all(|line| line.len() <= MAX_LINE_BYTES));
    }
}
