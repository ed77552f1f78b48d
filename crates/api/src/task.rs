//! The Task kind: one piece of work for an agent.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contexts::ContextItem;
use crate::durations::GoDuration;
use crate::references::{AgentReference, TemplateReference};
use crate::task_status::TaskStatus;

/// What to do, and who does it: a running Agent (`agentRef`) or a Pod of its own made from a template (`templateRef`).
///
/// On a Task everything but `timeout` is fixed at creation; the timeout may be changed while the Task runs.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kubeopencode.io",
    version = "v1alpha1",
    kind = "Task",
    plural = "tasks",
    singular = "task",
    shortname = "tk",
    namespaced,
    status = "TaskStatus",
    schema = "disabled",
    derive = "Default",
    derive = "PartialEq",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Agent", type_ = "string", json_path = ".status.agentRef.name"),
    printcolumn(
        name = "Template",
        type_ = "string",
        json_path = ".status.templateRef.name",
        priority = 1
    ),
    printcolumn(name = "Pod", type_ = "string", json_path = ".status.podName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.agentRef) || has(self.templateRef)",
        "message": "nobody is named to do the work: set agentRef to use a running Agent, or templateRef to start a Pod of its own"
    },
    {
        "rule": "!(has(self.agentRef) && has(self.templateRef))",
        "message": "agentRef and templateRef exclude each other: keep the one that shall do the work"
    }
]))]
pub struct TaskSpec {
    /// The prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Material for this Task, after that of the Agent or template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub contexts: Option<Vec<ContextItem>>,
    /// A running Agent of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_ref: Option<AgentReference>,
    /// An AgentTemplate of the same namespace, for a Pod of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<TemplateReference>,
    /// How long the Task may run, such as `30m` or `1h30m`, counted from its start; time in the queue does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
}

/// Rules that hold between two versions of a Task's spec, as pairs of CEL expression and message.
///
/// They are not part of [`TaskSpec`]'s own schema, since a CronTask's template holds a `TaskSpec` that may change.
pub(crate) const IMMUTABLE_INPUTS: &[(&str, &str)] = &[
    (
        "has(self.agentRef) == has(oldSelf.agentRef) && (!has(self.agentRef) || self.agentRef.name == oldSelf.agentRef.name)",
        "agentRef is fixed once a Task exists: delete the Task and create another one",
    ),
    (
        "has(self.templateRef) == has(oldSelf.templateRef) && (!has(self.templateRef) || self.templateRef.name == oldSelf.templateRef.name)",
        "templateRef is fixed once a Task exists: delete the Task and create another one",
    ),
    (
        "has(self.description) == has(oldSelf.description) && (!has(self.description) || self.description == oldSelf.description)",
        "description is fixed once a Task exists: delete the Task and create another one",
    ),
    (
        "has(self.contexts) == has(oldSelf.contexts) && (!has(self.contexts) || self.contexts == oldSelf.contexts)",
        "contexts are fixed once a Task exists: delete the Task and create another one",
    ),
];
