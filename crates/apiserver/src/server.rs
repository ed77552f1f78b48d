//! The server as a whole: built, handed out in process, served over TLS, stopped.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, Inner};
use crate::error::ApiError;
use crate::kubelet::Kubelets;
use crate::registry::Registry;
use crate::service::LocalService;
use crate::store::{OpenError, Store};
use crate::{bootstrap, builtin, controllers, crd_lifecycle, http_front};

/// Where objects are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In memory: gone when the server is dropped.
    Memory,
    /// In an SQLite database file, made if it is missing, readable by its owner only. One server at a time.
    Sqlite(PathBuf),
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used; the text says which file and why.
    #[error("{0}")]
    Storage(String),
    /// Another process uses the database.
    #[error("the database {} is in use by another process; stop that one or use another data directory", .0.display())]
    InUse(PathBuf),
    /// The objects every cluster begins with could not be made.
    #[error("the first objects could not be made: {0}")]
    Bootstrap(#[source] ApiError),
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::InUse { path } => Self::InUse(path),
            other => Self::Storage(other.to_string()),
        }
    }
}

/// Settings of a server that is not running yet.
#[derive(Debug, Clone)]
#[must_use]
pub struct ApiServerBuilder {
    storage: Storage,
    window: usize,
}

impl ApiServerBuilder {
    /// Chooses where objects are kept; memory unless said otherwise.
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// How many past events of each resource are kept for watches to start from; 8192 unless said otherwise.
    /// A watcher that falls further behind is ended with 410.
    pub fn watch_window(mut self, events: usize) -> Self {
        self.window = events;
        self
    }

    /// Opens the store, makes the default namespaces and starts the controllers. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the database cannot be opened, is damaged, or is in use.
    pub async fn build(self) -> Result<ApiServer, StartError> {
        let store = match &self.storage {
            Storage::Memory => Store::memory(self.window),
            Storage::Sqlite(path) => Store::open(path, self.window)?,
        };
        let api: Api = Arc::new(Inner {
            store,
            registry: Registry::new(builtin::kinds()),
            kubelets: Kubelets::default(),
            stop: CancellationToken::new(),
            kinds_changed: Notify::new(),
        });
        crd_lifecycle::load(&api);
        bootstrap::run(&api).await.map_err(StartError::Bootstrap)?;
        let tasks = Mutex::new(controllers::start(&api));
        Ok(ApiServer {
            running: Arc::new(Running { api, tasks }),
        })
    }
}

/// A running API server. Clones are the same server; it stops when the last one is dropped or on
/// [`ApiServer::shutdown`]. Await the latter before opening the same database again: dropping only begins to stop.
#[derive(Clone)]
pub struct ApiServer {
    running: Arc<Running>,
}

impl std::fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiServer")
            .field("revision", &self.running.api.store.revision())
            .finish_non_exhaustive()
    }
}

struct Running {
    api: Api,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.api.stop.cancel();
    }
}

impl ApiServer {
    /// Begins with memory storage and default settings.
    pub fn builder() -> ApiServerBuilder {
        ApiServerBuilder {
            storage: Storage::Memory,
            window: 8192,
        }
    }

    /// The whole API as a router that trusts its callers: for use in process, or behind one's own gate.
    pub fn router(&self) -> Router {
        let api = self.api();
        Router::new().fallback(move |request| http_front::handle(api.clone(), request))
    }

    /// The API as a tower service for `kube::Client::new(server.service(), "default")`. Requests that upgrade
    /// their connection (exec, attach, port-forward) work too.
    pub fn service(&self) -> LocalService {
        LocalService::new(self.api())
    }

    /// Sends logs, exec, attach and port-forward of Pods on this node to a router with the kubelet's paths:
    /// `/containerLogs/{ns}/{pod}/{container}`, `/exec/{ns}/{pod}/{container}`, `/attach/{ns}/{pod}/{container}`,
    /// `/portForward/{ns}/{pod}`, each with the client's query. Registering a name again replaces its router.
    pub fn register_kubelet(&self, node_name: &str, router: Router) {
        self.running.api.kubelets.register(node_name, router);
    }

    /// The revision of the newest write.
    pub fn revision(&self) -> u64 {
        self.running.api.store.revision()
    }

    /// Ends watches and controllers, and closes the database. Requests that still write are refused after this.
    pub async fn shutdown(&self) {
        self.running.api.stop.cancel();
        let tasks: Vec<_> = self.running.tasks.lock().drain(..).collect();
        for task in tasks {
            // A controller that panicked has nothing left to stop.
            _ = task.await;
        }
        let api = self.api();
        // Closing waits for the writer thread, so it must not sit on a runtime thread.
        _ = tokio::task::spawn_blocking(move || api.store.close()).await;
    }

    pub(crate) fn api(&self) -> Api {
        self.running.api.clone()
    }
}
