//! Why `context-init` failed.

use std::path::PathBuf;

/// `context-init` failed. Every text names the place and what to do; none holds the content of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A list of mappings cannot be read.
    #[error("{variable} is not the JSON list that context-init expects: {source}")]
    Mappings {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A key that could name a file elsewhere.
    #[error("the key {0:?} in FILE_MAPPINGS is not a file name")]
    Key(String),
    /// A required file is missing.
    #[error(
        "the required file {} for {} is missing: the ConfigMap has no key {key:?}; was it changed or deleted?",
        source_path.display(), target.display()
    )]
    MissingFile {
        /// The key.
        key: String,
        /// Where it should be.
        source_path: PathBuf,
        /// Where it should go.
        target: PathBuf,
    },
    /// A required directory is missing.
    #[error(
        "the required directory {} for {} is missing: is the ConfigMap mounted?",
        source_path.display(), target.display()
    )]
    MissingDirectory {
        /// Where it should be.
        source_path: PathBuf,
        /// Where it should go.
        target: PathBuf,
    },
    /// The custom certificate authorities cannot be used.
    #[error("{0}; check caBundle")]
    Authorities(String),
    /// A target that may not be written.
    #[error("nothing can be written to {}: {why}", target.display())]
    Target {
        /// The target.
        target: PathBuf,
        /// Why not.
        why: String,
    },
    /// A source that leads out of its directory or is no file.
    #[error("{} cannot be copied: {why}", path.display())]
    Source {
        /// The source.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(super) fn io(doing: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}
