//! The whole product in one process, without a cluster.
//!
//! Wires the embedded API server, the local node and the controllers together, maps the well-known images to programs
//! of this machine, and offers the two commands that need no cluster: `run` and `up`.

mod download;
mod npm_registry;
mod npmrc;
mod opencode_package;
mod platform;
mod terminal;

pub use download::DownloadError;
pub use npm_registry::RegistryError;
pub use npmrc::NpmrcError;
pub use opencode_package::{OPENCODE_VERSION, OpenCodeError, OpenCodeProgram, OpenCodeSource};
pub use platform::UnsupportedPlatform;
pub use terminal::{ColorChoice, Terminal};
