//! One program of the real server: it never outlives this process, and its last words are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};

use anyhow::{Context as _, bail};
use parking_lot::Mutex;

/// How much of a log an error shows, in lines.
const LAST_WORDS: usize = 25;

/// A running program; dropping it kills it.
#[derive(Debug)]
pub(super) struct Program {
    name: &'static str,
    child: Mutex<Child>,
    log: PathBuf,
}

impl Program {
    /// Starts `assets/name` with these arguments; what it prints goes to a file in `dir`.
    pub(super) fn start(
        assets: &Path,
        name: &'static str,
        arguments: Vec<String>,
        dir: &Path,
    ) -> anyhow::Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let output = fs::File::create(&log)?;
        // The kernel kills it as soon as the thread that started it is gone, whatever ends this process.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(assets.join(name))
            .args(arguments)
            .current_dir(dir)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let child = spawn(command)
            .with_context(|| format!("{name} could not be started through setpriv of util-linux"))?;
        Ok(Self {
            name,
            child: Mutex::new(child),
            log,
        })
    }

    /// Fails with its last words once it has ended.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.child.lock().try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => bail!(
                "{} ended with {status}; its last words:\n{}",
                self.name,
                self.last_words()
            ),
            Err(error) => bail!("{} was lost: {error}", self.name),
        }
    }

    /// Its process number.
    pub(super) fn id(&self) -> u32 {
        self.child.lock().id()
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        // It may have ended already.
        _ = child.kill();
        _ = child.wait();
    }
}

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts a process from a thread that lives as long as this process: "die with the parent" means the parent's thread,
/// and a test's own thread ends before other tests are done.
fn spawn(command: Command) -> io::Result<Child> {
    static JOBS: OnceLock<Mutex<mpsc::Sender<Job>>> = OnceLock::new();
    let jobs = JOBS.get_or_init(|| {
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // Nobody waits for the answer only when the test was given up meanwhile; then the child dies here.
                if let Err(mpsc::SendError(Ok(mut child))) = answer.send(command.spawn()) {
                    _ = child.kill();
                    _ = child.wait();
                }
            }
        });
        Mutex::new(jobs)
    });
    let gone = || io::Error::other("the thread that starts programs has ended");
    let (answer, answered) = mpsc::channel();
    jobs.lock().send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// Removes a directory when this process is gone, however it ended. A directory that a static holds would stay else.
#[derive(Debug)]
pub(super) struct Sweeper(Child);

impl Sweeper {
    pub(super) fn start(dir: &Path) -> anyhow::Result<Self> {
        // It waits for the end of its input, which only the end of this process or of this value can bring. The programs
        // die at about the same time and may still write, so it tries again.
        let script = r#"trap '' HUP INT TERM; cat >/dev/null
            for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                rm -rf -- "$1" 2>/dev/null && exit 0; sleep 0.2
            done"#;
        let child = Command::new("sh")
            .args(["-c", script, "sweeper"])
            .arg(dir)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("sh could not be started")?;
        Ok(Self(child))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        _ = self.0.wait();
    }
}
