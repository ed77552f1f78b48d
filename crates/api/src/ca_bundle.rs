//! Additional certificate authorities.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Certificates to trust besides the system's, from a ConfigMap or from a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.configMapRef) || has(self.secretRef)",
        "message": "caBundle needs a source: set configMapRef or secretRef"
    },
    {
        "rule": "!(has(self.configMapRef) && has(self.secretRef))",
        "message": "caBundle takes one source: set configMapRef or secretRef, not both"
    }
]))]
pub struct CaBundle {
    /// ConfigMap of the same namespace; the key defaults to `ca-bundle.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<CaBundleSource>,
    /// Secret of the same namespace; the key defaults to `ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<CaBundleSource>,
}

/// An object and the key in it that holds PEM certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaBundleSource {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key that holds the certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub key: Option<String>,
}
