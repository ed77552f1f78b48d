//! OpenCode plugins.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One OpenCode plugin from an npm registry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginSpec {
    /// npm specifier: `pkg`, `pkg@1.2.3`, `@scope/pkg@^1`.
    #[schemars(length(min = 1, max = 1024))]
    pub name: String,
    /// Which part of OpenCode loads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "server"))]
    pub target: Option<PluginTarget>,
    /// Any JSON, handed to the plugin as its second argument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub options: Option<Value>,
}

impl PluginSpec {
    /// Which part of OpenCode loads it: the server unless told otherwise.
    pub fn target(&self) -> PluginTarget {
        self.target.unwrap_or_default()
    }
}

/// The part of OpenCode that loads a plugin.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PluginTarget {
    /// The server, through `opencode.json`.
    #[default]
    Server,
    /// The terminal interface, through `tui.json`.
    Tui,
}
