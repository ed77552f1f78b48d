//! What should happen next: effects in order, and when to look again.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use koc_api::TaskStatus;

/// The outcome of one decision.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// To be carried out in this order. Stopping after any of them and deciding anew leads to the same end.
    pub effects: Vec<Effect>,
    /// When to decide again although nothing changed.
    pub wake: Option<Duration>,
}

/// One change to the cluster. Who carries it out needs to know nothing about Tasks.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Create the ConfigMap. Where one of this name exists, nothing is changed and the decision is made again with it.
    CreateContextMap(Box<ConfigMap>),
    /// Give an existing ConfigMap of ours other contents, provided that it still has this version.
    RewriteContextMap(Box<ContextMapRewrite>),
    /// Create the Pod, with the same rule as for a ConfigMap.
    CreatePod(Box<Pod>),
    /// Delete the Pod of this name if its UID is still this one.
    DeletePod {
        /// Its name.
        name: String,
        /// Its UID; another Pod of the same name is left alone.
        uid: String,
    },
    /// Say once that something happened. The name of the event follows from Task and reason, so a repetition is the
    /// same event.
    Announce(Announcement),
    /// Set labels on the Task.
    Label(Vec<(String, String)>),
    /// Write the status, provided the Task is still the one decided about.
    Status(Box<TaskStatus>),
}

/// What changes in a ConfigMap that an earlier, interrupted start left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextMapRewrite {
    /// Its name.
    pub name: String,
    /// The `resourceVersion` that was looked at.
    pub version: String,
    /// Keys and contents; `None` for a key that is to go.
    pub data: BTreeMap<String, Option<String>>,
}

/// An event about the Task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// True for a Warning, false for Normal.
    pub warning: bool,
    /// CamelCase, such as `PodCreated`.
    pub reason: &'static str,
    /// What was being done, such as `CreatePod`.
    pub action: &'static str,
    /// One sentence.
    pub note: String,
}

impl Plan {
    /// Nothing to do until something changes.
    pub fn rest() -> Self {
        Self::default()
    }

    /// Nothing to do before `wake`.
    pub fn wait(wake: Duration) -> Self {
        Self {
            effects: Vec::new(),
            wake: Some(wake),
        }
    }
}
