//! A place to run the programs in, and what came of it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use koc_api::InputFailure;
use koc_gitkit::{Authority, HttpServer, Source, Sources};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

/// No step of a test takes this long, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Home, volumes and settings of one container.
pub(crate) struct Stage {
    root: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
    seen: String,
}

/// A program that is over.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// Standard output and then standard error.
    pub(crate) log: String,
    pub(crate) failure: Option<InputFailure>,
}

impl Stage {
    pub(crate) fn new(url: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["home", "tmp", "git"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let stage = Self {
            root,
            variables: Vec::new(),
        };
        let path = |name: &str| stage.path(name).to_str().unwrap().to_owned();
        let variables = [
            ("HOME", path("home")),
            ("TMPDIR", path("tmp")),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("GIT_ROOT", path("git")),
            ("GIT_REPO", url.to_owned()),
            ("GIT_CLONE_RETRY_DELAY", "20ms".to_owned()),
            ("TERMINATION_LOG", path("termination-log")),
            ("KUBEOPENCODE_INPUT", "git context \"rules\"".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { variables, ..stage }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A file of the clone.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path("git/repo").join(name)).ok()
    }

    /// Sets a variable, or replaces its value.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.retain(|(there, _)| there != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn start(&self, program: &str) -> Running {
        let _ = std::fs::remove_file(self.path("termination-log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_podtool"))
            .arg(program)
            .env_clear()
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
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

    pub(crate) async fn end(&self, mut running: Running) -> Ended {
        let finish = async {
            while let Some(line) = running.lines.next_line().await.unwrap() {
                running.seen.push_str(&line);
                running.seen.push('\n');
            }
            let mut stderr = String::new();
            let mut pipe = running.child.stderr.take().unwrap();
            pipe.read_to_string(&mut stderr).await.unwrap();
            running.seen.push_str(&stderr);
            running.child.wait().await.unwrap().code()
        };
        let code = tokio::time::timeout(PATIENCE, finish)
            .await
            .expect("the program does not end");
        let failure = std::fs::read(self.path("termination-log"))
            .ok()
            .map(|json| serde_json::from_slice(&json).unwrap());
        Ended {
            code,
            log: running.seen,
            failure,
        }
    }

    /// Runs `git-init` to its end.
    pub(crate) async fn init(&self) -> Ended {
        self.end(self.start("git-init")).await
    }

    /// Runs `git-init`, which must succeed, and returns its log.
    pub(crate) async fn clone(&self) -> String {
        let ended = self.init().await;
        assert_eq!((ended.code, ended.failure), (Some(0), None), "{}", ended.log);
        ended.log
    }

    /// Runs `git-init`, which must fail with this code, and returns its sentence.
    pub(crate) async fn refusal(&self, code: i32) -> String {
        let ended = self.init().await;
        let failure = ended
            .failure
            .unwrap_or_else(|| panic!("no failure: {}", ended.log));
        assert_eq!(ended.code, Some(code), "{}", failure.message);
        assert_eq!(i32::from(failure.kind.exit_code()), code);
        assert!(
            ended.log.contains(&format!("git-init: {}", failure.message)),
            "{}",
            ended.log
        );
        assert!(
            failure.message.starts_with("git context \"rules\": "),
            "{}",
            failure.message
        );
        failure.message
    }

    /// Runs git in the clone as a worker would.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = std::process::Command::new("git")
            .args(arguments)
            .current_dir(self.path("git/repo"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.path("git/.gitconfig"))
            .env("HOME", self.path("home"))
            .env("GIT_AUTHOR_NAME", "agent")
            .env("GIT_AUTHOR_EMAIL", "agent@example.invalid")
            .env("GIT_COMMITTER_NAME", "agent")
            .env("GIT_COMMITTER_EMAIL", "agent@example.invalid")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Everything below this stage's directories, with its content, that holds this text.
    pub(crate) fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.root.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(directory).unwrap().flatten() {
                let path = entry.path();
                match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => open.push(path),
                    Ok(metadata) if metadata.is_file() => {
                        let content = std::fs::read(&path).unwrap_or_default();
                        if content.windows(text.len()).any(|part| part == text.as_bytes()) {
                            found.push(path);
                        }
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// The command lines of all processes that were started for this stage.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mark = format!("TMPDIR={}", self.path("tmp").display());
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|entry| {
                let environment = std::fs::read(entry.path().join("environ")).ok()?;
                let is_ours = environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == mark.as_bytes());
                let command = std::fs::read(entry.path().join("cmdline")).ok()?;
                let command = String::from_utf8_lossy(&command).replace('\0', " ");
                (is_ours && !command.is_empty()).then_some(command)
            })
            .collect()
    }

    /// Waits until no process of this stage is left.
    pub(crate) async fn deserted(&self) {
        let wait = async {
            while !self.processes().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("processes are left over: {:?}", self.processes()));
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
            .unwrap_or_else(|_| panic!("{part:?} does not come"));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
            .unwrap();
        kill_process(pid, signal).unwrap();
    }
}

/// A server with TLS and a stage that trusts it.
pub(crate) struct Https {
    pub(crate) sources: Sources,
    pub(crate) authority: Authority,
    pub(crate) server: HttpServer,
}

impl Https {
    pub(crate) async fn new() -> Self {
        let sources = Sources::new().unwrap();
        let authority = Authority::new().unwrap();
        let server = HttpServer::encrypted(&sources, &authority).await.unwrap();
        Self {
            sources,
            authority,
            server,
        }
    }

    /// A repository with three commits of `file` on `main`, the branch `dev`, and the tags `v1` (annotated) and `light`.
    pub(crate) fn source(&self) -> Source {
        filled(&self.sources)
    }

    /// Only this user may fetch.
    pub(crate) fn lock(&self, user: &str, password: &str) {
        self.server
            .behave(|behaviour| behaviour.password = Some((user.to_owned(), password.to_owned())));
    }

    pub(crate) fn stage(&self) -> Stage {
        let mut stage = Stage::new(&self.server.url("x.git"));
        self.trust(&mut stage);
        stage
    }

    pub(crate) fn trust(&self, stage: &mut Stage) {
        let path = stage.path("ca.pem");
        std::fs::write(&path, self.authority.pem()).unwrap();
        stage.set("CUSTOM_CA_CERT_PATH", path.to_str().unwrap());
    }

    /// Waits until the server has got a request whose body contains this.
    pub(crate) async fn asked(&self, part: &str) {
        let wait = async {
            while !self
                .server
                .requests()
                .iter()
                .any(|request| request.body.contains(part))
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("the request does not come");
    }
}

/// See [`Https::source`].
pub(crate) fn filled(sources: &Sources) -> Source {
    let source = sources.create("x.git").unwrap();
    source
        .commit(&[
            ("file", "one"),
            ("docs/guide.md", "guide"),
            ("run.sh", "#!/bin/sh\n"),
        ])
        .unwrap();
    source.git(&["tag", "-a", "v1", "-m", "first"]).unwrap();
    source.commit(&[("file", "two")]).unwrap();
    source.git(&["tag", "light"]).unwrap();
    source.git(&["checkout", "-q", "-b", "dev"]).unwrap();
    source.commit(&[("file", "dev")]).unwrap();
    source.git(&["checkout", "-q", "main"]).unwrap();
    source.commit(&[("file", "three")]).unwrap();
    source
}

/// The commit that a name stands for.
pub(crate) fn commit_of(source: &Source, name: &str) -> String {
    source.git(&["rev-parse", &format!("{name}^{{commit}}")]).unwrap()
}

/// True when a path does not exist.
pub(crate) fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err()
}
