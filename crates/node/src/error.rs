use std::path::PathBuf;

/// Why a node could not be made or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data directory can't be written.
    #[error(
        "the node cannot use its data directory {path}: {source}; choose a directory this user may write to"
    )]
    DataDir {
        /// The directory or file concerned.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another node runs on the same data directory.
    #[error("another process already runs a node on {path}; stop it, or choose another data directory")]
    Busy {
        /// The lock file that is held.
        path: PathBuf,
    },
    /// The Node object could not be registered with the API server.
    #[error("the node could not register itself as {name}: {source}")]
    Register {
        /// The node's name.
        name: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
}

/// Why a runtime could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The container could not be started.
    #[error("container {container} could not be started: {detail}")]
    Start {
        /// The container's name.
        container: String,
        /// What went wrong and what to do.
        detail: String,
    },
    /// The program of an exec could not be started.
    #[error("the command could not be started in container {container}: {detail}")]
    Exec {
        /// The container's name.
        container: String,
        /// What went wrong.
        detail: String,
    },
    /// The container has ended.
    #[error("container {container} is not running")]
    NotRunning {
        /// The container's name.
        container: String,
    },
    /// The runtime cannot do this at all.
    #[error("the {runtime} runtime cannot {what}")]
    Unsupported {
        /// The runtime's name.
        runtime: &'static str,
        /// What was asked.
        what: &'static str,
    },
}
