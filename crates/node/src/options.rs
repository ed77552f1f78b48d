use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{Clock, SystemClock};

/// How a [`Node`](crate::Node) presents itself and keeps its files.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// The Node object's name; Pods with this `spec.nodeName` are run here.
    pub name: String,
    /// Directory for volumes, logs and records. Only one node may use it at a time.
    pub data_dir: PathBuf,
    /// Whether to bind Pods that have no node yet to this one. For a cluster of one machine.
    pub schedule: bool,
    /// Address reported for the node and, as containers share the host's network, for its Pods.
    pub address: String,
    /// Port reported in `daemonEndpoints`, 0 when the kubelet routes are only reached in process.
    pub kubelet_port: i32,
    /// Labels of the Node object beside the well-known ones.
    pub labels: BTreeMap<String, String>,
    /// Environment every container gets before the image's and its own, such as `KUBERNETES_SERVICE_HOST`.
    pub service_env: BTreeMap<String, String>,
    /// CPUs reported; by default what the machine has.
    pub cpus: Option<u32>,
    /// Memory reported, in bytes; by default what the machine has.
    pub memory: Option<u64>,
    /// How many Pods the node says it can hold.
    pub max_pods: u32,
    /// Size at which a log file is closed and the next one begun, in bytes.
    pub log_file_bytes: u64,
    /// How many log files are kept per container attempt.
    pub log_files: u32,
    /// Longest time containers get to end by themselves when the node is told to stop.
    pub shutdown_grace: Duration,
    /// Whether records are forced to the disk, so that a power cut cannot make a container run twice.
    /// Without it they still survive the death of this process.
    pub sync: bool,
    /// How long the node's lease is valid; it is renewed four times as often.
    pub lease: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl NodeOptions {
    /// Options with the defaults of an embedded node.
    pub fn new(name: impl Into<String>, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            data_dir: data_dir.into(),
            schedule: false,
            address: "127.0.0.1".to_owned(),
            kubelet_port: 0,
            labels: BTreeMap::new(),
            service_env: BTreeMap::new(),
            cpus: None,
            memory: None,
            max_pods: 250,
            log_file_bytes: 10 << 20,
            log_files: 3,
            shutdown_grace: Duration::from_secs(10),
            sync: true,
            lease: Duration::from_secs(40),
            clock: Arc::new(SystemClock),
        }
    }
}
