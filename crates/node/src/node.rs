use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use parking_lot::RwLock;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::facts::Facts;
use crate::handle::{Context, PodHandle, pods_dir};
use crate::pod::worker::{Outcome, Update, Worker};
use crate::runtime::{PodRef, PodRuntime};
use crate::{NodeError, NodeOptions, machine, register, resume, schedule, sweep};

/// A machine that runs Pods.
pub struct Node {
    context: Arc<Context>,
    /// Held for as long as the node exists, so that no second one uses the same data.
    _lock: fs::File,
}

impl Node {
    /// A node that is not running yet. Makes the data directory and takes hold of it.
    ///
    /// # Errors
    /// When the data directory cannot be used, or another node uses it.
    pub fn new(
        client: kube::Client,
        options: NodeOptions,
        runtime: Arc<dyn PodRuntime>,
    ) -> Result<Self, NodeError> {
        let lock = take(&options.data_dir)?;
        let facts = Facts {
            node_name: options.name.clone(),
            address: options.address.clone(),
            cpu_milli: i128::from(options.cpus.unwrap_or_else(machine::cpus)) * 1000,
            memory_bytes: i128::from(options.memory.unwrap_or_else(machine::memory)),
        };
        let reporter = kube::runtime::events::Reporter {
            controller: "node".to_owned(),
            instance: Some(options.name.clone()),
        };
        let recorder = kube::runtime::events::Recorder::new(client.clone(), reporter);
        let pods = RwLock::default();
        let context = Arc::new(Context {
            client,
            options,
            runtime,
            facts,
            recorder,
            pods,
        });
        Ok(Self { context, _lock: lock })
    }

    /// Registers the node and runs Pods until `shutdown`; then ends their containers and reports how they
    /// ended.
    ///
    /// # Errors
    /// When the node cannot be registered.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) -> Result<(), NodeError> {
        register::register(&self.context).await?;
        let lease = tokio::spawn(register::renew(Arc::clone(&self.context), shutdown.clone()));
        let binder = self
            .context
            .options
            .schedule
            .then(|| tokio::spawn(schedule::bind(Arc::clone(&self.context), shutdown.clone())));
        Pods::new(Arc::clone(&self.context), shutdown).run().await;
        let _ = lease.await;
        if let Some(binder) = binder {
            let _ = binder.await;
        }
        Ok(())
    }

    /// The routes a kubelet serves: logs, exec, attach, port-forward.
    pub fn kubelet_router(&self) -> axum::Router {
        crate::kubelet::router(Arc::clone(&self.context))
    }
}

/// Makes the data directory, private to this user, and locks it.
fn take(data_dir: &PathBuf) -> Result<fs::File, NodeError> {
    let failed = |source: io::Error| NodeError::DataDir {
        path: data_dir.clone(),
        source,
    };
    fs::create_dir_all(pods_dir(data_dir)).map_err(failed)?;
    fs::set_permissions(data_dir, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    let path = data_dir.join("node.lock");
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(NodeError::Busy { path }),
        Err(fs::TryLockError::Error(e)) => Err(failed(e)),
    }
}

type Channel<T> = (mpsc::UnboundedSender<T>, mpsc::UnboundedReceiver<T>);

/// The Pods of this node and their workers.
struct Pods {
    context: Arc<Context>,
    shutdown: CancellationToken,
    workers: HashMap<String, mpsc::UnboundedSender<Update>>,
    done: Channel<(String, Outcome)>,
    met: u64,
}

impl Pods {
    fn new(context: Arc<Context>, shutdown: CancellationToken) -> Self {
        Self {
            context,
            shutdown,
            workers: HashMap::new(),
            done: mpsc::unbounded_channel(),
            met: 0,
        }
    }

    async fn run(mut self) {
        let api: Api<Pod> = Api::all(self.context.client.clone());
        let config =
            watcher::Config::default().fields(&format!("spec.nodeName={}", self.context.options.name));
        let mut events = Box::pin(kube::runtime::watcher(api, config));
        let mut listed: HashSet<String> = HashSet::new();
        let mut broken = 0_u32;
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                Some((uid, outcome)) = self.done.1.recv() => self.on_done(&uid, outcome),
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        broken = 0;
                        self.on_event(event, &mut listed);
                    }
                    Some(Err(error)) => {
                        broken = broken.saturating_add(1);
                        tracing::warn!(%error, "the watch on Pods broke; trying again");
                        let pause = std::time::Duration::from_millis(50 << broken.min(9));
                        tokio::select! {
                            () = tokio::time::sleep(pause) => {}
                            () = self.shutdown.cancelled() => break,
                        }
                    }
                    None => break,
                },
            }
        }
        // Workers end by themselves once their containers have; the watch is no longer needed for that.
        while !self.workers.is_empty() {
            let Some((uid, outcome)) = self.done.1.recv().await else {
                break;
            };
            self.on_done(&uid, outcome);
        }
    }

    fn on_event(&mut self, event: Event<Pod>, listed: &mut HashSet<String>) {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(pod) => {
                listed.extend(pod.uid());
                self.on_pod(pod);
            }
            Event::InitDone => {
                let known: Vec<String> = self.context.pods.read().keys().cloned().collect();
                for uid in known.into_iter().filter(|uid| !listed.contains(uid)) {
                    self.on_gone(&uid);
                }
                sweep::leftovers(&self.context, listed);
            }
            Event::Apply(pod) => self.on_pod(pod),
            Event::Delete(pod) => {
                if let Some(uid) = pod.uid() {
                    self.on_gone(&uid);
                }
            }
        }
    }

    fn on_pod(&mut self, pod: Pod) {
        let Some(uid) = pod.uid() else { return };
        let pod = Arc::new(pod);
        if let Some(worker) = self.workers.get(&uid) {
            let _ = worker.send(Update::Pod(pod));
            return;
        }
        let handle = self.handle(&uid, &pod);
        let ended = is_terminal(pod.status.as_ref());
        if ended && pod.metadata.deletion_timestamp.is_none() {
            return;
        }
        let (updates, inbox) = mpsc::unbounded_channel();
        self.workers.insert(uid.clone(), updates);
        let (context, shutdown, done) = (
            Arc::clone(&self.context),
            self.shutdown.clone(),
            self.done.0.clone(),
        );
        tokio::spawn(async move {
            let work = async {
                let record = resume::record(&context, &handle, &pod).await;
                Worker::new(context, handle, pod, record)
                    .run(inbox, shutdown)
                    .await
            };
            let outcome = Box::pin(work).await;
            let _ = done.send((uid, outcome));
        });
    }

    fn handle(&mut self, uid: &str, pod: &Pod) -> Arc<PodHandle> {
        if let Some(handle) = self.context.pods.read().get(uid) {
            return Arc::clone(handle);
        }
        self.met += 1;
        let spec = pod.spec.as_ref();
        let containers = spec
            .iter()
            .flat_map(|s| s.init_containers.iter().flatten().chain(&s.containers));
        let handle = Arc::new(PodHandle {
            pod: PodRef {
                namespace: pod.namespace().unwrap_or_default(),
                name: pod.name_any(),
                uid: uid.to_owned(),
            },
            order: self.met,
            dir: self.context.pod_dir(uid),
            containers: containers.map(|c| c.name.clone()).collect(),
            live: parking_lot::Mutex::default(),
        });
        self.context
            .pods
            .write()
            .insert(uid.to_owned(), Arc::clone(&handle));
        handle
    }

    fn on_gone(&mut self, uid: &str) {
        match self.workers.get(uid) {
            Some(worker) => {
                let _ = worker.send(Update::Gone);
            }
            None => self.forget(uid),
        }
    }

    fn on_done(&mut self, uid: &str, outcome: Outcome) {
        self.workers.remove(uid);
        if outcome == Outcome::Gone {
            self.forget(uid);
        }
    }

    fn forget(&mut self, uid: &str) {
        if let Some(handle) = self.context.pods.write().remove(uid) {
            tokio::task::spawn_blocking(move || sweep::remove(&handle.dir));
        }
    }
}

fn is_terminal(status: Option<&PodStatus>) -> bool {
    matches!(
        status.and_then(|s| s.phase.as_deref()),
        Some("Succeeded" | "Failed")
    )
}
