//! `git-init` and `git-sync`: bring a repository into a Pod, and keep it fresh.
//!
//! Both drive the `git` and `ssh` programs of the image. Three things need care:
//!
//! * **Texts of strangers become arguments.** Addresses and references are parsed into [`koc_api::GitUrl`] and
//!   [`koc_api::GitRef`] first, which cannot be options; `git` may only speak https, ssh and, where the address itself
//!   says so, http. Neither hooks, templates nor any configuration but ours take part.
//! * **Credentials.** A password is handed to `git` by this program itself, started as `git`'s credential helper, for
//!   the one host it belongs to. A key lives in memory only. Nothing of either is in an argument, on disk, or in the
//!   clone.
//! * **The agent owns the clone.** Once a Pod's worker runs, the clone's own `.git/config` may hold anything, such as
//!   a program for `git` to start. A later `git` of ours, which has credentials, therefore never reads it: it works in a
//!   directory of its own that shares objects, references and index with the clone, and nothing else.
//!
//! A clone is made in a temporary directory and put in place by a rename, so one that is there is complete. A record
//! beside it, out of the worker's sight, says what it is.

mod access;
mod args;
mod cause;
mod clone;
mod credential_helper;
mod environment;
mod follow;
mod fresh;
mod git_config;
mod head;
mod init;
mod interrupted;
mod key;
mod log;
mod memory_file;
mod modes;
mod process;
mod progress;
mod record;
mod remote;
mod repository;
mod retry;
mod settings;
mod ssh_config;
mod sub_path;
mod submodules;
mod sync;
mod target;
mod work;
mod workspace;

pub use args::{CloneArgs, GitCredentialArgs, GitInitArgs, GitSyncArgs};
pub use credential_helper::git_credential;
pub use init::git_init;
pub use sync::git_sync;
