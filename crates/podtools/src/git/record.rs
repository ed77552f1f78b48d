//! What a clone is, written beside it where its worker does not see it.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

/// Written before the clone is put in place, so that a clone without one is not ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// The repository's address.
    pub url: String,
    /// The commit that was put there last.
    pub commit: String,
    /// The branch it is on.
    #[serde(default)]
    pub branch: Option<String>,
    /// Commits of history; 0 is all.
    pub depth: u32,
    /// Whether submodules belong to it.
    pub submodules: bool,
    /// Where they are, relative to the clone.
    #[serde(default)]
    pub submodule_paths: Vec<String>,
    /// The commit that files are being changed to. Still there after a change that was cut off.
    #[serde(default)]
    pub moving_to: Option<String>,
}

const FILE: &str = "clone.json";

impl Record {
    /// The record in this directory, if there is one that can be read.
    pub(super) fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()
    }

    /// Writes it in one step.
    pub(super) fn write(&self, directory: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        // The next container may run as another user of the same group.
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o664))
            .tempfile_in(directory)?;
        serde_json::to_writer(&mut file, self)?;
        file.persist(directory.join(FILE)).map_err(|error| error.error)?;
        Ok(())
    }
}
