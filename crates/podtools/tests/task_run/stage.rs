//! A place to run `task-run` in, and what came of it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use koc_api::result::RunResult;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

/// No run of a test takes this long, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(180);

/// Home, workspace and settings of one run.
pub(crate) struct Stage {
    root: tempfile::TempDir,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) arguments: Vec<String>,
}

/// A run that has begun.
pub(crate) struct Running {
    child: Child,
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
    seen: String,
}

/// A run that is over.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) log: String,
    pub(crate) result: RunResult,
    /// The termination message as it was written.
    pub(crate) message: String,
}

impl Stage {
    pub(crate) fn new(opencode: &Path) -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["home", "workspace", "tmp"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let stage = Self {
            root,
            variables: Vec::new(),
            arguments: Vec::new(),
        };
        let path = |name: &str| stage.path(name).to_str().unwrap().to_owned();
        let variables = [
            ("HOME", path("home")),
            ("TMPDIR", path("tmp")),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("WORKSPACE_DIR", path("workspace")),
            ("TERMINATION_LOG", path("termination-log")),
            ("OPENCODE_PROGRAM", opencode.to_str().unwrap().to_owned()),
            ("TASK_SESSION_TITLE", "kubeopencode/ns/task/01234567".to_owned()),
            ("TASK_STOP_GRACE_SECONDS", "3".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { variables, ..stage }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn prompt(&self, text: &str) {
        std::fs::write(self.path("workspace/task.md"), text).unwrap();
    }

    pub(crate) fn start(&self) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_podtool"))
            .arg("task-run")
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running {
            child,
            lines,
            seen: String::new(),
        }
    }

    pub(crate) async fn run(&self) -> Ended {
        let running = self.start();
        self.end(running).await
    }

    /// Waits for the end and checks that nothing of the run is left.
    pub(crate) async fn end(&self, mut running: Running) -> Ended {
        let finish = async {
            let mut rest = String::new();
            while let Some(line) = running.lines.next_line().await.unwrap() {
                rest.push_str(&line);
                rest.push('\n');
            }
            (running.child.wait().await.unwrap().code(), rest)
        };
        let (code, rest) = tokio::time::timeout(PATIENCE, finish)
            .await
            .expect("the run does not end");
        let log = running.seen + &rest;
        assert_eq!(
            self.processes(),
            Vec::<String>::new(),
            "processes are left over\n{log}"
        );
        let message = std::fs::read_to_string(self.path("termination-log")).unwrap();
        let result = serde_json::from_str(&message).unwrap();
        Ended {
            code,
            log,
            result,
            message,
        }
    }

    /// The command lines of all processes that have inherited this stage's home.
    pub(crate) fn processes(&self) -> Vec<String> {
        self.pids().into_iter().map(|(_, command)| command).collect()
    }

    /// The process whose command line contains this text.
    pub(crate) fn pid_of(&self, part: &str) -> Option<Pid> {
        let (pid, _) = self
            .pids()
            .into_iter()
            .find(|(_, command)| command.contains(part))?;
        Pid::from_raw(pid)
    }

    fn pids(&self) -> Vec<(i32, String)> {
        let mark = format!("HOME={}", self.path("home").display());
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|entry| {
                let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
                let environment = std::fs::read(entry.path().join("environ")).ok()?;
                if !environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == mark.as_bytes())
                {
                    return None;
                }
                let command = std::fs::read(entry.path().join("cmdline")).ok()?;
                let command = String::from_utf8_lossy(&command).replace('\0', " ");
                (!command.is_empty() && pid != i32::try_from(std::process::id()).ok()?)
                    .then_some((pid, command))
            })
            .collect()
    }
}

impl Running {
    /// Reads the log until a line contains this text.
    pub(crate) async fn until(&mut self, part: &str) {
        let wait = async {
            loop {
                let line = self.lines.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("{part:?} is not in the log:\n{}", self.seen));
                self.seen.push_str(&line);
                self.seen.push('\n');
                if line.contains(part) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("the line does not come");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
            .unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Reads nothing of the log any more.
    pub(crate) async fn wait_without_reading(mut self) -> Option<i32> {
        drop(self.lines);
        let _ = self
            .child
            .stderr
            .take()
            .map(|mut stderr| async move { stderr.read_u8().await });
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("the run does not end")
            .unwrap()
            .code()
    }
}

impl Ended {
    /// Checks code, reason and a part of the sentence.
    #[track_caller]
    pub(crate) fn check(&self, code: i32, reason: &str, part: &str) -> &Self {
        assert_eq!(
            (self.code, self.result.reason.as_str()),
            (Some(code), reason),
            "{}\n{}",
            self.message,
            self.log
        );
        assert!(
            self.result.message.contains(part),
            "{part:?} is not in {:?}\n{}",
            self.result.message,
            self.log
        );
        assert!(self.message.len() <= koc_api::result::MAX_TERMINATION_MESSAGE_BYTES);
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, part: &str) -> &Self {
        assert!(
            self.log.contains(part),
            "{part:?} is not in the log:\n{}",
            self.log
        );
        self
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}
