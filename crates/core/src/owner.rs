//! Whose Pod is built: the names and references that everything made for it carries.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use koc_api::Task;
use koc_api::names::{labels, objects};
use kube::{Resource as _, ResourceExt as _};

/// What a Pod is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerKind {
    /// One Task: the Pod ends with it.
    Task,
}

/// The object that a Pod and its ConfigMaps belong to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owner {
    pub(crate) kind: OwnerKind,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    /// As controller, so that the garbage collector takes along what is made.
    reference: Option<OwnerReference>,
}

impl Owner {
    /// A Task as owner.
    pub(crate) fn of_task(task: &Task) -> Self {
        Self {
            kind: OwnerKind::Task,
            name: task.name_any(),
            namespace: task.namespace().unwrap_or_default(),
            uid: task.uid().unwrap_or_default(),
            reference: task.controller_owner_ref(&()).map(|reference| OwnerReference {
                block_owner_deletion: Some(true),
                ..reference
            }),
        }
    }

    /// Name of the Pod.
    pub(crate) fn pod(&self) -> String {
        match self.kind {
            OwnerKind::Task => objects::task_pod(&self.name),
        }
    }

    /// Name of the ConfigMap of this index; the first one has the documented name.
    pub(crate) fn context_map(&self, index: usize) -> String {
        match self.kind {
            OwnerKind::Task => objects::task_context_part(&self.name, index),
        }
    }

    /// The title by which OpenCode's session can be told from others.
    pub(crate) fn session_title(&self) -> String {
        objects::session_title(&self.namespace, &self.name, &self.uid)
    }

    /// Metadata of an object made for the owner. Its own labels win over `extra`: a Pod whose Task label lies would be
    /// followed by nobody.
    pub(crate) fn metadata(&self, name: String, extra: BTreeMap<String, String>) -> ObjectMeta {
        let mut all = extra;
        all.insert(labels::APP.to_owned(), labels::APP_VALUE.to_owned());
        match self.kind {
            OwnerKind::Task => all.insert(labels::TASK.to_owned(), label_value(&self.name)),
        };
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.namespace.clone()),
            labels: Some(all),
            owner_references: self.reference.clone().map(|o| vec![o]),
            ..ObjectMeta::default()
        }
    }
}

/// A label value takes 63 characters, a name 253: long names are cut, and the owner reference stays exact.
pub(crate) fn label_value(name: &str) -> String {
    if name.len() <= 63 {
        return name.to_owned();
    }
    name[..63].trim_end_matches(['-', '.', '_']).to_owned()
}
