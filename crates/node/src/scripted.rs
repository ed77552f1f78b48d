//! A runtime that starts nothing: containers do what a test tells them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, watch};

use crate::runtime::{
    Container, ContainerSpec, ExecSpec, Exit, PodRef, PodRuntime, Process, StartedContainer,
};
use crate::{ImageError, ImageProvision, RuntimeError};

/// Pods with this annotation script their containers: a JSON object from container name to [`Script`].
pub const SCRIPT_ANNOTATION: &str = "node.scripted/containers";
/// A container with this environment variable is scripted by it: a [`Script`] as JSON.
pub const SCRIPT_ENV: &str = "NODE_SCRIPT";

/// What a scripted container does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Script {
    /// Lines it prints on standard output as it starts.
    pub stdout: Vec<String>,
    /// Lines it prints on standard error as it starts.
    pub stderr: Vec<String>,
    /// Runs until [`Scripted::finish`], a signal or a kill instead of ending by itself.
    pub hold: bool,
    /// How long it runs before it ends by itself, in milliseconds of tokio's time.
    pub delay_ms: u64,
    /// The code it ends with.
    pub exit_code: i32,
    /// Codes of the first attempts, in order; later attempts use `exit_code`.
    pub exit_codes: Vec<i32>,
    /// What it leaves in its termination message file.
    pub termination_message: Option<String>,
    /// Fails to start, with this text.
    pub start_error: Option<String>,
    /// The image cannot be had, with this text. Only looked at in scripts for images.
    pub pull_error: Option<String>,
    /// Does not react to the request to end; only a kill ends it.
    pub ignores_terminate: bool,
    /// The code it ends with when asked to end.
    pub terminate_code: Option<i32>,
    /// It was ended for taking too much memory.
    pub out_of_memory: bool,
}

impl Script {
    /// Ends at once with this code.
    pub fn exit(code: i32) -> Self {
        Self {
            exit_code: code,
            ..Self::default()
        }
    }

    /// Runs until the test ends it.
    pub fn hold() -> Self {
        Self {
            hold: true,
            ..Self::default()
        }
    }
}

/// Which start of which container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Start {
    /// The Pod.
    pub pod: PodRef,
    /// The container's name.
    pub container: String,
    /// The attempt.
    pub attempt: u32,
}

#[derive(Default)]
struct State {
    default: Script,
    images: BTreeMap<String, Script>,
    execs: BTreeMap<Vec<String>, (String, i32)>,
    starts: BTreeMap<Start, u32>,
    queue: VecDeque<Start>,
    running: BTreeMap<(String, String, String), Arc<Scene>>,
}

struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

/// The scripted runtime. Clones share everything.
#[derive(Clone)]
pub struct Scripted {
    inner: Arc<Inner>,
}

impl Default for Scripted {
    fn default() -> Self {
        Self::new()
    }
}

impl Scripted {
    /// A runtime whose containers end at once with code 0 unless scripted otherwise.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                state: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    /// A runtime whose containers run until [`finish`](Self::finish) unless scripted otherwise.
    pub fn holding() -> Self {
        let scripted = Self::new();
        scripted.default_script(Script::hold());
        scripted
    }

    /// What containers do that no other script covers.
    pub fn default_script(&self, script: Script) {
        self.inner.state.lock().default = script;
    }

    /// What containers of an image do. Annotations and environment of a Pod win over it.
    pub fn script_image(&self, image: impl Into<String>, script: Script) {
        self.inner.state.lock().images.insert(image.into(), script);
    }

    /// What an exec of `command` prints and the code it ends with; unknown commands print nothing and
    /// end with 0.
    pub fn script_exec(&self, command: &[&str], stdout: &str, code: i32) {
        let command = command.iter().map(|s| (*s).to_owned()).collect();
        self.inner
            .state
            .lock()
            .execs
            .insert(command, (stdout.to_owned(), code));
    }

    /// How often each attempt was started. More than once would be a fault of the node.
    pub fn starts(&self) -> BTreeMap<Start, u32> {
        self.inner.state.lock().starts.clone()
    }

    /// Waits for the next start nobody has taken yet, in order.
    pub async fn started(&self) -> Start {
        self.until(|state| state.queue.pop_front()).await
    }

    /// Waits until the container runs; returns at once if it does already.
    pub async fn running(&self, pod: &str, container: &str) -> Start {
        self.until(|state| find(state, pod, container).map(|s| s.start.clone()))
            .await
    }

    /// Waits until the container runs, then ends it with this code. `pod` is `name` or `namespace/name`.
    pub async fn finish(&self, pod: &str, container: &str, code: i32) {
        let scene = self.until(|state| find(state, pod, container)).await;
        scene.end(Exit::code(code));
    }

    /// Waits until the container runs, then lets it print a line on standard output.
    pub async fn print(&self, pod: &str, container: &str, line: &str) {
        let scene = self.until(|state| find(state, pod, container)).await;
        let mut out = scene.stdout.lock().await;
        if let Some(out) = out.as_mut() {
            let _ = out.write_all(format!("{line}\n").as_bytes()).await;
        }
    }

    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.inner.state.lock()) {
                return found;
            }
            changed.await;
        }
    }

    fn script_for(&self, spec: &ContainerSpec) -> Script {
        if let Some(script) = spec
            .env
            .get(SCRIPT_ENV)
            .and_then(|s| serde_json::from_str(s).ok())
        {
            return script;
        }
        let annotated = spec
            .annotations
            .get(SCRIPT_ANNOTATION)
            .and_then(|s| serde_json::from_str::<BTreeMap<String, Script>>(s).ok())
            .and_then(|mut all| all.remove(&spec.container));
        let state = self.inner.state.lock();
        annotated
            .or_else(|| state.images.get(&spec.image_name).cloned())
            .unwrap_or_else(|| state.default.clone())
    }
}

fn find(state: &mut State, pod: &str, container: &str) -> Option<Arc<Scene>> {
    let wanted = |namespace: &str, name: &str| {
        pod.split_once('/')
            .map_or(name == pod, |(ns, n)| ns == namespace && n == name)
    };
    state
        .running
        .iter()
        .find(|((namespace, name, c), _)| c == container && wanted(namespace, name))
        .map(|(_, scene)| Arc::clone(scene))
}

/// One scripted container.
struct Scene {
    start: Start,
    script: Script,
    owner: Arc<Inner>,
    exit: watch::Sender<Option<Exit>>,
    stdout: tokio::sync::Mutex<Option<tokio::io::DuplexStream>>,
}

impl Scene {
    fn end(&self, exit: Exit) {
        let ended = self
            .exit
            .send_if_modified(|now| now.is_none() && now.replace(exit).is_none());
        if ended {
            let pod = &self.start.pod;
            let key = (
                pod.namespace.clone(),
                pod.name.clone(),
                self.start.container.clone(),
            );
            let mut state = self.owner.state.lock();
            if state.running.get(&key).is_some_and(|s| s.start == self.start) {
                state.running.remove(&key);
            }
        }
    }
}

impl Container for Scene {
    fn id(&self) -> String {
        format!(
            "scripted://{}/{}/{}",
            self.start.pod.uid, self.start.container, self.start.attempt
        )
    }

    fn wait(&self) -> BoxFuture<'_, Exit> {
        Box::pin(async move {
            let mut exit = self.exit.subscribe();
            let ended = exit.wait_for(Option::is_some).await.ok().and_then(|e| *e);
            // The output ends with the container, so whoever copies it sees an end too.
            self.stdout.lock().await.take();
            ended.unwrap_or(Exit::code(137))
        })
    }

    fn terminate(&self) -> BoxFuture<'_, ()> {
        if !self.script.ignores_terminate {
            self.end(Exit::code(self.script.terminate_code.unwrap_or(143)));
        }
        Box::pin(async {})
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        self.end(Exit::code(137));
        Box::pin(async {})
    }

    fn exec(&self, spec: ExecSpec) -> BoxFuture<'_, Result<Process, RuntimeError>> {
        Box::pin(async move {
            if self.exit.borrow().is_some() {
                return Err(RuntimeError::NotRunning {
                    container: self.start.container.clone(),
                });
            }
            let answer = self.owner.state.lock().execs.get(&spec.command).cloned();
            let (stdout, code) = answer.unwrap_or_default();
            Ok(Process {
                stdin: spec.stdin.then(|| Box::new(tokio::io::sink()) as _),
                stdout: Some(Box::new(std::io::Cursor::new(stdout.into_bytes()))),
                stderr: None,
                resize: None,
                exit: Box::pin(async move { Exit::code(code) }),
            })
        })
    }
}

impl PodRuntime for Scripted {
    fn version(&self) -> String {
        "scripted://1".to_owned()
    }

    fn pull<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<ImageProvision, ImageError>> {
        let error = self
            .inner
            .state
            .lock()
            .images
            .get(image)
            .and_then(|s| s.pull_error.clone());
        Box::pin(async move {
            match error {
                Some(detail) => Err(ImageError::Failed {
                    image: image.to_owned(),
                    detail,
                }),
                None => Ok(ImageProvision {
                    id: format!("scripted:{image}"),
                    ..ImageProvision::default()
                }),
            }
        })
    }

    fn start(&self, spec: ContainerSpec) -> BoxFuture<'_, Result<StartedContainer, RuntimeError>> {
        Box::pin(async move {
            let script = self.script_for(&spec);
            let start = Start {
                pod: spec.pod.clone(),
                container: spec.container.clone(),
                attempt: spec.attempt,
            };
            let (inside, later) = tokio::io::duplex(64 * 1024);
            let printed: String = script.stdout.iter().map(|l| format!("{l}\n")).collect();
            let stdout = std::io::Cursor::new(printed.into_bytes()).chain(later);
            let stderr: String = script.stderr.iter().map(|l| format!("{l}\n")).collect();
            if let Some(message) = &script.termination_message {
                let _ = std::fs::write(&spec.termination_log, message);
            }
            let scene = Arc::new(Scene {
                start: start.clone(),
                script: script.clone(),
                owner: Arc::clone(&self.inner),
                exit: watch::Sender::new(None),
                stdout: tokio::sync::Mutex::new(Some(inside)),
            });
            {
                let mut state = self.inner.state.lock();
                *state.starts.entry(start.clone()).or_default() += 1;
                if script.start_error.is_none() {
                    let key = (
                        spec.pod.namespace.clone(),
                        spec.pod.name.clone(),
                        spec.container.clone(),
                    );
                    state.running.insert(key, Arc::clone(&scene));
                }
                state.queue.push_back(start);
            }
            self.inner.changed.notify_waiters();
            if let Some(detail) = script.start_error.clone() {
                return Err(RuntimeError::Start {
                    container: spec.container,
                    detail,
                });
            }
            if !script.hold {
                let code = script
                    .exit_codes
                    .get(spec.attempt as usize)
                    .copied()
                    .unwrap_or(script.exit_code);
                let exit = Exit {
                    code,
                    out_of_memory: script.out_of_memory,
                };
                if script.delay_ms == 0 {
                    scene.end(exit);
                } else {
                    let ending = Arc::clone(&scene);
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(script.delay_ms)).await;
                        ending.end(exit);
                    });
                }
            }
            Ok(StartedContainer {
                container: scene,
                stdin: spec.stdin.then(|| Box::new(tokio::io::sink()) as _),
                stdout: Box::new(stdout),
                stderr: Some(Box::new(std::io::Cursor::new(stderr.into_bytes()))),
                resize: None,
            })
        })
    }
}
