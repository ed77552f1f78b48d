//! Starts API server, node and controller in one process, in the order in which they need each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use koc_apiserver::{ApiServer, Storage};
use koc_node::{Node, NodeError, NodeOptions, Sandbox, SandboxError, SandboxOptions};
use kube::api::{Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt as _};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::host_tools::{HostToolsError, no_namespaces};
use crate::images::HostImages;
use crate::opencode_package::OpenCodeProgram;

/// Name of the one node.
pub const NODE_NAME: &str = "local";
/// Field manager of what every local cluster begins with.
const MANAGER: &str = "kubeopencode-local";

/// Why the product did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The API server.
    #[error(transparent)]
    ApiServer(#[from] koc_apiserver::StartError),
    /// The kinds of KubeOpenCode could not be installed.
    #[error("cannot install the kinds of KubeOpenCode in the embedded API server")]
    Kinds(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(SandboxError),
    /// The system forbids what the sandbox needs.
    #[error(transparent)]
    HostTools(#[from] HostToolsError),
    /// This program's own path is unknown.
    #[error("cannot find this program's own file, which Pods run too; start it by its full path")]
    Program(#[source] std::io::Error),
}

/// Everything, running.
pub(crate) struct Local {
    pub(crate) client: Client,
    pub(crate) server: ApiServer,
    shutdown: CancellationToken,
    node: JoinHandle<Result<(), NodeError>>,
    rest: JoinSet<()>,
}

impl Local {
    /// Starts on `data`, which this process owns; state survives where `storage` is a file there.
    pub(crate) async fn start(
        data: &Path,
        storage: Storage,
        opencode: Arc<OpenCodeProgram>,
    ) -> Result<Self, StartError> {
        let server = ApiServer::builder().storage(storage).build().await?;
        let client = Client::new(server.service(), "default");
        install_kinds(&client).await?;

        let images = HostImages::new(opencode, own_program().map_err(StartError::Program)?);
        let shutdown = CancellationToken::new();
        let options = NodeOptions {
            schedule: true,
            // Records outlive this process, however it ends. Only a power cut could lose one, and forcing each to the
            // disk would cost a Task more time than everything else together.
            sync: false,
            ..NodeOptions::new(NODE_NAME, data.join("node"))
        };
        let runtime = Sandbox::new(SandboxOptions::new(Arc::new(images))).map_err(|error| match error {
            SandboxError::Forbidden { detail } => StartError::HostTools(no_namespaces(&detail)),
            other => StartError::Sandbox(other),
        })?;
        let node = Arc::new(Node::new(client.clone(), options, Arc::new(runtime))?);
        server.register_kubelet(NODE_NAME, node.kubelet_router());
        let node = tokio::spawn(node.run(shutdown.clone()));

        let mut rest = JoinSet::new();
        rest.spawn(koc_controller::run(
            client.clone(),
            koc_controller::Options::default(),
            shutdown.clone(),
        ));
        Ok(Self {
            client,
            server,
            shutdown,
            node,
            rest,
        })
    }

    /// Ends with the others.
    pub(crate) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.rest.spawn(work);
    }

    /// Cancelled when the product stops.
    pub(crate) fn shutdown_token(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Ends everything: no process of a Pod is left when this returns.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        match self.node.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the node ended with an error"),
            Err(error) => tracing::warn!(%error, "the node did not end cleanly"),
        }
        while self.rest.join_next().await.is_some() {}
        self.server.shutdown().await;
    }
}

async fn install_kinds(client: &Client) -> Result<(), StartError> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply(MANAGER).force();
    // One after another: working on six large schemas at once would leave the process twice as large for good.
    for definition in koc_api::crds() {
        let name = definition.name_any();
        definitions
            .patch(&name, &params, &Patch::Apply(&definition))
            .await
            .map_err(|error| StartError::Kinds(boxed(error)))?;
        await_condition(definitions.clone(), &name, conditions::is_crd_established())
            .await
            .map_err(|error| StartError::Kinds(boxed(error)))?;
    }
    Ok(())
}

fn boxed(error: impl std::error::Error + Send + Sync + 'static) -> Box<dyn std::error::Error + Send + Sync> {
    Box::new(error)
}

/// The file this process was started from.
fn own_program() -> std::io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    // After the file was replaced, Linux shows the old name with a remark; the new file of that name does as well.
    match path.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(text) => std::fs::canonicalize(text),
        None => Ok(path),
    }
}
