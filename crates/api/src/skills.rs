//! Skills: folders with a `SKILL.md` that agents can load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::defaults;
use crate::references::SecretReference;
use crate::schema::patterns;

/// A collection of skills.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.git)", "message": "a skill source needs git.repository" }
]))]
pub struct SkillSource {
    /// Identifies the source; its skills appear below `/skills/<name>`.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::ASSET_NAME))]
    pub name: String,
    /// The repository that holds the skills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<SkillGitSource>,
}

/// A repository with one folder per skill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkillGitSource {
    /// Clone URL: `https://…`, `http://…` or `git@host:path`.
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::ARGUMENT))]
    pub repository: String,
    /// Branch, tag or commit.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = patterns::OPTIONAL_ARGUMENT), extend("default" = "HEAD"))]
    pub reference: Option<String>,
    /// Directory of the repository that holds the skill folders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub path: Option<String>,
    /// Only these skill folders; without it all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 256),
        inner(length(min = 1, max = 253), regex(pattern = patterns::SKILL_FOLDER)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub names: Vec<String>,
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
}

impl SkillGitSource {
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
