//! Contexts: material an agent is given besides its prompt.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::durations::GoDuration;
use crate::names::defaults;
use crate::references::SecretReference;
use crate::schema::patterns;
use crate::secret_text::SecretText;

/// One piece of material for the agent. Exactly the member named by `type` is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "self.type != 'Text' || has(self.text)",
        "message": "a context of type Text needs its content in text"
    },
    {
        "rule": "self.type != 'ConfigMap' || has(self.configMap)",
        "message": "a context of type ConfigMap needs configMap.name"
    },
    {
        "rule": "self.type != 'Git' || has(self.git)",
        "message": "a context of type Git needs git.repository"
    },
    {
        "rule": "self.type != 'URL' || has(self.url)",
        "message": "a context of type URL needs url.source"
    },
    {
        "rule": "self.type != 'Git' || has(self.mountPath)",
        "message": "a context of type Git needs mountPath, since a repository cannot be part of the context text; use '.' for the workspace itself"
    }
]))]
pub struct ContextItem {
    /// Where the material comes from.
    #[serde(rename = "type")]
    pub type_: ContextType,
    /// Identifies the context in the aggregated text, in status and in annotations. Without a name the type and the
    /// position in the list identify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub name: Option<String>,
    /// A note for people; agents never see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where to put the material. Absolute paths are kept, others are taken below the workspace directory. Without a
    /// path the material becomes part of the context text every agent reads. Ignored for type Runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub mount_path: Option<String>,
    /// Mode of a single mounted file, in decimal: 420 is 0644, 493 is 0755. Default 420.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 511))]
    pub file_mode: Option<i32>,
    /// Content, for type Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Source, for type ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapContext>,
    /// Source, for type Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitContext>,
    /// Marker, for type Runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeContext>,
    /// Source, for type URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<UrlContext>,
}

/// The kinds of context.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum ContextType {
    /// Text written in the manifest.
    #[default]
    Text,
    /// One key or all keys of a ConfigMap.
    ConfigMap,
    /// A Git repository.
    Git,
    /// An explanation of the platform the agent runs on.
    Runtime,
    /// A file fetched over HTTP.
    #[serde(rename = "URL")]
    Url,
}

impl ContextType {
    /// The name as manifests spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::ConfigMap => "ConfigMap",
            Self::Git => "Git",
            Self::Runtime => "Runtime",
            Self::Url => "URL",
        }
    }
}

/// A ConfigMap of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapContext {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// A single key; without it all keys are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub key: Option<String>,
    /// Treat a missing ConfigMap or key as empty instead of failing. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A Git repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitContext {
    /// Clone URL: `https://…`, `http://…` or `git@host:path`.
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::ARGUMENT))]
    pub repository: String,
    /// Directory or file of the repository to expose; without it the whole clone, `.git` included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub path: Option<String>,
    /// Branch, tag or commit.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = patterns::OPTIONAL_ARGUMENT), extend("default" = "HEAD"))]
    pub reference: Option<String>,
    /// How many commits of history to clone; 0 means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("default" = 1))]
    pub depth: Option<i32>,
    /// Clone submodules too. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurse_submodules: Option<bool>,
    /// Secret with `username` and `password`, or `ssh-privatekey` and `ssh-known-hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// Keeps the clone fresh. Honoured for contexts of Agents only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<GitSync>,
}

impl GitContext {
    /// What to check out: the given reference, or `HEAD` when it is absent or empty.
    pub fn reference(&self) -> &str {
        self.reference
            .as_deref()
            .filter(|text| !text.is_empty())
            .unwrap_or(defaults::GIT_REF)
    }

    /// Commits to clone: 1 when absent, 0 for all of the history.
    pub fn depth(&self) -> i32 {
        self.depth.unwrap_or(defaults::GIT_DEPTH)
    }
}

/// How a clone is kept fresh.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitSync {
    /// Whether to look for new commits at all. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How often to look. Absent or `0s` means every five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<GoDuration>,
    /// What happens on a new commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "HotReload"))]
    pub policy: Option<SyncPolicy>,
}

/// What happens when the remote has a new commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SyncPolicy {
    /// A sidecar updates the files in place.
    #[default]
    HotReload,
    /// The Agent's Deployment is rolled out again.
    Rollout,
}

/// Marks a Runtime context; it has no settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuntimeContext {}

/// A file fetched over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UrlContext {
    /// HTTP or HTTPS address.
    #[schemars(length(max = 2048), regex(pattern = patterns::HTTP_URL))]
    pub source: String,
    /// Extra request headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, SecretText>>,
    /// Secret with `token` (Bearer), or `username` and `password` (Basic). Beats an Authorization header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// Accept any certificate. Default false.
    #[serde(
        rename = "insecureSkipTLSVerify",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub insecure_skip_tls_verify: Option<bool>,
    /// Seconds before the fetch fails; 0 means the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("default" = 30))]
    pub timeout: Option<i32>,
}

impl UrlContext {
    /// Seconds before the fetch fails.
    pub fn timeout_seconds(&self) -> i32 {
        self.timeout
            .filter(|seconds| *seconds > 0)
            .unwrap_or(defaults::URL_TIMEOUT_SECONDS)
    }
}
