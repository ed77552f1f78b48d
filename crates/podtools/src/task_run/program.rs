//! The OpenCode process and everything it starts.

use std::{
    collections::VecDeque,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{io::AsyncReadExt, net::unix::pipe, task::JoinHandle, time::Instant};

use crate::task_run::{
    descendants,
    environment::Variables,
    reaper::{Exit, Reaper, Watched},
};

/// How much of what OpenCode prints is kept for the case that it crashes. It may print without end.
const TAIL_LINES: usize = 20;
const TAIL_LINE_BYTES: usize = 500;

/// After the last SIGKILL only a process that the kernel itself holds up can be left.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// How long the output of an OpenCode that has ended is waited for.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// How often the process table is looked at while it empties. There is no event for "the last grandchild is gone".
const KILL_STEP: Duration = Duration::from_millis(10);

/// A running OpenCode.
#[derive(Debug)]
pub(super) struct Program {
    pid: Pid,
    watched: Watched,
    tail: Arc<Mutex<Tail>>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts `opencode serve` in a process group of its own.
    pub(super) fn start(
        program: &Path,
        port: u16,
        directory: &Path,
        variables: &Variables,
    ) -> std::io::Result<Self> {
        let reaper = Reaper::new()?;
        let mut command = Command::new(program);
        command
            .args(["serve", "--hostname", "127.0.0.1", "--port", &port.to_string()])
            .current_dir(directory)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        let tail = Arc::new(Mutex::new(Tail::default()));
        let outputs = [
            child.stdout.take().map(OwnedFd::from),
            child.stderr.take().map(OwnedFd::from),
        ];
        let readers = outputs
            .into_iter()
            .flatten()
            .filter_map(|output| pipe::Receiver::from_owned_fd(output).ok())
            .map(|output| tokio::spawn(keep_tail(output, Arc::clone(&tail))))
            .collect();
        // The reaper waits for the process from here on; `Child` does nothing when it is dropped.
        Ok(Self {
            pid,
            watched: reaper.watch(pid),
            tail,
            readers,
        })
    }

    /// Completes when OpenCode itself has ended. Cancel safe.
    pub(super) async fn ended(&mut self) -> Exit {
        self.watched.ended().await
    }

    /// How OpenCode ended, if it has.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.watched.exit()
    }

    /// The last lines of an OpenCode that has ended. The end of a process is often known before its output has been
    /// read, so this waits for the readers; not for ever, since a program it left behind may hold the pipes open.
    pub(super) async fn last_words(&mut self) -> Vec<String> {
        let drained = async {
            while let Some(reader) = self.readers.last_mut() {
                let _ = reader.await;
                self.readers.pop();
            }
        };
        let _ = tokio::time::timeout(DRAIN_LIMIT, drained).await;
        self.tail()
    }

    /// The last lines that OpenCode has printed so far.
    pub(super) fn tail(&self) -> Vec<String> {
        self.tail.lock().map(|tail| tail.lines()).unwrap_or_default()
    }

    /// Ends OpenCode and everything that descends from it: asks, waits up to `grace`, then kills. OpenCode does not
    /// end the programs its tools have started, so its process group is not all.
    ///
    /// Returns how many processes could not be ended.
    pub(super) async fn end(&mut self, grace: Duration) -> usize {
        if self.exit().is_none() {
            // The group and not the process alone: a shell and its children get the signal together.
            let _ = kill_process_group(self.pid, Signal::TERM);
        }
        let left = end_all(grace).await;
        for reader in &self.readers {
            reader.abort();
        }
        left
    }
}

/// Ends every descendant of this process, and returns how many could not be ended.
pub(super) async fn end_all(grace: Duration) -> usize {
    signal_all(Signal::TERM);
    let asked = Instant::now();
    while asked.elapsed() < grace && !descendants::living().is_empty() {
        tokio::time::sleep(KILL_STEP).await;
    }
    let killed = Instant::now();
    loop {
        // Again and again, since a process may have started another between the look and the signal.
        let left = signal_all(Signal::KILL);
        if left == 0 || killed.elapsed() > KILL_LIMIT {
            return left;
        }
        tokio::time::sleep(KILL_STEP).await;
    }
}

fn signal_all(signal: Signal) -> usize {
    let living = descendants::living();
    for pid in &living {
        let _ = kill_process(*pid, signal);
    }
    living.len()
}

async fn keep_tail(mut output: pipe::Receiver, tail: Arc<Mutex<Tail>>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = output.read(&mut buffer).await {
        if let Ok(mut tail) = tail.lock() {
            tail.push(&buffer[..read]);
        }
    }
}

/// The last lines of an output of any size.
#[derive(Debug, Default)]
struct Tail {
    lines: VecDeque<String>,
    open: Vec<u8>,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = TAIL_LINE_BYTES.saturating_sub(self.open.len());
            self.open.extend_from_slice(&line[..line.len().min(room)]);
            if line.ends_with(b"\n") {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        let line = std::mem::take(&mut self.open);
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            return;
        }
        if self.lines.len() == TAIL_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    fn lines(&self) -> Vec<String> {
        let open = String::from_utf8_lossy(&self.open).trim_end().to_owned();
        self.lines
            .iter()
            .cloned()
            .chain((!open.is_empty()).then_some(open))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_of_a_hundred_megabytes_stays_small() {
        let mut tail = Tail::default();
        let chunk = vec![b'x'; 1024 * 1024];
        for _ in 0..100 {
            tail.push(&chunk);
        }
        tail.push(b"\nlast but one\n\nlast");
        assert!(tail.open.len() <= TAIL_LINE_BYTES);
        let lines = tail.lines();
        assert_eq!(lines[0].len(), TAIL_LINE_BYTES);
        assert_eq!(lines[1..], ["last but one", "last"]);
        for line in 0..1000 {
            tail.push(format!("{line}\n").as_bytes());
        }
        assert_eq!((tail.lines().len(), tail.lines()[19].as_str()), (20, "999"));
    }
}
