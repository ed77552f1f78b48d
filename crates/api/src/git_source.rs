//! Where a Git repository is and what to check out of it, read by one set of rules for early refusal and for the
//! programs that run `git`.
//!
//! Both texts come from manifests and from the `.gitmodules` of repositories, and end up as arguments of `git` and
//! `ssh`. So they are parsed into types here, and only the types are handed on: what does not parse never reaches a
//! command line. Nothing here reads or writes anything.

mod reference;
mod url;

pub use reference::{GitRef, GitRefError};
pub use url::{GitTransport, GitUrl, GitUrlError};
