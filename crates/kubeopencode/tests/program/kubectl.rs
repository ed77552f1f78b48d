//! The real kubectl against the cluster that stays. What needs neither our kinds nor a node is tested with the API
//! server itself.

mod pods;
mod tasks;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::machine::{Finished, Machine, Running};
use crate::up::ready;

/// How long kubectl itself waits at most.
const TIMEOUT: &str = "--timeout=60s";
const DEVBOX: &str = "ghcr.io/kubeopencode/kubeopencode-agent-devbox:latest";

/// A running cluster and its user's kubectl.
struct Kubectl {
    machine: Machine,
    running: Running,
    kubeconfig: String,
}

/// A kubectl that goes on printing.
struct Following {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Kubectl {
    fn new() -> Self {
        let machine = Machine::new();
        let running = machine.start(&["up", "--port", "0", "-o", "json"]);
        let kubeconfig = ready(&running)["kubeconfig"].as_str().unwrap().to_owned();
        Self {
            machine,
            running,
            kubeconfig,
        }
    }

    fn stop(self) {
        self.running.interrupt();
        self.running.finish().check(0, &["stopping"]);
        self.machine.wait_until_no_process_is_left();
    }

    fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.machine.path(""))
            .env("HOME", self.machine.path(""))
            .env("KUBECONFIG", &self.kubeconfig)
            .env("NO_PROXY", "*")
            .stdin(Stdio::null());
        command
    }

    fn finish(&self, mut command: Command, stdin: &str) -> Finished {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl is missing: put a kubectl of any recent version on the PATH to run these tests");
        // One that does not read, or has ended already, misses nothing.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn call(&self, args: &[&str], stdin: &str) -> Finished {
        self.finish(self.program("kubectl", args), stdin)
    }

    /// What a call prints that must succeed.
    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        self.feed(args, "")
    }

    /// The same, with something to read.
    #[track_caller]
    fn feed(&self, args: &[&str], stdin: &str) -> String {
        let finished = self.call(args, stdin);
        assert_eq!(finished.code, Some(0), "kubectl {args:?}: {finished:#?}");
        finished.stdout.trim().to_owned()
    }

    /// A call that must fail, with each of these in what it says.
    #[track_caller]
    fn refused(&self, args: &[&str], stdin: &str, said: &[&str]) {
        let finished = self.call(args, stdin);
        assert_ne!(finished.code, Some(0), "kubectl {args:?}: {finished:#?}");
        for part in said {
            assert!(
                finished.stderr.contains(part),
                "kubectl {args:?} does not say {part:?}: {finished:#?}"
            );
        }
    }

    /// `kubectl edit`, the user replacing text by means of a sed script.
    fn edit(&self, object: &str, sed: &str) -> Finished {
        let editor = self
            .machine
            .write("editor.sh", &format!("sed -i '{sed}' \"$1\"\n"));
        let mut command = self.program("kubectl", &["edit", object]);
        command
            .env("KUBE_EDITOR", format!("sh {}", text(&editor)))
            .env("TMPDIR", self.machine.path(""));
        self.finish(command, "")
    }

    fn follow(&self, args: &[&str]) -> Following {
        let mut child = self
            .program("kubectl", args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Following { child, lines }
    }
}

impl Following {
    fn next(&mut self) -> Option<String> {
        self.lines.next().transpose().unwrap()
    }

    /// Reads on until a line has all of these words.
    #[track_caller]
    fn until(&mut self, words: &[&str]) {
        let mut seen = Vec::new();
        while let Some(line) = self.next() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if words.iter().all(|word| fields.contains(word)) {
                return;
            }
            seen.push(line);
        }
        panic!("no line has {words:?}: {seen:#?}");
    }

    fn rest(mut self) -> Vec<String> {
        let rest = std::iter::from_fn(|| self.next()).collect();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The words of a table's line; spaces of a column's own name are two words.
fn words(table: &str, line: usize) -> Vec<&str> {
    table
        .lines()
        .nth(line)
        .unwrap_or_default()
        .split_whitespace()
        .collect()
}

/// Each part has to be there, with any number of spaces between its words.
#[track_caller]
fn says(text: &str, parts: &[&str]) {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let whole = flat(text);
    for part in parts {
        assert!(whole.contains(&flat(part)), "{part:?} is missing in:\n{text}");
    }
}
