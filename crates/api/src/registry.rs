//! The Registry kind: a catalogue of images, skills and plugins.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::durations::GoDuration;
use crate::plugins::PluginSpec;
use crate::references::SecretReference;
use crate::registry_status::RegistryStatus;
use crate::schema::patterns;
use crate::skills::SkillGitSource;

/// A catalogue of images, skills and plugins whose availability is checked from time to time.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kubeopencode.io",
    version = "v1alpha1",
    kind = "Registry",
    plural = "registries",
    singular = "registry",
    shortname = "reg",
    namespaced,
    status = "RegistryStatus",
    schema = "disabled",
    derive = "Default",
    derive = "PartialEq",
    printcolumn(name = "Images", type_ = "integer", json_path = ".status.summary.images"),
    printcolumn(name = "Skills", type_ = "integer", json_path = ".status.summary.skills"),
    printcolumn(name = "Plugins", type_ = "integer", json_path = ".status.summary.plugins"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.summary.readyCount"),
    printcolumn(name = "Total", type_ = "integer", json_path = ".status.summary.totalCount"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RegistrySpec {
    /// How often to check, such as `10m`, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_interval: Option<GoDuration>,
    /// Base address of the npm registry; without it the public one.
    #[serde(rename = "npmRegistryURL", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub npm_registry_url: Option<String>,
    /// Images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub images: Vec<ImageAsset>,
    /// Skills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub skills: Vec<SkillAsset>,
    /// Plugins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub plugins: Vec<PluginAsset>,
}

/// An image of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageAsset {
    /// Identifies it within the Registry.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::ASSET_NAME))]
    pub name: String,
    /// Image reference.
    #[schemars(length(min = 1))]
    pub image: String,
    /// Secret of type `kubernetes.io/dockerconfigjson` to look it up with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// Hints for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ImageMetadata>,
}

/// Hints about an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageMetadata {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A word to group by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What it is built on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_image: Option<String>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintainer: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Programs it contains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
}

/// A collection of skills in the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkillAsset {
    /// Identifies it within the Registry.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::ASSET_NAME))]
    pub name: String,
    /// The repository that holds the skills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<SkillGitSource>,
    /// Hints for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<AssetMetadata>,
}

/// A plugin of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginAsset {
    /// Identifies it within the Registry.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::ASSET_NAME))]
    pub name: String,
    /// The plugin; its options are not used.
    pub plugin: PluginSpec,
    /// Hints for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<AssetMetadata>,
}

/// Hints about a skill or plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssetMetadata {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Credentials an agent needs to use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_credentials: Vec<RequiredCredential>,
}

/// A credential an asset needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequiredCredential {
    /// Environment variable it is read from.
    pub env: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
