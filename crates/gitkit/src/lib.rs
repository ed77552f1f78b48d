//! Real Git servers on the loopback interface, for tests: `git http-backend` behind HTTP or HTTPS, and `sshd`.
//!
//! * [`Sources`]: repositories that servers serve and tests fill.
//! * [`HttpServer`]: serves them by HTTP, with a certificate of its own authority, passwords, and trouble on request.
//! * [`SshServer`]: serves them by SSH, with keys made for it.

mod authority;
mod backend;
mod http_server;
mod sources;
mod ssh_server;

pub use authority::Authority;
pub use http_server::{Behaviour, HttpServer, Request};
pub use sources::{Source, Sources};
pub use ssh_server::SshServer;
