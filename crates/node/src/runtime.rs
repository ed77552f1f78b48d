//! The seam between the node, which knows Pods, and whatever runs processes.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{ImageError, ImageProvision, RuntimeError};

/// Bytes a container or exec writes.
pub type OutputStream = Box<dyn AsyncRead + Send + Unpin>;
/// Bytes a container or exec reads.
pub type InputStream = Box<dyn AsyncWrite + Send + Unpin>;
/// Changes a terminal's size: columns, then rows.
pub type Resize = Arc<dyn Fn(u16, u16) + Send + Sync>;

/// Which Pod something belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodRef {
    /// The Pod's namespace.
    pub namespace: String,
    /// The Pod's name.
    pub name: String,
    /// The Pod's uid: a Pod that was deleted and made again has another one.
    pub uid: String,
}

impl fmt::Display for PodRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A host file or directory shown inside a container.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Path on the host.
    pub host: PathBuf,
    /// Absolute path in the container.
    pub container: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
    /// An open handle on exactly what must be mounted, when a program in the Pod could exchange what is
    /// found at `host` (a `subPath` inside a volume). A runtime must make sure that this is what it mounted.
    pub pin: Option<Arc<OwnedFd>>,
}

/// Everything a runtime needs to start one attempt of one container. All references are resolved.
#[derive(Clone)]
pub struct ContainerSpec {
    /// The Pod.
    pub pod: PodRef,
    /// The Pod's annotations.
    pub annotations: BTreeMap<String, String>,
    /// Host name inside.
    pub hostname: String,
    /// The container's name.
    pub container: String,
    /// 0 for the first start, then rising with each restart.
    pub attempt: u32,
    /// The image as the Pod names it.
    pub image_name: String,
    /// What stands for the image.
    pub image: ImageProvision,
    /// Program and arguments, with the image's entry point and `$(VAR)` already worked in.
    pub command: Vec<String>,
    /// The whole environment. It may hold secrets: never log it or pass it as arguments.
    pub env: BTreeMap<String, String>,
    /// Volumes and generated files.
    pub mounts: Vec<Mount>,
    /// Directory the program starts in.
    pub working_dir: Option<String>,
    /// User id inside.
    pub user: Option<u32>,
    /// Group id inside.
    pub group: Option<u32>,
    /// Whether the Pod asks for a privileged container.
    pub privileged: bool,
    /// Whether the root file system may not be written.
    pub read_only_root: bool,
    /// Whether the program gets a terminal.
    pub tty: bool,
    /// Whether the program gets an open standard input.
    pub stdin: bool,
    /// A host directory for the runtime's own files about this container. It exists, is private, is the
    /// same for all attempts, and goes away with the Pod.
    pub state_dir: PathBuf,
    /// Host file behind `terminationMessagePath`.
    pub termination_log: PathBuf,
}

impl fmt::Debug for ContainerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Command and environment may hold secrets, so only the identity is shown.
        f.debug_struct("ContainerSpec")
            .field("pod", &self.pod)
            .field("container", &self.container)
            .field("attempt", &self.attempt)
            .field("image", &self.image_name)
            .finish_non_exhaustive()
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; 128 plus the signal's number when a signal ended the process.
    pub code: i32,
    /// The process was ended because it took too much memory.
    pub out_of_memory: bool,
}

impl Exit {
    /// An ordinary end with this code.
    pub fn code(code: i32) -> Self {
        Self {
            code,
            out_of_memory: false,
        }
    }
}

/// A program to run inside a running container.
#[derive(Clone)]
pub struct ExecSpec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Whether it gets a standard input.
    pub stdin: bool,
    /// Whether it gets a terminal; standard error then arrives on standard output.
    pub tty: bool,
}

/// A program started by [`Container::exec`].
pub struct Process {
    /// Its standard input, when asked for.
    pub stdin: Option<InputStream>,
    /// What it prints; both streams on a terminal.
    pub stdout: Option<OutputStream>,
    /// Its error output, without a terminal.
    pub stderr: Option<OutputStream>,
    /// Sets the terminal's size, with a terminal.
    pub resize: Option<Resize>,
    /// Resolves when it ends.
    pub exit: BoxFuture<'static, Exit>,
}

/// A container that was started, with its streams.
pub struct StartedContainer {
    /// The handle.
    pub container: Arc<dyn Container>,
    /// Standard input, when the spec asks for it.
    pub stdin: Option<InputStream>,
    /// Standard output, or the terminal's output.
    pub stdout: OutputStream,
    /// Standard error, without a terminal.
    pub stderr: Option<OutputStream>,
    /// Sets the terminal's size, with a terminal.
    pub resize: Option<Resize>,
}

/// A running (or ended) container.
pub trait Container: Send + Sync {
    /// What `containerID` reports, such as `sandbox://…`.
    fn id(&self) -> String;

    /// Resolves when the container's program ended **and** every process it left behind is gone. May be
    /// called any number of times, also afterwards.
    fn wait(&self) -> BoxFuture<'_, Exit>;

    /// Asks the program to end (SIGTERM to the program alone). Not an error when it has already ended.
    fn terminate(&self) -> BoxFuture<'_, ()>;

    /// Ends every process of the container at once. Not an error when it has already ended.
    fn kill(&self) -> BoxFuture<'_, ()>;

    /// Runs another program in the container.
    ///
    /// # Errors
    /// When the container has ended or the program cannot be started.
    fn exec(&self, spec: ExecSpec) -> BoxFuture<'_, Result<Process, RuntimeError>>;
}

/// Something that can run containers.
pub trait PodRuntime: Send + Sync {
    /// Name and version as the Node object reports them, such as `sandbox://1.0`.
    fn version(&self) -> String;

    /// Makes an image ready.
    ///
    /// # Errors
    /// When this runtime cannot provide it; the text reaches the Pod's status.
    fn pull<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<ImageProvision, ImageError>>;

    /// Starts one attempt. When the returned future is dropped before it resolves, the runtime must end
    /// what it had started.
    ///
    /// # Errors
    /// When the program could not be started.
    fn start(&self, spec: ContainerSpec) -> BoxFuture<'_, Result<StartedContainer, RuntimeError>>;

    /// Called after the node process was restarted, for an attempt whose end is unknown. Must not resolve
    /// while any process of that attempt is alive.
    fn reclaim<'a>(&'a self, state_dir: &'a Path) -> BoxFuture<'a, ()> {
        let _ = state_dir;
        Box::pin(async {})
    }
}
