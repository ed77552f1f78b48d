//! One test, two clusters: the embedded API server, or a real one.

mod one_namespace;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use koc_apiserver::{ApiServer, ServeOptions, Serving, Storage, Tls, Token};
use koc_node::{Node, NodeOptions, PodRuntime, Scripted};
use kube::api::{DeleteParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::kinds::{self, Namespaced};
use crate::{RawClient, RealServer};

/// Chooses the cluster for every test of a run: `embedded` (also when it is not set) or `real`.
pub const TEST_CLUSTER: &str = "KUBEOPENCODE_TEST_CLUSTER";

/// How long a new namespace may take to get what every namespace has.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterKind {
    /// `koc_apiserver` in this process.
    Embedded,
    /// etcd, kube-apiserver and kube-controller-manager.
    Real,
}

impl ClusterKind {
    /// What this run uses, by [`TEST_CLUSTER`].
    ///
    /// # Errors
    /// When it names neither.
    pub fn of_this_run() -> anyhow::Result<Self> {
        match std::env::var(TEST_CLUSTER).as_deref() {
            Err(_) | Ok("" | "embedded") => Ok(Self::Embedded),
            Ok("real") => Ok(Self::Real),
            Ok(other) => bail!("{TEST_CLUSTER} is `{other}`; it may be `embedded` or `real`"),
        }
    }
}

/// What a test wants of its cluster.
#[derive(Default)]
pub struct Options {
    /// What runs Pods.
    pub node: TestNode,
    /// Other kinds than ours. On the real cluster this means a server of its own, which costs some seconds: use it where a
    /// test changes what all namespaces share.
    pub crds: Option<Vec<CustomResourceDefinition>>,
}

impl Options {
    /// Our kinds and a node whose containers do as they are told.
    #[must_use]
    pub fn scripted(runtime: &Scripted) -> Self {
        Self {
            node: TestNode::Scripted(runtime.clone()),
            ..Self::default()
        }
    }
}

/// What runs the Pods of a cluster.
#[derive(Default)]
pub enum TestNode {
    /// Nothing: Pods stay pending, and the test may write their status.
    #[default]
    None,
    /// Containers do as the test tells them.
    Scripted(Scripted),
    /// Any other runtime, such as a `koc_node::Sandbox`.
    Runtime(Arc<dyn PodRuntime>),
}

/// A cluster with our kinds and a namespace that is this test's alone. Everything ends when it is dropped.
///
/// The embedded cluster is made anew for each test. The real one is shared by all tests of the process, so there
/// [`client`](Self::client) shows only this test's namespace where a request asks for all: a controller that a test runs
/// sees nothing of the other tests. Kinds outside namespaces are shared; names there must be of the test's own making.
pub struct TestCluster {
    namespace: String,
    client: Client,
    server: Server,
    node: Option<Arc<Node>>,
    shutdown: CancellationToken,
    _tasks: JoinSet<()>,
    data: TempDir,
}

enum Server {
    Embedded {
        server: ApiServer,
        // Only tests of plain requests listen on a port.
        listening: OnceCell<(Serving, RawClient)>,
        // Only clusters that share the server need to know.
        namespaced: OnceCell<Arc<Namespaced>>,
    },
    Shared(Arc<RealServer>),
    Own(RealServer),
}

impl TestCluster {
    /// Starts the cluster that [`TEST_CLUSTER`] names.
    ///
    /// # Errors
    /// When a part can't start; the error says which.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        match ClusterKind::of_this_run()? {
            ClusterKind::Embedded => Self::embedded(options).await,
            ClusterKind::Real => Self::real(options).await,
        }
    }

    /// Starts an embedded cluster, whatever the run is about.
    ///
    /// # Errors
    /// When a part can't start; the error says which.
    pub async fn embedded(options: Options) -> anyhow::Result<Self> {
        let server = ApiServer::builder().storage(Storage::Memory).build().await?;
        let client = Client::new(server.service(), "default");
        let crds = options.crds.unwrap_or_else(koc_api::crds);
        try_join_all(crds.iter().map(|crd| kinds::install(&client, crd))).await?;
        let namespace = fresh_namespace(&client).await?;
        let client = Client::new(server.service(), namespace.as_str());
        let server = Server::Embedded {
            server,
            listening: OnceCell::new(),
            namespaced: OnceCell::new(),
        };
        Self::assemble(namespace, client, server, options.node)
    }

    /// Another namespace of the same server, with no node, seen as if it were a cluster of its own. Embedded it costs a
    /// tenth of a new cluster, whose start is mostly the installation of our kinds.
    ///
    /// # Errors
    /// When the namespace can't be made, or the server is one of this test's own.
    pub async fn beside(&self) -> anyhow::Result<Self> {
        let (server, namespaced) = match &self.server {
            Server::Embedded {
                server, namespaced, ..
            } => (server, namespaced),
            Server::Shared(_) => return Self::real(Options::default()).await,
            Server::Own(_) => bail!("a server of a test's own has one namespace"),
        };
        let whole = Client::new(server.service(), "default");
        let ask = || async { anyhow::Ok(Arc::new(Namespaced::of(&whole).await?)) };
        let namespaced = namespaced.get_or_try_init(ask).await?.clone();
        let namespace = fresh_namespace(&whole).await?;
        let client = one_namespace::view(whole, &namespace, namespaced.clone());
        let server = Server::Embedded {
            server: server.clone(),
            listening: OnceCell::new(),
            namespaced: OnceCell::new_with(Some(namespaced)),
        };
        Self::assemble(namespace, client, server, TestNode::None)
    }

    /// Takes a namespace of the real server, whatever the run is about; the first call of the process starts it.
    ///
    /// # Errors
    /// When a part can't start; the error says which.
    pub async fn real(options: Options) -> anyhow::Result<Self> {
        let server = match options.crds {
            None => Server::Shared(RealServer::shared().await?),
            Some(crds) => Server::Own(Box::pin(RealServer::start(crds)).await?),
        };
        let real = match &server {
            Server::Shared(server) => &**server,
            Server::Own(server) => server,
            Server::Embedded { .. } => bail!("this is the real cluster"),
        };
        let whole = real.client().await?;
        let namespace = fresh_namespace(&whole).await?;
        furnished(&whole, &namespace).await?;
        let client = match &server {
            Server::Shared(real) => one_namespace::view(whole, &namespace, real.namespaced()),
            _ => one_namespace::home(whole, &namespace),
        };
        Self::assemble(namespace, client, server, options.node)
    }

    fn assemble(namespace: String, client: Client, server: Server, node: TestNode) -> anyhow::Result<Self> {
        let data = tempfile::tempdir().context("no temporary directory")?;
        let runtime: Option<Arc<dyn PodRuntime>> = match node {
            TestNode::None => None,
            TestNode::Scripted(runtime) => Some(Arc::new(runtime)),
            TestNode::Runtime(runtime) => Some(runtime),
        };
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let mut started = None;
        if let Some(runtime) = runtime {
            let name = format!("node-{namespace}");
            let options = NodeOptions {
                schedule: true,
                // As the product has it.
                sync: false,
                max_pods: 100_000,
                ..NodeOptions::new(&name, data.path().join("node"))
            };
            let node = Arc::new(Node::new(client.clone(), options, runtime)?);
            if let Server::Embedded { server, .. } = &server {
                server.register_kubelet(&name, node.kubelet_router());
            }
            started = Some(node.clone());
            let stop = shutdown.clone();
            tasks.spawn(async move {
                // A node that ends early shows as Pods that never start, which every caller waits for.
                let _: Result<(), koc_node::NodeError> = node.run(stop).await;
            });
        }
        Ok(Self {
            namespace,
            client,
            server,
            node: started,
            shutdown,
            _tasks: tasks,
            data,
        })
    }

    /// Which cluster it is.
    #[must_use]
    pub fn kind(&self) -> ClusterKind {
        match self.server {
            Server::Embedded { .. } => ClusterKind::Embedded,
            Server::Shared(_) | Server::Own(_) => ClusterKind::Real,
        }
    }

    /// This test's namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// An administrator's client whose default namespace is this test's.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Objects of one kind in this test's namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The embedded server, where it is one.
    #[must_use]
    pub fn embedded_server(&self) -> Option<&ApiServer> {
        match &self.server {
            Server::Embedded { server, .. } => Some(server),
            Server::Shared(_) | Server::Own(_) => None,
        }
    }

    /// The node, where there is one.
    #[must_use]
    pub fn node(&self) -> Option<&Arc<Node>> {
        self.node.as_ref()
    }

    /// Plain requests over TLS, on either cluster, as an administrator who sees all namespaces.
    ///
    /// # Errors
    /// When the embedded server can't listen.
    pub async fn raw(&self) -> anyhow::Result<RawClient> {
        match &self.server {
            Server::Shared(server) => Ok(server.raw().clone()),
            Server::Own(server) => Ok(server.raw().clone()),
            Server::Embedded {
                server, listening, ..
            } => {
                let listen = || async {
                    let dir = self.data.path().join("tls");
                    std::fs::create_dir_all(&dir)?;
                    let tls = Tls::load_or_create(&dir, &[])?;
                    let ca = tls.ca_pem().to_owned();
                    let token = Token::random();
                    let options = ServeOptions {
                        addr: ([127, 0, 0, 1], 0).into(),
                        tls,
                        token: token.clone(),
                    };
                    let serving = server.serve(options).await?;
                    let raw = RawClient::new(serving.addr().port(), &ca, Some(token))?;
                    anyhow::Ok((serving, raw))
                };
                Ok(listening.get_or_try_init(listen).await?.1.clone())
            }
        }
    }

    /// Runs our controller with the product's settings until it is stopped or the cluster ends.
    #[must_use]
    pub fn start_controller(&self) -> Controller {
        let stop = self.shutdown.child_token();
        let run = koc_controller::run(self.client(), koc_controller::Options::default(), stop.clone());
        Controller {
            stop,
            run: tokio::spawn(run),
        }
    }

    /// What to add to an error when a test is at a loss: whether the real server still runs.
    ///
    /// # Errors
    /// When one of its programs has ended.
    pub fn check(&self) -> anyhow::Result<()> {
        match &self.server {
            Server::Embedded { .. } => Ok(()),
            Server::Shared(server) => server.check(),
            Server::Own(server) => server.check(),
        }
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        self.shutdown.cancel();
        let Server::Shared(server) = &self.server else {
            return;
        };
        // The test's runtime may be ending, so the farewell has its own. It only keeps the shared server small.
        let (server, namespace) = (server.clone(), self.namespace.clone());
        let farewell = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let api: Api<Namespace> = Api::all(server.client().await?);
                let params = DeleteParams::default();
                let deleted = api.delete(&namespace, &params);
                tokio::time::timeout(Duration::from_secs(5), deleted).await??;
                anyhow::Ok(())
            })
        });
        _ = farewell.join();
    }
}

/// A running controller. Dropping it lets it run on as long as the cluster does.
pub struct Controller {
    stop: CancellationToken,
    run: JoinHandle<()>,
}

impl Controller {
    /// Stops it and waits until its work under way is done.
    ///
    /// # Errors
    /// When it had panicked.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.run.await.context("the controller panicked")
    }
}

/// Makes a namespace whose name nobody else of this process uses.
async fn fresh_namespace(client: &Client) -> anyhow::Result<String> {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let name = format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
    Api::<Namespace>::all(client.clone())
        .create(&PostParams::default(), &namespace)
        .await
        .with_context(|| format!("the namespace {name} was refused"))?;
    Ok(name)
}

/// Waits until the cluster's controllers have put into a namespace what Pods there need.
async fn furnished(client: &Client, namespace: &str) -> anyhow::Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let both = async {
        await_condition(accounts, "default", |account: Option<&ServiceAccount>| {
            account.is_some()
        })
        .await?;
        await_condition(maps, "kube-root-ca.crt", |map: Option<&ConfigMap>| map.is_some()).await?;
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, both).await.with_context(|| {
        format!("namespace {namespace} got no ServiceAccount and root certificate in {PATIENCE:?}")
    })?
}
