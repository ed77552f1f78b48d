//! What goes where.

use std::path::{Path, PathBuf};

use serde::{Deserialize, de::DeserializeOwned};

use crate::context_init::error::Error;

/// One key of the ConfigMap becomes one file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileMapping {
    pub key: String,
    pub target_path: PathBuf,
    /// Permission bits as a number.
    #[serde(default)]
    pub file_mode: Option<u32>,
    /// Whether the run goes on without it.
    #[serde(default)]
    pub optional: bool,
}

/// One mounted directory becomes one directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DirMapping {
    pub source_path: PathBuf,
    pub target_path: PathBuf,
    /// Permission bits of the files, as a number. Without it scripts stay scripts.
    #[serde(default)]
    pub file_mode: Option<u32>,
    #[serde(default)]
    pub optional: bool,
}

/// Reads a list; an empty text is an empty list.
pub(super) fn parse<T: DeserializeOwned>(variable: &'static str, text: &str) -> Result<Vec<T>, Error> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(|source| Error::Mappings { variable, source })
}

/// The file of a key. Kubernetes allows no slash in a key, so neither do we.
pub(super) fn source(directory: &Path, key: &str) -> Result<PathBuf, Error> {
    if key.is_empty() || key == "." || key.starts_with("..") || key.contains(['/', '\0']) {
        return Err(Error::Key(key.to_owned()));
    }
    Ok(directory.join(key))
}
