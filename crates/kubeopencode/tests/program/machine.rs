//! A user's machine for one test: a home of its own, and the program built for this test run.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Nothing here takes as long on any machine; a test that does hangs.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Machine {
    home: TempDir,
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The program in this home, with a stand-in for OpenCode that nothing starts.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubeopencode"));
        command
            .args(args)
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("XDG_") || name.starts_with("KUBEOPENCODE_") || name == "RUST_LOG" {
                command.env_remove(&*name);
            }
        }
        command
            .env("HOME", self.home.path())
            .env("NO_COLOR", "1")
            .env("KUBEOPENCODE_OPENCODE", "/bin/sh");
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Finished {
        finish(self.command(args), "")
    }

    pub(crate) fn run_with_stdin<A: AsRef<OsStr>>(&self, args: &[A], stdin: &str) -> Finished {
        finish(self.command(args), stdin)
    }

    /// Starts a command that stays; its first line on standard output comes along.
    pub(crate) fn start<A: AsRef<OsStr>>(&self, args: &[A]) -> Running {
        let mut child = self
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut first_line = String::new();
        stdout.read_line(&mut first_line).unwrap();
        if first_line.is_empty() {
            child.wait().unwrap();
            panic!("it ended without a line: {}", stderr.join().unwrap());
        }
        Running {
            child: Ended(child),
            stdout,
            stderr,
            first_line,
        }
    }

    /// How many processes have anything of this home mounted or in their command line.
    pub(crate) fn processes(&self) -> usize {
        processes_with(self.home.path().to_str().unwrap()).len()
    }

    /// Waits until no process has anything of this home mounted or in its command line.
    pub(crate) fn wait_until_no_process_is_left(&self) {
        let marker = self.home.path().to_str().unwrap().to_owned();
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = processes_with(&marker);
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left over: {left:?}");
            std::thread::yield_now();
        }
    }
}

fn processes_with(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        if !entry
            .file_name()
            .to_string_lossy()
            .bytes()
            .all(|byte| byte.is_ascii_digit())
        {
            continue;
        }
        let read = |name| fs::read(path.join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let cmdline = read("cmdline").unwrap_or_default();
        if cmdline.contains(marker) || read("mountinfo").unwrap_or_default().contains(marker) {
            found.push(format!("{} {}", path.display(), cmdline.replace('\0', " ")));
        }
    }
    found
}

fn finish(mut command: Command, stdin: &str) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command that is still running.
pub(crate) struct Running {
    child: Ended,
    stdout: BufReader<ChildStdout>,
    stderr: std::thread::JoinHandle<String>,
    pub(crate) first_line: String,
}

/// A child that doesn't outlive its test, not even when the test panics.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Both fail for a child that was waited for already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    pub(crate) fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.child.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    pub(crate) fn kill(mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
    }

    pub(crate) fn finish(mut self) -> Finished {
        let mut stdout = self.first_line;
        self.stdout.read_to_string(&mut stdout).unwrap();
        let status = self.child.0.wait().unwrap();
        Finished {
            code: status.code(),
            stdout,
            stderr: self.stderr.join().unwrap(),
        }
    }
}

impl Finished {
    #[track_caller]
    pub(crate) fn check(&self, code: i32, stderr: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for part in stderr {
            assert!(
                self.stderr.contains(part),
                "standard error lacks {part:?}: {self:#?}"
            );
        }
    }
}

/// The real OpenCode program: the one this machine's user has cached, fetched now if there is none yet.
pub(crate) fn opencode() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let output = Command::new(env!("CARGO_BIN_EXE_kubeopencode"))
            .arg("provision")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "the real OpenCode is needed here: {stderr}"
        );
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}

/// A template whose Pod runs a shell script instead of OpenCode, and a Task that uses it.
pub(crate) fn shell_task(name: &str, script: &str) -> String {
    let command = serde_json::json!(["/bin/sh", "-c", script]);
    format!(
        "apiVersion: kubeopencode.io/v1alpha1\nkind: AgentTemplate\nmetadata: {{name: {name}}}\n\
         spec: {{workspaceDir: /workspace, serviceAccountName: default, command: {command}}}\n---\n\
         apiVersion: kubeopencode.io/v1alpha1\nkind: Task\nmetadata: {{name: {name}}}\n\
         spec: {{templateRef: {{name: {name}}}, description: none}}\n---\n"
    )
}
