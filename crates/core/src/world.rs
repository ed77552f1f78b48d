//! The part of the cluster that a decision looks at.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use koc_api::{AgentTemplate, KubeOpenCodeConfig, Task};

/// What came of looking an object up.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Lookup<T> {
    /// It is there.
    Found(T),
    /// It is not there; it may still come, since manifests are applied in any order.
    #[default]
    Missing,
    /// It is there and can't be read as its kind; the sentence says which field is wrong.
    Unreadable(String),
}

impl<T> Lookup<T> {
    /// The object, where it was found.
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(object) => Some(object),
            Self::Missing | Self::Unreadable(_) => None,
        }
    }
}

impl<T> From<Option<T>> for Lookup<T> {
    fn from(object: Option<T>) -> Self {
        object.map_or(Self::Missing, Self::Found)
    }
}

/// Everything that decides what happens to one Task. It is a snapshot: deciding twice from it gives the same plan.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The Task itself.
    pub task: Task,
    /// The AgentTemplate that `spec.templateRef` names.
    pub template: Lookup<AgentTemplate>,
    /// The cluster's settings; missing means built-in defaults.
    pub config: Lookup<KubeOpenCodeConfig>,
    /// The ConfigMaps that contexts name, by name.
    pub config_maps: BTreeMap<String, Lookup<ConfigMap>>,
    /// The Pod of the Task's Pod name, whoever owns it.
    pub pod: Option<Pod>,
    /// ConfigMaps of the names that the Task's own have, whoever owns them. Only looked up when creating one met an
    /// existing one.
    pub context_maps: BTreeMap<String, ConfigMap>,
    /// What the API server refused to create for this Task in this pass, with its reason.
    pub refused: Option<RefusedCreation>,
}

/// A creation that the API server refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCreation {
    /// What was to be created.
    pub what: Creation,
    /// Its name.
    pub name: String,
    /// HTTP code: 403 may pass (a quota, a policy being changed), others will not.
    pub code: u16,
    /// The API server's sentence.
    pub message: String,
}

/// What a Task's start creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// A ConfigMap with its files.
    ContextMap,
    /// The Pod.
    Pod,
}

/// Whose an object of our name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Our Task's: the controller owner reference carries its UID.
    Ours,
    /// An earlier Task's of the same name; the garbage collector will remove it.
    Predecessor,
    /// Anybody else's.
    Foreign,
}

/// Tells whose an object is by its controller reference; the name alone never counts.
pub fn ownership(task: &Task, object: &ObjectMeta) -> Ownership {
    let controller = object
        .owner_references
        .iter()
        .flatten()
        .find(|r| r.controller == Some(true));
    match controller {
        Some(owner) if Some(&owner.uid) == task.metadata.uid.as_ref() => Ownership::Ours,
        Some(owner) if owner.kind == "Task" && Some(&owner.name) == task.metadata.name.as_ref() => {
            Ownership::Predecessor
        }
        _ => Ownership::Foreign,
    }
}
