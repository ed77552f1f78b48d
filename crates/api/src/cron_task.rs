//! The CronTask kind: Tasks on a schedule.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::defaults;
use crate::schema::{condition_list, patterns};
use crate::task::TaskSpec;

/// When to create Tasks, and which.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kubeopencode.io",
    version = "v1alpha1",
    kind = "CronTask",
    plural = "crontasks",
    singular = "crontask",
    shortname = "ct",
    namespaced,
    status = "CronTaskStatus",
    schema = "disabled",
    derive = "Default",
    derive = "PartialEq",
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedule"),
    printcolumn(name = "Suspend", type_ = "boolean", json_path = ".spec.suspend"),
    printcolumn(
        name = "Active",
        type_ = "integer",
        json_path = ".status.active",
        priority = 1
    ),
    printcolumn(
        name = "Last Schedule",
        type_ = "date",
        json_path = ".status.lastScheduleTime"
    ),
    printcolumn(
        name = "Next Schedule",
        type_ = "date",
        json_path = ".status.nextScheduleTime",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct CronTaskSpec {
    /// Five cron fields: minute, hour, day of month, month, day of week. A leading `TZ=<zone>` or `CRON_TZ=<zone>`
    /// overrides `timeZone`.
    #[schemars(length(max = 256), regex(pattern = patterns::CRON_SCHEDULE))]
    pub schedule: String,
    /// IANA time zone such as `Europe/Berlin`; without it UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = patterns::TIME_ZONE))]
    pub time_zone: Option<String>,
    /// What happens when the previous Task still runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Forbid"))]
    pub concurrency_policy: Option<ConcurrencyPolicy>,
    /// Create no Tasks for now. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// How many seconds late a Task may still be created; without it any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub starting_deadline_seconds: Option<i64>,
    /// Create no further Task while this many of its Tasks exist, finished or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("default" = 10))]
    pub max_retained_tasks: Option<i32>,
    /// The Task to create.
    pub task_template: TaskTemplate,
}

impl CronTaskSpec {
    /// What happens when the previous Task still runs.
    pub fn concurrency_policy(&self) -> ConcurrencyPolicy {
        self.concurrency_policy.unwrap_or_default()
    }

    /// How many of its Tasks may exist.
    pub fn max_retained_tasks(&self) -> i32 {
        self.max_retained_tasks
            .unwrap_or(defaults::CRON_MAX_RETAINED_TASKS)
    }
}

/// What happens when a slot comes while the previous Task still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// Create another one.
    Allow,
    /// Skip the slot.
    #[default]
    Forbid,
    /// Stop the previous one and create another.
    Replace,
}

/// The Task to create.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskTemplate {
    /// Labels and annotations for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TaskTemplateMetadata>,
    /// Its spec.
    pub spec: TaskSpec,
}

/// Labels and annotations for created Tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskTemplateMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// What a CronTask reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CronTaskStatus {
    /// Generation of the spec this status speaks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How many of its Tasks have not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<i32>,
    /// Those Tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub active_refs: Vec<ObjectReference>,
    /// The last slot a Task was created for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// When a Task of it last completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,
    /// The next slot; absent while suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// Tasks created so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_executions: Option<i64>,
    /// Details by type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition_list")]
    pub conditions: Vec<Condition>,
}
