//! HTTP proxy settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret_text::SecretText;

/// Proxies for everything that runs in a Pod. Cluster-internal names are always exempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proxy {
    /// Proxy for `http://` addresses. May carry a password, hence hidden from debug output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_proxy: Option<SecretText>,
    /// Proxy for `https://` addresses. May carry a password, hence hidden from debug output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https_proxy: Option<SecretText>,
    /// Comma-separated hosts and suffixes to reach without a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
}
