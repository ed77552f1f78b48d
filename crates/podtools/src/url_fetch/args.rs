//! What `url-fetch` can be told.

use std::path::PathBuf;

use clap::Args;
use koc_api::names::{defaults, env};

use crate::input_report::InputArgs;

/// Options of `url-fetch`; in a pod they come from the environment. Secrets only ever do.
#[derive(Clone, Args)]
pub struct UrlFetchArgs {
    /// Address of the file, http:// or https://.
    #[arg(long, env = env::URL_SOURCE)]
    pub source: String,

    /// File to write.
    #[arg(long, env = env::URL_TARGET)]
    pub target: PathBuf,

    /// Directory that the agent works in; links in it may not lead out of it.
    #[arg(long, env = env::WORKSPACE_DIR, default_value = defaults::WORKSPACE_DIR)]
    pub workspace: PathBuf,

    /// Mode of the file, in decimal; 0664 where it is not told.
    #[arg(long, env = env::URL_FILE_MODE)]
    pub mode: Option<u32>,

    /// Request headers as a JSON object.
    #[arg(long, env = env::URL_HEADERS, default_value = "", hide_env_values = true)]
    pub headers: String,

    /// Seconds that one attempt may take.
    #[arg(long, env = env::URL_TIMEOUT, default_value_t = 30)]
    pub timeout: u64,

    /// Seconds that all attempts may take together.
    #[arg(long, env = env::FETCH_DEADLINE_SECONDS, default_value_t = 600)]
    pub deadline: u64,

    /// Most bytes to accept.
    #[arg(long, env = env::URL_MAX_BYTES, default_value_t = 10 * 1024 * 1024)]
    pub max_bytes: u64,

    /// "true" to accept any certificate.
    #[arg(long, env = env::URL_INSECURE, default_value = "")]
    pub insecure: String,

    /// Networks that may be reached although they are private, as comma-separated CIDRs.
    #[arg(long, env = env::URL_ALLOWED_NETWORKS, default_value = "")]
    pub allowed_networks: String,

    /// Bearer token.
    #[arg(skip = secret(env::URL_AUTH_TOKEN))]
    pub auth_token: Option<String>,

    /// User for Basic authentication.
    #[arg(skip = secret(env::URL_AUTH_USERNAME))]
    pub auth_username: Option<String>,

    /// Password for Basic authentication.
    #[arg(skip = secret(env::URL_AUTH_PASSWORD))]
    pub auth_password: Option<String>,

    /// More certificate authorities.
    #[arg(long, env = env::CUSTOM_CA_CERT_PATH)]
    pub custom_ca: Option<PathBuf>,

    /// Name of the input and place for a failure.
    #[command(flatten)]
    pub input: InputArgs,
}

/// Tells nothing of the source, the headers and the credentials.
impl std::fmt::Debug for UrlFetchArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UrlFetchArgs")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// A secret from the environment, which no list of arguments shows.
fn secret(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
