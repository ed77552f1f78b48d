//! What `plugin-init` can be told.

use std::path::PathBuf;

use clap::Args;
use koc_api::names::{env, paths};

use crate::input_report::InputArgs;

/// Options of `plugin-init`; in a pod they come from the environment.
#[derive(Debug, Clone, Args)]
pub struct PluginInitArgs {
    /// JSON list of npm specifiers.
    #[arg(long, env = env::PLUGIN_PACKAGES)]
    pub packages: String,

    /// Where to install them; they appear below node_modules.
    #[arg(long, env = env::PLUGIN_DIR, default_value = paths::PLUGINS)]
    pub directory: PathBuf,

    /// Seconds that the installation may take.
    #[arg(long, env = env::FETCH_DEADLINE_SECONDS, default_value_t = 600)]
    pub deadline: u64,

    /// More certificate authorities.
    #[arg(long, env = env::CUSTOM_CA_CERT_PATH)]
    pub custom_ca: Option<PathBuf>,

    /// Name of the input and place for a failure.
    #[command(flatten)]
    pub input: InputArgs,
}
