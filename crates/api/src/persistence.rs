//! A volume that outlives Pods.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::patterns;

/// Asks for a PersistentVolumeClaim; being present is what turns it on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumePersistence {
    /// StorageClass; without it the cluster's default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class_name: Option<String>,
    /// Size such as `10Gi`. Default 1Gi for sessions, 10Gi for the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = patterns::OPTIONAL_SIZE))]
    pub size: Option<String>,
}

impl VolumePersistence {
    /// The size to ask for, or `default` when none is given.
    pub fn size_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.size
            .as_deref()
            .filter(|size| !size.is_empty())
            .unwrap_or(default)
    }
}
