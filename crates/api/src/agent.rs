//! The Agent kind: an OpenCode server that stays and works on many Tasks.

use k8s_openapi::api::core::v1::LocalObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent_status::AgentStatus;
use crate::ca_bundle::CaBundle;
use crate::contexts::ContextItem;
use crate::credentials::Credential;
use crate::durations::GoDuration;
use crate::names::defaults;
use crate::persistence::VolumePersistence;
use crate::plugins::PluginSpec;
use crate::pod_spec::AgentPodSpec;
use crate::ports::ExtraPort;
use crate::proxy::Proxy;
use crate::quota::Quota;
use crate::references::TemplateReference;
use crate::schema::{image_pull_secrets, patterns};
use crate::skills::SkillSource;

/// An OpenCode server that stays. What it does not set itself it takes from its template, value by value; a list or
/// object it sets replaces the template's as a whole, and an empty list clears the template's.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kubeopencode.io",
    version = "v1alpha1",
    kind = "Agent",
    plural = "agents",
    singular = "agent",
    shortname = "ag",
    namespaced,
    status = "AgentStatus",
    schema = "disabled",
    derive = "Default",
    derive = "PartialEq",
    printcolumn(name = "Profile", type_ = "string", json_path = ".spec.profile", priority = 1),
    printcolumn(
        name = "Image",
        type_ = "string",
        json_path = ".spec.executorImage",
        priority = 1
    ),
    printcolumn(
        name = "ServiceAccount",
        type_ = "string",
        json_path = ".spec.serviceAccountName"
    ),
    printcolumn(
        name = "MaxTasks",
        type_ = "integer",
        json_path = ".spec.maxConcurrentTasks",
        priority = 1
    ),
    printcolumn(name = "Ready", type_ = "boolean", json_path = ".status.ready"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.templateRef) || (has(self.workspaceDir) && has(self.serviceAccountName) && size(self.serviceAccountName) > 0)",
        "message": "without templateRef an Agent needs workspaceDir and serviceAccountName of its own"
    },
    {
        "rule": "!has(self.extraPorts) || self.extraPorts.all(p, p.protocol != 'TCP' || p.port != self.port)",
        "message": "an extra port has the number of the OpenCode server's own port: change it, or change port"
    }
]))]
pub struct AgentSpec {
    /// An AgentTemplate of the same namespace to inherit from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<TemplateReference>,
    /// What this Agent is good at, in a few words, for people who look for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Image that carries the OpenCode program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_image: Option<String>,
    /// Image agents work in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor_image: Option<String>,
    /// Thin image for Pods that only hand a Task to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach_image: Option<String>,
    /// Absolute path of the working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096), regex(pattern = patterns::ABSOLUTE_PATH))]
    pub workspace_dir: Option<String>,
    /// ServiceAccount of the Pods; it has to exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub service_account_name: Option<String>,
    /// Command of Task Pods, run verbatim; the server is not affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Material for every Task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub contexts: Option<Vec<ContextItem>>,
    /// Skills to offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub skills: Option<Vec<SkillSource>>,
    /// OpenCode plugins to load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name", "target"]))]
    pub plugins: Option<Vec<PluginSpec>>,
    /// Secrets to give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub credentials: Option<Vec<Credential>>,
    /// OpenCode's own configuration as JSON: model, provider, permission, mcp and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub config: Option<Value>,
    /// Changes to the Pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_spec: Option<AgentPodSpec>,
    /// Certificates to trust besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundle>,
    /// Proxies to use; without it the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// Secrets to pull images with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "image_pull_secrets")]
    pub image_pull_secrets: Option<Vec<LocalObjectReference>>,
    /// More ports on the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["name"],
        "x-kubernetes-validations" = [{
            "rule": "self.all(a, self.exists_one(b, a.port == b.port && a.protocol == b.protocol))",
            "message": "two extra ports have the same number and protocol: give each its own"
        }]
    ))]
    pub extra_ports: Option<Vec<ExtraPort>>,
    /// How many Tasks may run at once; absent or 0 means any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_concurrent_tasks: Option<i32>,
    /// How many Tasks may start within a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Port of the OpenCode server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535), extend("default" = 4096))]
    pub port: Option<i32>,
    /// What outlives the server's Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence: Option<Persistence>,
    /// Scale the server to zero; Tasks wait until it is resumed. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// Suspend by itself when idle, resume on the next Task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<Standby>,
    /// A link that opens a terminal on this Agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

impl AgentSpec {
    /// Port of the OpenCode server: 4096 unless told otherwise.
    pub fn port(&self) -> i32 {
        self.port
            .filter(|port| *port > 0)
            .unwrap_or(defaults::SERVER_PORT)
    }

    /// True when the server shall be scaled to zero.
    pub fn is_suspended(&self) -> bool {
        self.suspend.unwrap_or(false)
    }
}

/// What outlives the server's Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Persistence {
    /// A volume for the session database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<VolumePersistence>,
    /// A volume for the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<VolumePersistence>,
}

/// Suspends an idle Agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standby {
    /// How long the Agent has to be idle, such as `30m`.
    pub idle_timeout: GoDuration,
}

/// A link that opens a terminal on an Agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Whether the link works.
    pub enabled: bool,
    /// When it stops working; the token is kept, so a later time revives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Addresses or CIDR ranges that may use it; empty means any.
    #[serde(rename = "allowedIPs", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), inner(length(max = 64), regex(pattern = patterns::IP_OR_CIDR)))]
    pub allowed_ips: Option<Vec<String>>,
}
