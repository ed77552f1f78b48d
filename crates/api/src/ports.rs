//! Extra ports of an Agent's server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::patterns;

/// One more port on the Agent's server container and Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "self.name != 'http'",
        "message": "the name http belongs to the OpenCode server's own port: choose another one"
    }
]))]
pub struct ExtraPort {
    /// Name of the port.
    #[schemars(length(min = 1, max = 15), regex(pattern = patterns::PORT_NAME))]
    pub name: String,
    /// Port number.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Transport protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "TCP"))]
    pub protocol: Option<PortProtocol>,
}

impl ExtraPort {
    /// Transport protocol: TCP unless told otherwise.
    pub fn protocol(&self) -> PortProtocol {
        self.protocol.unwrap_or_default()
    }
}

/// Transport protocols a port can have.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum PortProtocol {
    /// TCP.
    #[default]
    #[serde(rename = "TCP")]
    Tcp,
    /// UDP.
    #[serde(rename = "UDP")]
    Udp,
}

impl PortProtocol {
    /// The name as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}
