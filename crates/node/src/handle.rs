//! What the rest of the node knows about a Pod that a worker takes care of.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{broadcast, watch};

use crate::NodeOptions;
use crate::container::log::{LogWriter, Stream};
use crate::facts::Facts;
use crate::runtime::{Container, InputStream, PodRef, PodRuntime, Resize};

/// Shared by everything in one node.
pub(crate) struct Context {
    pub(crate) client: kube::Client,
    pub(crate) options: NodeOptions,
    pub(crate) runtime: Arc<dyn PodRuntime>,
    pub(crate) facts: Facts,
    pub(crate) recorder: kube::runtime::events::Recorder,
    pub(crate) pods: RwLock<HashMap<String, Arc<PodHandle>>>,
}

impl Context {
    /// The handle of the Pod with this name, if this node has it.
    pub(crate) fn find(&self, namespace: &str, name: &str) -> Option<Arc<PodHandle>> {
        let pods = self.pods.read();
        let named = |h: &&Arc<PodHandle>| h.pod.namespace == namespace && h.pod.name == name;
        // A Pod made again under its old name replaces the one that is still ending.
        pods.values().filter(named).max_by_key(|h| h.order).cloned()
    }

    /// The directory of a Pod's volumes, logs and records.
    pub(crate) fn pod_dir(&self, uid: &str) -> PathBuf {
        pods_dir(&self.options.data_dir).join(uid)
    }
}

/// Where the Pods' directories are.
pub(crate) fn pods_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("pods")
}

/// A running container's streams and handle.
#[derive(Clone)]
pub(crate) struct LiveContainer {
    pub(crate) container: Arc<dyn Container>,
    pub(crate) log: Arc<LogWriter>,
    pub(crate) stdin: Arc<tokio::sync::Mutex<Option<InputStream>>>,
    pub(crate) output: broadcast::Sender<(Stream, Bytes)>,
    pub(crate) ended: watch::Receiver<Option<i32>>,
    pub(crate) resize: Option<Resize>,
    pub(crate) tty: bool,
}

/// A Pod this node has.
pub(crate) struct PodHandle {
    pub(crate) pod: PodRef,
    /// Rises with every Pod the node meets.
    pub(crate) order: u64,
    pub(crate) dir: PathBuf,
    /// Names of all containers, so that a wrong name can be told from one that has not started.
    pub(crate) containers: Vec<String>,
    pub(crate) live: Mutex<BTreeMap<String, LiveContainer>>,
}

impl PodHandle {
    /// Where a container's log files are.
    pub(crate) fn log_dir(&self, container: &str) -> PathBuf {
        self.dir.join("logs").join(container)
    }

    /// The running container of that name.
    pub(crate) fn running(&self, container: &str) -> Option<LiveContainer> {
        self.live.lock().get(container).cloned()
    }
}
