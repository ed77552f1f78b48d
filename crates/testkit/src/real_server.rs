//! A real Kubernetes API server for tests: etcd, kube-apiserver, and the few controllers that objects rely on.

mod assets;
mod certificates;
mod program;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::future::try_join_all;
use http::Method;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use koc_apiserver::Token;
use kube::Client;
use kube::config::Kubeconfig;
use tokio::sync::OnceCell;

use crate::RawClient;
use crate::kinds::{self, Namespaced};
use program::{Program, Sweeper};

/// A loaded machine may take this long to start everything.
const PATIENCE: Duration = Duration::from_secs(180);

/// The controllers a test can't do without, by their names in kube-controller-manager.
const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,serviceaccount-controller,\
    serviceaccount-token-controller,root-ca-certificate-publisher-controller,deployment-controller,\
    replicaset-controller";

/// A running server of this process alone. Its programs die with the process however that ends, and with this value.
///
/// Users are told apart by token and RBAC decides, with all admission that a default cluster has. There is no kubelet and
/// no scheduler: a [`koc_node::Node`] is both where a test wants Pods to run.
#[derive(Debug)]
pub struct RealServer {
    // In the order in which they end.
    controllers: Option<Program>,
    api_server: Program,
    etcd: Program,
    _sweeper: Sweeper,
    dir: PathBuf,
    raw: RawClient,
    kubeconfig: String,
    namespaced: Arc<Namespaced>,
}

impl RealServer {
    /// The server that all tests of this process share, with our kinds; the first caller starts it.
    ///
    /// # Errors
    /// When it does not start; every caller is told the same then.
    pub async fn shared() -> anyhow::Result<Arc<Self>> {
        static SHARED: OnceCell<Result<Arc<RealServer>, String>> = OnceCell::const_new();
        let shared = SHARED.get_or_init(|| async {
            let server = Box::pin(Self::start(koc_api::crds())).await;
            server.map(Arc::new).map_err(|error| format!("{error:#}"))
        });
        shared.await.clone().map_err(anyhow::Error::msg)
    }

    /// Starts a server of one's own and waits until it serves these kinds.
    ///
    /// # Errors
    /// When the programs are missing, or one of them ends or does not become ready; the error shows its last words.
    pub async fn start(crds: Vec<CustomResourceDefinition>) -> anyhow::Result<Self> {
        Box::pin(Self::start_with(crds, CONTROLLERS)).await
    }

    /// As [`RealServer::start`], with these controllers only: names of kube-controller-manager, separated by commas.
    ///
    /// # Errors
    /// As [`RealServer::start`].
    pub async fn start_with(crds: Vec<CustomResourceDefinition>, controllers: &str) -> anyhow::Result<Self> {
        let assets = tokio::task::spawn_blocking(assets::find).await??;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match Box::pin(Self::attempt(&assets, &crds, controllers)).await {
                // Between choosing a port and listening on it, another process may have taken it.
                Err(error) if attempt < 3 && format!("{error:#}").contains("address already in use") => {}
                outcome => return outcome,
            }
        }
    }

    async fn attempt(
        assets: &Path,
        crds: &[CustomResourceDefinition],
        controllers: &str,
    ) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("koc-real-server-")
            .tempdir()
            .context("no temporary directory")?
            .keep();
        let sweeper = Sweeper::start(&dir)?;
        let ca = certificates::write(&dir)?;
        let token = Token::random();
        let users = format!("{},admin,admin,\"system:masters\"\n", token.secret());
        certificates::private(&dir.join("tokens.csv"), &users)?;
        let (etcd_port, port) = (free_port()?, free_port()?);
        let etcd = Program::start(assets, assets::ETCD, etcd_arguments(&dir, etcd_port), &dir)?;
        let api_server = Program::start(
            assets,
            assets::API_SERVER,
            api_server_arguments(&dir, etcd_port, port),
            &dir,
        )?;
        let raw = RawClient::new(port, &ca, Some(token))?;
        let kubeconfig = raw.kubeconfig("default").unwrap_or_default();
        let mut server = Self {
            controllers: None,
            api_server,
            etcd,
            _sweeper: sweeper,
            dir: dir.clone(),
            raw,
            kubeconfig,
            namespaced: Arc::default(),
        };
        server.wait_ready().await?;
        let client = server.client().await?;
        // The garbage collector looks for new kinds twice a minute only, so ours are there before it.
        try_join_all(crds.iter().map(|crd| kinds::install(&client, crd))).await?;
        server.namespaced = Arc::new(Namespaced::ask(&server.raw, crds).await?);
        let config = dir.join("kubeconfig");
        certificates::private(&config, &server.kubeconfig)?;
        server.controllers = Some(Program::start(
            assets,
            assets::CONTROLLERS,
            controller_arguments(&dir, &config, controllers),
            &dir,
        )?);
        Ok(server)
    }

    /// Waits until the API server says it is ready.
    async fn wait_ready(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            self.check()?;
            let asked = self.raw.send(Method::GET, "/readyz", &[], "");
            let said = match tokio::time::timeout(Duration::from_secs(10), asked).await {
                Ok(Ok(answer)) if answer.status.is_success() => return Ok(()),
                Ok(Ok(answer)) => answer.text(),
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "nothing".to_owned(),
            };
            if began.elapsed() > PATIENCE {
                let log = self.api_server.last_words();
                bail!("kube-apiserver was not ready after {PATIENCE:?}; /readyz said: {said}\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether all programs still run.
    ///
    /// # Errors
    /// When one has ended; the error shows its last words.
    pub fn check(&self) -> anyhow::Result<()> {
        self.etcd.check()?;
        self.api_server.check()?;
        self.controllers.as_ref().map_or(Ok(()), Program::check)
    }

    /// The process numbers of its programs.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let programs = [
            Some(&self.etcd),
            Some(&self.api_server),
            self.controllers.as_ref(),
        ];
        programs.into_iter().flatten().map(Program::id).collect()
    }

    /// Where its files and logs are, as long as it runs.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A new client, an administrator. A client belongs to the runtime it was made in, so each test makes its own.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub async fn client(&self) -> anyhow::Result<Client> {
        let config = Kubeconfig::from_yaml(&self.kubeconfig)?;
        let mut config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await?;
        // A proxy of this machine has no business on the loopback.
        config.proxy_url = None;
        Ok(Client::try_from(config)?)
    }

    /// Plain requests as the administrator.
    #[must_use]
    pub fn raw(&self) -> &RawClient {
        &self.raw
    }

    /// The kinds that live in namespaces.
    pub(crate) fn namespaced(&self) -> Arc<Namespaced> {
        self.namespaced.clone()
    }
}

/// A port of the loopback nobody listens on. It is below those the system gives out by itself, so only another caller of
/// this function can take it.
fn free_port() -> anyhow::Result<u16> {
    for _ in 0..200 {
        let [high, low, ..] = *uuid::Uuid::new_v4().as_bytes();
        let port = 20_000 + u16::from_be_bytes([high, low]) % 12_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port between 20000 and 32000 is free on 127.0.0.1")
}

/// `--name=value` for each pair.
fn arguments(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs
        .iter()
        .map(|(name, value)| format!("--{name}={value}"))
        .collect()
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_string_lossy().into_owned()
}

fn etcd_arguments(dir: &Path, port: u16) -> Vec<String> {
    let url = format!("http://127.0.0.1:{port}");
    arguments(&[
        ("data-dir", &path(dir, "etcd")),
        ("listen-client-urls", &url),
        ("advertise-client-urls", &url),
        ("listen-peer-urls", "http://127.0.0.1:0"),
        // What a test wrote need not outlive a power cut.
        ("unsafe-no-fsync", "true"),
        ("log-level", "warn"),
    ])
}

fn api_server_arguments(dir: &Path, etcd_port: u16, port: u16) -> Vec<String> {
    arguments(&[
        ("etcd-servers", &format!("http://127.0.0.1:{etcd_port}")),
        ("bind-address", "127.0.0.1"),
        ("secure-port", &port.to_string()),
        ("advertise-address", "127.0.0.1"),
        // The loopback is no address for the endpoints of the service `kubernetes`.
        ("endpoint-reconciler-type", "none"),
        ("tls-cert-file", &path(dir, "server.crt")),
        ("tls-private-key-file", &path(dir, "server.key")),
        ("token-auth-file", &path(dir, "tokens.csv")),
        ("authorization-mode", "RBAC"),
        ("service-account-issuer", "https://kubernetes.default.svc"),
        ("service-account-key-file", &path(dir, "accounts.pub")),
        ("service-account-signing-key-file", &path(dir, "accounts.key")),
        ("service-cluster-ip-range", "10.96.0.0/16"),
        ("allow-privileged", "true"),
        // One test after another is never too many at once.
        ("enable-priority-and-fairness", "false"),
        ("profiling", "false"),
    ])
}

fn controller_arguments(dir: &Path, kubeconfig: &Path, controllers: &str) -> Vec<String> {
    arguments(&[
        ("kubeconfig", &kubeconfig.to_string_lossy()),
        ("controllers", controllers),
        ("leader-elect", "false"),
        ("secure-port", "0"),
        ("service-account-private-key-file", &path(dir, "accounts.key")),
        ("root-ca-file", &path(dir, "ca.crt")),
        ("use-service-account-credentials", "false"),
        ("kube-api-qps", "500"),
        ("kube-api-burst", "1000"),
        ("profiling", "false"),
    ])
}
