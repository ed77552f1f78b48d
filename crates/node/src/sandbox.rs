//! Runs containers as programs of this machine in Linux namespaces, through bubblewrap.
//!
//! A container sees the machine's programs and libraries read-only, its own volumes, and a root directory of
//! its own; no home directory, no other Pod, none of the node's data. It has its own processes, its own IPC,
//! no capabilities, no way to gain privileges and no way to make further user namespaces. Its user on the
//! host is the one that runs the node, whatever number it has inside.
//!
//! What is **not** separated: the network (a container reaches what the machine reaches, and its ports are
//! the machine's), and shares of CPU and memory (limits are not enforced).

mod arguments;
mod container;
mod init;
mod link;
mod protocol;
mod root;
mod spawner;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use crate::runtime::{ContainerSpec, PodRuntime, StartedContainer};
use crate::{ImageError, ImageProvision, ImageResolver, RuntimeError};
use container::SandboxContainer;
pub use init::{SANDBOX_INIT, sandbox_init};
use link::Link;
use protocol::{Answer, Order, Program};
use spawner::Spawner;
use terminal::watched;

/// File in a container's directory that names its first process.
const PROCESS: &str = "process";
/// Longest time bubblewrap may take to build a sandbox.
const BUILD: Duration = Duration::from_secs(30);

/// How a [`Sandbox`] is set up.
pub struct SandboxOptions {
    /// The bubblewrap program.
    pub bwrap: PathBuf,
    /// What stands for images.
    pub images: Arc<dyn ImageResolver>,
    /// A program that calls [`sandbox_init`] when its first argument is [`SANDBOX_INIT`]; by default the
    /// running one.
    pub init: Option<PathBuf>,
    /// Further host directories or files shown read-only in every container, at the same place.
    pub extra_programs: Vec<PathBuf>,
}

impl SandboxOptions {
    /// Options with bubblewrap from the search path.
    pub fn new(images: Arc<dyn ImageResolver>) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .map(|dir| dir.join("bwrap"))
            .find(|p| p.is_file());
        Self {
            bwrap: found.unwrap_or_else(|| PathBuf::from("/usr/bin/bwrap")),
            images,
            init: None,
            extra_programs: Vec::new(),
        }
    }
}

/// Why sandboxes cannot be made on this machine.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Bubblewrap is not there.
    #[error(
        "bubblewrap is needed to run containers and {path} cannot be run: {source}; install the package bubblewrap"
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The machine does not let this user make namespaces.
    #[error(
        "bubblewrap cannot make a sandbox for this user: {detail}; allow unprivileged user namespaces \
         (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, and \
         kernel.apparmor_restrict_unprivileged_userns=0 where those exist)"
    )]
    Forbidden {
        /// What bubblewrap said.
        detail: String,
    },
    /// The thread that starts sandboxes could not be made, or the running program's path is unknown.
    #[error("the sandbox cannot be set up: {0}")]
    Setup(#[source] std::io::Error),
}

/// The runtime that starts programs of this machine in namespaces.
pub struct Sandbox {
    options: SandboxOptions,
    init: PathBuf,
    version: String,
    disable_userns: bool,
    spawner: Arc<Spawner>,
}

impl Sandbox {
    /// Checks that sandboxes can be made here.
    ///
    /// # Errors
    /// When bubblewrap is missing or this user may not make namespaces; the text says what to do.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        let missing = |source| SandboxError::Missing {
            path: options.bwrap.clone(),
            source,
        };
        let answer = std::process::Command::new(&options.bwrap)
            .arg("--version")
            .output()
            .map_err(missing)?;
        let version = String::from_utf8_lossy(&answer.stdout)
            .trim()
            .replace("bubblewrap ", "");
        let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
        let disable_userns = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (0, 8);
        let mut probe = std::process::Command::new(&options.bwrap);
        probe.args([
            "--unshare-user",
            "--unshare-pid",
            "--uid",
            "1000",
            "--gid",
            "0",
            "--ro-bind",
            "/",
            "/",
        ]);
        probe.args(["--proc", "/proc", "--dev", "/dev", "--", "/bin/true"]);
        let tried = probe.stdin(Stdio::null()).output().map_err(missing)?;
        if !tried.status.success() {
            let detail = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
            return Err(SandboxError::Forbidden { detail });
        }
        let init = match &options.init {
            Some(init) => init.clone(),
            None => std::env::current_exe().map_err(SandboxError::Setup)?,
        };
        let spawner = Arc::new(Spawner::new().map_err(SandboxError::Setup)?);
        Ok(Self {
            options,
            init,
            version,
            disable_userns,
            spawner,
        })
    }

    async fn build(&self, spec: &ContainerSpec) -> Result<StartedContainer, String> {
        if spec.privileged {
            return Err(
                "the sandbox runtime never runs privileged containers; remove privileged, or use a \
                        cluster's own runtime"
                    .to_owned(),
            );
        }
        let (init, extra, owned) = (
            self.init.clone(),
            self.options.extra_programs.clone(),
            spec.clone(),
        );
        let root = tokio::task::spawn_blocking(move || root::build(&owned, &init, &extra))
            .await
            .map_err(|e| e.to_string())?
            .map_err(|e| format!("its root directory cannot be made: {e}"))?;
        let io = |e: std::io::Error| format!("its streams cannot be made: {e}");
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(io)?;
        let link = Link::new(ours).map_err(io)?;
        let (stdout, stdout_in) = std::io::pipe().map_err(io)?;
        let (stderr, stderr_in) = std::io::pipe().map_err(io)?;
        let mut command = Command::new(&self.options.bwrap);
        command
            .args(arguments::arguments(spec, &root, self.disable_userns))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(stdout_in)))
            .stderr(Stdio::from(std::os::fd::OwnedFd::from(stderr_in)))
            .kill_on_drop(true);
        let child = self
            .spawner
            .spawn(command)
            .await
            .map_err(|e| format!("{}: {e}", self.options.bwrap.display()))?;
        let receiver = |p: std::io::PipeReader| pipe::Receiver::from_owned_fd(p.into());
        let (stdout, mut stderr) = (receiver(stdout).map_err(io)?, receiver(stderr).map_err(io)?);
        let hello = tokio::time::timeout(BUILD, link.receive());
        let Ok(Ok(Some((Answer::Hello, luggage)))) = hello.await else {
            return Err(complaint(child, &mut stderr).await);
        };
        check_pins(spec, &link).await?;
        let pid = luggage
            .sender
            .ok_or("the kernel did not say who answered from the sandbox")?;
        let process =
            pidfd_open(pid, PidfdFlags::NONBLOCK).map_err(|e| format!("its first process is gone: {e}"))?;
        // From here on a later node process can find this sandbox, so now the program may start.
        std::fs::write(spec.state_dir.join(PROCESS), identity(pid).unwrap_or_default())
            .map_err(|e| format!("its process cannot be recorded: {e}"))?;
        let container = SandboxContainer::new(spec, link, child, process, Arc::clone(&self.spawner))?;
        container.start(program(spec), stdout, stderr).await
    }
}

/// Makes sure that bubblewrap mounted exactly what was found before: a program of the Pod could have put a
/// link there meanwhile. Nothing of the Pod runs in this sandbox yet.
async fn check_pins(spec: &ContainerSpec, link: &Link) -> Result<(), String> {
    let pinned: Vec<_> = spec
        .mounts
        .iter()
        .filter_map(|m| Some((m, m.pin.as_ref()?)))
        .collect();
    if pinned.is_empty() {
        return Ok(());
    }
    let places = pinned.iter().map(|(m, _)| m.container.clone()).collect();
    link.send(&Order::Look { places }, &[])
        .await
        .map_err(|e| e.to_string())?;
    let Ok(Some((Answer::Seen { files }, _))) = link.receive().await else {
        return Err("the sandbox did not say what is mounted in it".to_owned());
    };
    for (at, (mount, pin)) in pinned.iter().enumerate() {
        let expected = rustix::fs::fstat(pin).map_err(|e| e.to_string())?;
        if files.get(at).copied().flatten() != Some((expected.st_dev, expected.st_ino)) {
            return Err(format!(
                "what is behind mount {} was exchanged while it was mounted",
                mount.container
            ));
        }
    }
    Ok(())
}

/// The program with the environment completed.
fn program(spec: &ContainerSpec) -> Program {
    let mut env = spec.env.clone();
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    env.entry("PATH".to_owned()).or_insert_with(|| path.to_owned());
    env.entry("HOME".to_owned()).or_insert_with(|| root::home(spec));
    if spec.tty {
        env.entry("TERM".to_owned()).or_insert_with(|| "xterm".to_owned());
    }
    Program {
        argv: spec.command.clone(),
        env,
        cwd: spec.working_dir.clone().unwrap_or_else(|| "/".to_owned()),
        tty: spec.tty,
        stdin: spec.stdin,
    }
}

/// What bubblewrap said before it gave up.
async fn complaint(mut child: Child, stderr: &mut pipe::Receiver) -> String {
    let _ = child.start_kill();
    let mut text = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(2), stderr.take(4096).read_to_end(&mut text)).await;
    let _ = child.wait().await;
    let text = String::from_utf8_lossy(&text);
    match text.trim() {
        "" => "bubblewrap did not build the sandbox and did not say why".to_owned(),
        said => format!("bubblewrap did not build the sandbox: {said}"),
    }
}

/// A process in a way that tells it from a later one with the same number: number and start time.
fn identity(pid: Pid) -> Option<String> {
    let number = pid.as_raw_nonzero();
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The name before the last parenthesis may hold anything, also spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (state != "Z").then(|| format!("{number} {started}"))
}

impl PodRuntime for Sandbox {
    fn version(&self) -> String {
        format!("sandbox://{}", self.version)
    }

    fn pull<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<ImageProvision, ImageError>> {
        self.options.images.resolve(image)
    }

    fn start(&self, spec: ContainerSpec) -> BoxFuture<'_, Result<StartedContainer, RuntimeError>> {
        Box::pin(async move {
            self.build(&spec).await.map_err(|detail| RuntimeError::Start {
                container: spec.container.clone(),
                detail,
            })
        })
    }

    fn reclaim<'a>(&'a self, state_dir: &'a Path) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Ok(recorded) = std::fs::read_to_string(state_dir.join(PROCESS)) else {
                return;
            };
            let number = recorded
                .split(' ')
                .next()
                .and_then(|n| n.parse().ok())
                .and_then(Pid::from_raw);
            let Some(pid) = number else { return };
            let Ok(process) = pidfd_open(pid, PidfdFlags::NONBLOCK) else {
                return;
            };
            // Only now is it sure that the number cannot pass to another process unnoticed.
            if identity(pid).as_deref() != Some(recorded.as_str()) {
                return;
            }
            let _ = pidfd_send_signal(&process, Signal::KILL);
            if let Ok(process) = watched(process) {
                let _ = process.readable().await;
            }
        })
    }
}
