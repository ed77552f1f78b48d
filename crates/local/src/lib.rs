//! The whole product in one process, without a cluster.
//!
//! Wires the embedded API server, the local node and the controllers together, maps the well-known images to programs
//! of this machine, and offers the two commands that need no cluster: `run` and `up`.

mod apply;
mod data_dir;
mod download;
mod follow;
mod host_tools;
mod manifest;
mod npm_registry;
mod npmrc;
mod opencode_package;
mod outcome;
mod platform;
mod pod_progress;
mod terminal;

pub use apply::{Applied, ApplyError};
pub use data_dir::{DataDir, DataDirError, Places};
pub use download::DownloadError;
pub use host_tools::{HostToolsError, check_namespaces, ensure_host_tools};
pub use manifest::{Document, ManifestError, Origin};
pub use npm_registry::RegistryError;
pub use npmrc::NpmrcError;
pub use opencode_package::{OPENCODE_VERSION, OpenCodeError, OpenCodeProgram, OpenCodeSource};
pub use platform::UnsupportedPlatform;
pub use terminal::{ColorChoice, Terminal};
