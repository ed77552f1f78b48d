//! The CustomResourceDefinitions, put together from the kinds' Rust types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceValidation, JSONSchemaProps,
};
use kube::CustomResourceExt;
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::agent::{Agent, AgentSpec};
use crate::agent_status::AgentStatus;
use crate::agent_template::{AgentTemplate, AgentTemplateSpec, AgentTemplateStatus};
use crate::config::{KubeOpenCodeConfig, KubeOpenCodeConfigSpec};
use crate::cron_task::{CronTask, CronTaskSpec, CronTaskStatus};
use crate::registry::{Registry, RegistrySpec};
use crate::registry_status::RegistryStatus;
use crate::schema::structural;
use crate::task::{IMMUTABLE_INPUTS, Task, TaskSpec};
use crate::task_status::TaskStatus;

/// A CEL expression and what it says when it does not hold.
type Rule = (&'static str, &'static str);

/// Names end up in label values, which hold 63 characters.
const NAME_FITS_LABEL: Rule = (
    "size(self.metadata.name) <= 63",
    "the name is too long: it becomes a label value, so use at most 63 characters",
);

/// An Agent's name becomes its Service's name as well.
const NAME_FITS_SERVICE: Rule = (
    "!self.metadata.name.contains('.')",
    "the name has a dot: it becomes the name of a Service, so use letters, digits and dashes only",
);

/// Eleven characters for the slot are appended to make the name of a Task.
const NAME_FITS_CHILD: Rule = (
    "size(self.metadata.name) <= 52",
    "the name is too long: its Tasks append a time to it, so use at most 52 characters",
);

/// There is one configuration per cluster.
const NAME_IS_CLUSTER: Rule = (
    "self.metadata.name == 'cluster'",
    "only the configuration named cluster is read: name it cluster",
);

/// The CustomResourceDefinitions of all six kinds, in alphabetical order of their plurals.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        agents(),
        agent_templates(),
        cron_tasks(),
        configs(),
        registries(),
        tasks(),
    ]
}

fn agents() -> CustomResourceDefinition {
    let root = root::<AgentSpec>("An OpenCode server that stays and works on many Tasks.");
    complete(
        Agent::crd(),
        with_rules(
            with_status::<AgentStatus>(root),
            "",
            &[NAME_FITS_LABEL, NAME_FITS_SERVICE],
        ),
    )
}

fn agent_templates() -> CustomResourceDefinition {
    let root =
        root::<AgentTemplateSpec>("What Agents inherit, and what the Pods of template Tasks are made from.");
    complete(
        AgentTemplate::crd(),
        with_rules(with_status::<AgentTemplateStatus>(root), "", &[NAME_FITS_LABEL]),
    )
}

fn cron_tasks() -> CustomResourceDefinition {
    let root = root::<CronTaskSpec>("Tasks on a schedule.");
    complete(
        CronTask::crd(),
        with_rules(with_status::<CronTaskStatus>(root), "", &[NAME_FITS_CHILD]),
    )
}

fn configs() -> CustomResourceDefinition {
    let root = root::<KubeOpenCodeConfigSpec>("Settings for the whole cluster.");
    complete(
        KubeOpenCodeConfig::crd(),
        with_rules(root, "", &[NAME_IS_CLUSTER]),
    )
}

fn registries() -> CustomResourceDefinition {
    let root = root::<RegistrySpec>("A catalogue of images, skills and plugins.");
    complete(Registry::crd(), with_status::<RegistryStatus>(root))
}

fn tasks() -> CustomResourceDefinition {
    let root = with_status::<TaskStatus>(root::<TaskSpec>("One piece of work for an agent."));
    let root = with_rules(root, "/properties/spec", IMMUTABLE_INPUTS);
    complete(Task::crd(), with_rules(root, "", &[NAME_FITS_LABEL]))
}

/// The schema of a whole object, without its status.
fn root<Spec: JsonSchema>(description: &str) -> Value {
    json!({
        "description": description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "description": "Group and version of the object, kubeopencode.io/v1alpha1.",
                "type": "string",
            },
            "kind": {
                "description": "Kind of the object.",
                "type": "string",
            },
            "metadata": { "type": "object" },
            "spec": structural::<Spec>(),
        },
    })
}

/// Adds the status to an object's schema.
fn with_status<Status: JsonSchema>(mut root: Value) -> Value {
    if let Some(properties) = root.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.insert("status".to_owned(), structural::<Status>());
    }
    root
}

/// Adds rules to the schema at a JSON pointer, after those already there.
fn with_rules(mut root: Value, pointer: &str, rules: &[Rule]) -> Value {
    if let Some(target) = root.pointer_mut(pointer).and_then(Value::as_object_mut) {
        let list = target
            .entry("x-kubernetes-validations")
            .or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.extend(
                rules
                    .iter()
                    .map(|(rule, message)| json!({ "rule": rule, "message": message })),
            );
        }
    }
    root
}

/// Puts the schema into the definition that the derive made from names and columns.
fn complete(mut definition: CustomResourceDefinition, schema: Value) -> CustomResourceDefinition {
    definition.spec.names.list_kind = Some(format!("{}List", definition.spec.names.kind));
    // The schema is our own JSON; a test decodes every one of them, so none is lost here.
    let schema: Option<JSONSchemaProps> = serde_json::from_value(schema).ok();
    for version in &mut definition.spec.versions {
        version.schema = Some(CustomResourceValidation {
            open_api_v3_schema: schema.clone(),
        });
    }
    definition
}
