//! Credentials: Secrets an agent may use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::defaults;

/// A Secret, or one key of it, given to the agent as environment, file or directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(self.env) || has(self.secretRef.key)",
        "message": "env names the variable for one key: set secretRef.key too, or drop env to get every key of the Secret as a variable"
    }
]))]
pub struct Credential {
    /// A label for people.
    #[schemars(length(max = 253))]
    pub name: String,
    /// The Secret.
    pub secret_ref: CredentialSecret,
    /// Environment variable for the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub env: Option<String>,
    /// File (with a key) or directory (without).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub mount_path: Option<String>,
    /// Mode of mounted files, in decimal: 384 is 0600, 256 is 0400. Default 384.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 511))]
    pub file_mode: Option<i32>,
}

impl Credential {
    /// Mode of mounted files.
    pub fn file_mode(&self) -> i32 {
        self.file_mode.unwrap_or(defaults::CREDENTIAL_FILE_MODE)
    }
}

/// A Secret of the same namespace, or one of its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialSecret {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// A single key; absent or empty means the whole Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub key: Option<String>,
}

impl CredentialSecret {
    /// The single key, if one is meant.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref().filter(|key| !key.is_empty())
    }
}
