//! Volumes of Pods.

/// Injected programs and configuration.
pub const TOOLS: &str = "tools";
/// The working directory.
pub const WORKSPACE: &str = "workspace";
/// The context ConfigMap.
pub const CONTEXT_FILES: &str = "context-files";
/// Followed by an index: a ConfigMap to mount as a directory.
pub const DIR_MOUNT_PREFIX: &str = "dir-mount-";
/// Followed by a part of its path: a directory outside the working directory that receives files.
pub const EXTERNAL_DIR_PREFIX: &str = "ctx-";
/// Followed by an index: a clone.
pub const GIT_CONTEXT_PREFIX: &str = "git-context-";
/// Installed plugins.
pub const PLUGINS: &str = "plugins-volume";
/// Followed by an index: a credential.
pub const CREDENTIAL_PREFIX: &str = "credential-";
/// Additional certificate authorities.
pub const CA_BUNDLE: &str = "ca-bundle";
/// The session database.
pub const SESSION_DATA: &str = "session-data";
/// ConfigMap volume of files outside the workspace, each mounted on its own.
pub const OUTSIDE_FILES: &str = "context-mounts";
/// Fetched files outside the workspace, each mounted on its own.
pub const FETCHED: &str = "context-fetched";
