//! What `context-init` can be told.

use std::path::PathBuf;

use clap::Args;

/// Options of `context-init`; in a pod they come from the environment.
#[derive(Debug, Clone, Args)]
pub struct ContextInitArgs {
    /// Directory that the agent works in.
    #[arg(long, env = koc_api::names::env::WORKSPACE_DIR, default_value = koc_api::names::defaults::WORKSPACE_DIR)]
    pub workspace: PathBuf,

    /// Directory with the sources of FILE_MAPPINGS.
    #[arg(long, env = koc_api::names::env::CONFIGMAP_PATH, default_value = koc_api::names::paths::CONFIGMAP_FILES)]
    pub configmap_path: PathBuf,

    /// JSON list of {"key", "targetPath", "fileMode"?, "optional"?}.
    #[arg(long, env = koc_api::names::env::FILE_MAPPINGS, default_value = "", hide_env_values = true)]
    pub file_mappings: String,

    /// JSON list of {"sourcePath", "targetPath", "fileMode"?, "optional"?}.
    #[arg(long, env = koc_api::names::env::DIR_MAPPINGS, default_value = "", hide_env_values = true)]
    pub dir_mappings: String,

    /// JSON list of directories to make in the workspace.
    #[arg(long, env = koc_api::names::env::MAKE_DIRECTORIES, default_value = "", hide_env_values = true)]
    pub make_directories: String,

    /// Directory for programs; this program copies itself there.
    #[arg(long, env = koc_api::names::env::TOOLS_DIR)]
    pub tools: Option<PathBuf>,

    /// More certificate authorities. With the system's they go into one file beside the programs, for the many programs
    /// that take the authorities of one file instead of the system's.
    #[arg(long, env = koc_api::names::env::CUSTOM_CA_CERT_PATH)]
    pub custom_ca: Option<PathBuf>,

    /// Copy this program even where no directory for programs is given (then to /tools).
    #[arg(
        long,
        env = koc_api::names::env::COPY_SELF,
        value_parser = clap::builder::FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    pub copy_self: bool,

    /// Where every container of the Pod sees this program. Set by the image of a runtime that shows it everywhere; a
    /// link then does what a copy does elsewhere.
    #[arg(long, env = koc_api::names::env::SHARED_PROGRAM)]
    pub shared_program: Option<PathBuf>,
}
