//! The KubeOpenCodeConfig kind: settings for the whole cluster.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{defaults, images};
use crate::proxy::Proxy;
use crate::schema::patterns;
use crate::telemetry::OpenTelemetry;

/// Settings for the whole cluster. The only object that counts is the one named `cluster`; without it everything has
/// its default.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kubeopencode.io",
    version = "v1alpha1",
    kind = "KubeOpenCodeConfig",
    plural = "kubeopencodeconfigs",
    singular = "kubeopencodeconfig",
    shortname = "ktc",
    schema = "disabled",
    derive = "Default",
    derive = "PartialEq",
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct KubeOpenCodeConfigSpec {
    /// DNS suffix of the cluster. Default `cluster.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = patterns::CLUSTER_DOMAIN))]
    pub cluster_domain: Option<String>,
    /// Image of the platform's own containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_image: Option<SystemImage>,
    /// When finished Tasks are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanup: Option<Cleanup>,
    /// Proxies for Agents and templates that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// Traces and metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observability: Option<Observability>,
    /// Limits of contexts of type URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_contexts: Option<UrlContexts>,
}

/// Limits of contexts of type URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UrlContexts {
    /// Networks, in CIDR notation, that may be fetched from although they are private, loopback or link-local. Without
    /// it a manifest can't make a Pod ask a cloud's metadata service or a neighbour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 64)))]
    pub allowed_networks: Vec<String>,
    /// Most bytes of one file. Default 10 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_bytes: Option<i64>,
}

impl KubeOpenCodeConfigSpec {
    /// DNS suffix of the cluster.
    pub fn cluster_domain(&self) -> &str {
        self.cluster_domain
            .as_deref()
            .filter(|text| !text.is_empty())
            .unwrap_or(defaults::CLUSTER_DOMAIN)
    }

    /// Image of the platform's own containers.
    pub fn system_image(&self) -> &str {
        let set = self
            .system_image
            .as_ref()
            .and_then(|system| system.image.as_deref());
        set.filter(|image| !image.is_empty()).unwrap_or(images::SYSTEM)
    }

    /// When that image is pulled.
    pub fn system_pull_policy(&self) -> PullPolicy {
        self.system_image
            .as_ref()
            .and_then(|system| system.image_pull_policy)
            .unwrap_or_default()
    }
}

/// Image of the platform's own containers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemImage {
    /// Image reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When to pull it. Default `IfNotPresent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<PullPolicy>,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// Before every start.
    Always,
    /// Never: it has to be there.
    Never,
    /// When it is not there yet.
    #[default]
    IfNotPresent,
}

impl PullPolicy {
    /// The name as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Never => "Never",
            Self::IfNotPresent => "IfNotPresent",
        }
    }
}

/// When finished Tasks are deleted. Without either member they are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cleanup {
    /// Seconds after its end at which a Task is deleted; absent means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ttl_seconds_after_finished: Option<i32>,
    /// Finished Tasks to keep in each namespace, the latest ones; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_retained_tasks: Option<i32>,
}

/// Traces and metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observability {
    /// OpenTelemetry export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_telemetry: Option<OpenTelemetry>,
}
