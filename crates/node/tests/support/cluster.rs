//! An API server in memory with one node on it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use koc_apiserver::{ApiServer, Storage};
use koc_node::{Node, NodeOptions, PodRuntime};
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The node's name.
pub(crate) const NODE: &str = "here";

/// Long enough for a loaded machine; only ever reached by a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Cluster {
    pub(crate) server: ApiServer,
    pub(crate) client: Client,
    pub(crate) dir: tempfile::TempDir,
    stop: CancellationToken,
    running: Option<tokio::task::JoinHandle<()>>,
}

impl Cluster {
    pub(crate) async fn start(runtime: Arc<dyn PodRuntime>) -> Self {
        Self::with(runtime, |_| {}).await
    }

    pub(crate) async fn with(runtime: Arc<dyn PodRuntime>, adjust: impl FnOnce(&mut NodeOptions)) -> Self {
        let server = ApiServer::builder()
            .storage(Storage::Memory)
            .build()
            .await
            .unwrap();
        let client = Client::new(server.service(), "default");
        let dir = tempfile::tempdir().unwrap();
        let mut cluster = Self {
            server,
            client,
            dir,
            stop: CancellationToken::new(),
            running: None,
        };
        cluster.start_node(runtime, adjust);
        cluster
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("node")
    }

    /// Starts the node, again after [`stop_node`](Self::stop_node).
    pub(crate) fn start_node(&mut self, runtime: Arc<dyn PodRuntime>, adjust: impl FnOnce(&mut NodeOptions)) {
        let mut options = NodeOptions::new(NODE, self.data_dir());
        options.schedule = true;
        options.sync = false;
        adjust(&mut options);
        let node = Arc::new(Node::new(self.client.clone(), options, runtime).unwrap());
        self.server.register_kubelet(NODE, node.kubelet_router());
        self.stop = CancellationToken::new();
        let stop = self.stop.clone();
        self.running = Some(tokio::spawn(async move { node.run(stop).await.unwrap() }));
    }

    /// Tells the node to stop and waits for it.
    pub(crate) async fn stop_node(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            within("the node's end", running).await.unwrap();
        }
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    /// Creates an object from JSON.
    pub(crate) async fn create<K>(&self, object: Value) -> K
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::Serialize
            + serde::de::DeserializeOwned,
    {
        let object: K = serde_json::from_value(object).unwrap();
        let api: Api<K> = Api::default_namespaced(self.client.clone());
        api.create(&PostParams::default(), &object).await.unwrap()
    }

    /// Creates a Pod with this spec.
    pub(crate) async fn pod(&self, name: &str, spec: Value) -> Pod {
        self.create(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}))
            .await
    }

    /// Waits until the Pod satisfies the condition.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        test: impl Fn(&Pod) -> bool + Clone + Send,
    ) -> Pod {
        let condition = move |pod: Option<&Pod>| pod.is_some_and(test.clone());
        let waited = tokio::time::timeout(PATIENCE, await_condition(self.pods(), name, condition)).await;
        match waited {
            Ok(pod) => pod.unwrap().unwrap(),
            Err(_) => {
                let pod = self.pods().get_opt(name).await.unwrap();
                let status = serde_json::to_string_pretty(&pod.and_then(|p| p.status)).unwrap();
                panic!("{name} never came to: {what}; its status is {status}");
            }
        }
    }

    /// Waits for the Pod to reach a phase.
    pub(crate) async fn phase(&self, name: &str, phase: &'static str) -> Pod {
        self.until(name, phase, move |p| {
            p.status.as_ref().and_then(|s| s.phase.as_deref()) == Some(phase)
        })
        .await
    }

    /// Waits until the Pod object is gone.
    pub(crate) async fn gone(&self, name: &str) {
        let gone = |pod: Option<&Pod>| pod.is_none();
        within(
            "the Pod's deletion",
            Box::pin(await_condition(self.pods(), name, gone)),
        )
        .await
        .unwrap();
    }
}

/// Waits, but not forever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// The status of a container, init or not.
pub(crate) fn container<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let all = status
        .init_container_statuses
        .iter()
        .flatten()
        .chain(status.container_statuses.iter().flatten());
    all.into_iter().find(|c| c.name == name)
}

/// A state in a word: `running`, `waiting:Reason` or `Reason:code`.
pub(crate) fn word(state: Option<&ContainerState>) -> String {
    let Some(state) = state else {
        return "none".to_owned();
    };
    if let Some(t) = &state.terminated {
        format!("{}:{}", t.reason.as_deref().unwrap_or_default(), t.exit_code)
    } else if let Some(w) = &state.waiting {
        format!("waiting:{}", w.reason.as_deref().unwrap_or_default())
    } else if state.running.is_some() {
        "running".to_owned()
    } else {
        "none".to_owned()
    }
}

/// The state of one container of a Pod in a word.
pub(crate) fn state(pod: &Pod, name: &str) -> String {
    word(container(pod, name).and_then(|c| c.state.as_ref()))
}
