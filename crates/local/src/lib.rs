//! The whole product in one process, without a cluster.
//!
//! Wires the embedded API server, the local node and the controllers together, maps the well-known images to programs
//! of this machine, and offers the two commands that need no cluster: `run` and `up`.

mod apply;
mod command_error;
mod data_dir;
mod demo_model;
mod download;
mod follow;
mod host_tools;
mod images;
mod manifest;
mod npm_registry;
mod npmrc;
mod opencode_package;
mod options;
mod outcome;
mod platform;
mod pod_progress;
mod provision;
mod run;
mod signals;
mod terminal;
mod up;
mod wiring;

pub use apply::{Applied, ApplyError};
pub use data_dir::{DataDir, DataDirError, Places};
pub use demo_model::{
    DEMO_MODEL_ANNOTATION, DEMO_MODEL_KEY, DEMO_MODEL_SECRET, DEMO_MODEL_URL, DemoModelError,
};
pub use download::DownloadError;
pub use host_tools::{HostToolsError, ensure_host_tools};
pub use images::HostImages;
pub use koc_node::{SANDBOX_INIT, sandbox_init};
pub use manifest::{Document, ManifestError, Origin};
pub use npm_registry::RegistryError;
pub use npmrc::NpmrcError;
pub use opencode_package::{OPENCODE_VERSION, OpenCodeError, OpenCodeProgram, OpenCodeSource};
pub use options::{MachineArgs, OpenCodeArgs, OutputArgs, OutputForm};
pub use platform::UnsupportedPlatform;
pub use provision::{ProvisionArgs, provision};
pub use run::{RunArgs, run};
pub use terminal::{ColorChoice, Terminal};
pub use up::{UpArgs, up};
pub use wiring::{NODE_NAME, StartError};
