//! The AgentTemplate kind: what Agents inherit and Task Pods are made from.

use k8s_openapi::api::core::v1::LocalObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ca_bundle::CaBundle;
use crate::contexts::ContextItem;
use crate::credentials::Credential;
use crate::plugins::PluginSpec;
use crate::pod_spec::AgentPodSpec;
use crate::ports::ExtraPort;
use crate::proxy::Proxy;
use crate::quota::Quota;
use crate::schema::{condition_list, image_pull_secrets, patterns};
use crate::skills::SkillSource;

/// What Agents inherit, and what the Pods of Tasks with `templateRef` are made from.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kubeopencode.io",
    version = "v1alpha1",
    kind = "AgentTemplate",
    plural = "agenttemplates",
    singular = "agenttemplate",
    shortname = "agt",
    namespaced,
    status = "AgentTemplateStatus",
    schema = "disabled",
    derive = "Default",
    derive = "PartialEq",
    printcolumn(
        name = "Image",
        type_ = "string",
        json_path = ".spec.executorImage",
        priority = 1
    ),
    printcolumn(
        name = "WorkspaceDir",
        type_ = "string",
        json_path = ".spec.workspaceDir",
        priority = 1
    ),
    printcolumn(
        name = "ServiceAccount",
        type_ = "string",
        json_path = ".spec.serviceAccountName"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct AgentTemplateSpec {
    /// Image that carries the OpenCode program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_image: Option<String>,
    /// Image agents work in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor_image: Option<String>,
    /// Thin image for Pods that only hand a Task to a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach_image: Option<String>,
    /// Absolute path of the working directory.
    #[schemars(length(min = 1, max = 4096), regex(pattern = patterns::ABSOLUTE_PATH))]
    pub workspace_dir: String,
    /// ServiceAccount of the Pods; it has to exist.
    #[schemars(length(max = 253))]
    pub service_account_name: String,
    /// Command of Task Pods, run verbatim; servers are not affected.
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
    /// More ports on the servers of Agents.
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
    /// How many Tasks of one Agent may run at once; absent or 0 means any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_concurrent_tasks: Option<i32>,
    /// How many Tasks of one Agent may start within a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

/// What an AgentTemplate reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentTemplateStatus {
    /// Generation of the spec this status speaks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Details by type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition_list")]
    pub conditions: Vec<Condition>,
}
