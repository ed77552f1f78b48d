//! What users may change about the Pods that run agents.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, Lifecycle, PodSecurityContext, ResourceRequirements, SecurityContext, Toleration,
    Volume, VolumeMount,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Changes to the Pods that run agents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentPodSpec {
    /// Extra Pod labels. Labels the controller needs to find its own Pods are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Where Pods may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<Scheduling>,
    /// RuntimeClass of the Pods, such as gvisor or kata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_class_name: Option<String>,
    /// Resources of the worker container; replaces the defaults as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Security context of the worker container; replaces the default as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<SecurityContext>,
    /// Security context of the Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<PodSecurityContext>,
    /// Lifecycle hooks of the worker container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// Volumes appended to the Pod's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_volumes: Option<Vec<Volume>>,
    /// Mounts appended to the worker container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_volume_mounts: Option<Vec<VolumeMount>>,
    /// Environment appended to the worker, every init container and every git-sync sidecar; wins over built-in values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_env: Option<Vec<EnvVar>>,
    /// Additions for the platform's own containers, by purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_containers: Option<SystemContainers>,
}

/// Where Pods may run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scheduling {
    /// Labels a node must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints to tolerate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
    /// Affinity rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
}

/// Additions for the platform's own containers, by purpose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemContainers {
    /// The container that brings the OpenCode program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_code_init: Option<ContainerAdditions>,
    /// The container that writes prompt, contexts and configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_init: Option<ContainerAdditions>,
    /// The containers that clone repositories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_init: Option<ContainerAdditions>,
    /// The sidecars that keep repositories fresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_sync: Option<ContainerAdditions>,
    /// The container that installs plugins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_init: Option<ContainerAdditions>,
}

/// Additions for one kind of container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerAdditions {
    /// Environment appended after `podSpec.extraEnv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_env: Option<Vec<EnvVar>>,
    /// Mounts appended to the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_volume_mounts: Option<Vec<VolumeMount>>,
}
