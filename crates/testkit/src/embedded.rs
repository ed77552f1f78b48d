//! API server in memory, controller, and a node whose containers do as they are told.

use std::sync::Arc;

use anyhow::Context as _;
use futures::future::try_join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use koc_api::{AgentTemplate, Task};
use koc_apiserver::{ApiServer, Storage};
use koc_node::{Node, NodeOptions, Scripted};
use kube::api::PostParams;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// An embedded cluster. Everything ends when it is dropped.
pub struct Embedded {
    /// The API server.
    pub server: ApiServer,
    /// A client of it.
    pub client: Client,
    /// What runs the containers.
    pub runtime: Scripted,
    shutdown: CancellationToken,
    _tasks: JoinSet<()>,
    _data: TempDir,
}

impl Embedded {
    /// Starts everything and waits until our kinds are served.
    ///
    /// # Errors
    /// When a part can't start; the error says which.
    pub async fn start() -> anyhow::Result<Self> {
        let data = tempfile::tempdir().context("no temporary directory")?;
        let server = ApiServer::builder().storage(Storage::Memory).build().await?;
        let client = Client::new(server.service(), "default");
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        try_join_all(koc_api::crds().into_iter().map(|crd| {
            let crds = crds.clone();
            async move {
                crds.create(&PostParams::default(), &crd).await?;
                await_condition(crds, &crd.name_any(), conditions::is_crd_established()).await?;
                anyhow::Ok(())
            }
        }))
        .await?;
        let runtime = Scripted::new();
        let options = NodeOptions {
            schedule: true,
            // As the product has it.
            sync: false,
            max_pods: 100_000,
            ..NodeOptions::new("node", data.path())
        };
        let node = Arc::new(Node::new(client.clone(), options, Arc::new(runtime.clone()))?);
        server.register_kubelet("node", node.kubelet_router());
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let node_stop = shutdown.clone();
        tasks.spawn(async move {
            // A node that ends early shows as Tasks that never start, which every caller waits for.
            let _: Result<(), koc_node::NodeError> = node.run(node_stop).await;
        });
        tasks.spawn(koc_controller::run(
            client.clone(),
            koc_controller::Options::default(),
            shutdown.clone(),
        ));
        Ok(Self {
            server,
            client,
            runtime,
            shutdown,
            _tasks: tasks,
            _data: data,
        })
    }

    /// Objects of one kind in the namespace `default`.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), "default")
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A template named `base`.
pub fn template() -> AgentTemplate {
    let spec = json!({"workspaceDir": "/workspace", "serviceAccountName": "default"});
    AgentTemplate::new("base", serde_json::from_value(spec).unwrap_or_default())
}

/// A Task of that template.
pub fn task(name: &str) -> Task {
    let spec = json!({"templateRef": {"name": "base"}, "description": "Say hello"});
    Task::new(name, serde_json::from_value(spec).unwrap_or_default())
}
