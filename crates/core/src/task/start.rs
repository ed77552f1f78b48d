//! From a new Task to a Pod, or to a sentence that says why there is none.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use koc_api::names::events::{self, actions};
use koc_api::names::{conditions, labels, objects, paths, reasons};
use koc_api::{Session, Task, TaskPhase};
use kube::ResourceExt as _;

use super::{after, condition, end, status_of, stop_requested, until};
use crate::conflicts::{Claim, Occupant};
use crate::context_map::{ContextFile, KeyedFile, assign_keys};
use crate::contexts::{self, Contexts};
use crate::plan::{Announcement, Effect, Plan};
use crate::pod::{self, Blueprint};
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::world::{Creation, Lookup, Ownership, World, ownership};
use crate::{conflicts, context_md};

/// Manifests of one directory arrive in any order, so what a Task names may come a moment after it.
const GRACE_FOR_MISSING: Duration = Duration::from_secs(10);

/// How long to wait for the garbage collector when it says nothing; its deletion normally wakes us.
const PREDECESSOR_RECHECK: Duration = Duration::from_secs(5);

pub(super) fn plan(world: &World, now: Timestamp) -> Plan {
    let task = &world.task;
    if let Some(pod) = &world.pod {
        match ownership(task, &pod.metadata) {
            // A start that was cut off after creating the Pod: go on from there.
            Ownership::Ours => return started(world, now, Vec::new()),
            Ownership::Predecessor => return Plan::wait(PREDECESSOR_RECHECK),
            Ownership::Foreign => {
                return end::refused(
                    world,
                    now,
                    &name_taken("Pod", &objects::task_pod(&task.name_any())),
                );
            }
        }
    }
    if stop_requested(task) {
        return end::stopped_before_start(world, now);
    }
    match refused_creation(world).map_or_else(|| prepare(world), Err) {
        Ok(Prepared::Create(effects)) => started(world, now, effects),
        Ok(Prepared::Wait) => Plan::wait(PREDECESSOR_RECHECK),
        Err(refusal) if refusal.may_pass => wait_for_missing(world, now, &refusal),
        Err(refusal) => end::refused(world, now, &refusal),
    }
}

/// The API server's refusal, in our words. Nothing that the user can't see decides here, so its sentence is kept.
fn refused_creation(world: &World) -> Option<Refusal> {
    let refused = world.refused.as_ref()?;
    let name = world.task.name_any();
    let (reason, what) = match refused.what {
        Creation::ContextMap => (
            reasons::CONFIG_MAP_CREATION_ERROR,
            format!("ConfigMap {:?}", objects::task_context(&name)),
        ),
        Creation::Pod => (
            reasons::POD_CREATION_ERROR,
            format!("Pod {:?}", objects::task_pod(&name)),
        ),
    };
    let message = format!(
        "the API server refused {what}: {}; correct the template and create the Task anew",
        refused.message
    );
    Some(Refusal {
        reason,
        message,
        may_pass: refused.code == 403,
    })
}

enum Prepared {
    Create(Vec<Effect>),
    /// An earlier Task's ConfigMap of our name is still being collected.
    Wait,
}

/// Builds everything the Pod needs, or says why it can't be built.
fn prepare(world: &World) -> Result<Prepared, Refusal> {
    let task = &world.task;
    let settings = settings(world)?;
    let context_map_exists = match &world.context_map {
        None => false,
        Some(map) => match ownership(task, &map.metadata) {
            Ownership::Ours => true,
            Ownership::Predecessor => return Ok(Prepared::Wait),
            Ownership::Foreign => {
                return Err(name_taken("ConfigMap", &objects::task_context(&task.name_any())));
            }
        },
    };
    let template = world.template.found();
    let items = template
        .and_then(|t| t.spec.contexts.as_ref())
        .into_iter()
        .flatten();
    let items = items.chain(task.spec.contexts.iter().flatten());
    let namespace = task.namespace().unwrap_or_default();
    let contexts = contexts::resolve(items, &settings.workspace_dir, &namespace, &world.config_maps)?;
    let has_context_md = !contexts.sections.is_empty();
    let files = files(task, &settings, &contexts)?;

    let pod = pod::build(&Blueprint {
        task,
        settings: &settings,
        files: &files,
        directories: &contexts.directories,
        has_context_md,
    });
    let mut effects = Vec::new();
    if !context_map_exists {
        effects.push(Effect::CreateContextMap(Box::new(context_map(task, &files))));
    }
    effects.push(Effect::CreatePod(Box::new(pod)));
    Ok(Prepared::Create(effects))
}

fn settings(world: &World) -> Result<Settings, Refusal> {
    let task = &world.task;
    let config = match &world.config {
        Lookup::Found(config) => Some(config),
        Lookup::Missing => None,
        // Building with defaults instead would start the wrong images without saying so.
        Lookup::Unreadable(why) => {
            return Err(Refusal::agent(format!(
                "the cluster's KubeOpenCodeConfig can't be read: {why}; mend it"
            ))
            .that_may_pass());
        }
    };
    if let Some(timeout) = &task.spec.timeout
        && let Err(error) = timeout.parsed()
    {
        return Err(Refusal::agent(format!("spec.timeout: {error}")));
    }
    if let Some(agent) = &task.spec.agent_ref {
        return Err(Refusal::agent(format!(
            "agentRef {:?}: Tasks on a running Agent are not supported by this version; use templateRef with an AgentTemplate",
            agent.name
        )));
    }
    let Some(reference) = &task.spec.template_ref else {
        return Err(Refusal::agent(
            "the Task names neither templateRef nor agentRef; set templateRef.name",
        ));
    };
    match &world.template {
        Lookup::Found(template) => Settings::of_template(template, config),
        Lookup::Unreadable(why) => Err(Refusal::agent(format!(
            "AgentTemplate {:?} can't be read: {why}; mend the template",
            reference.name
        ))),
        Lookup::Missing => Err(Refusal::agent(format!(
            "there is no AgentTemplate {:?} in namespace {:?}; create it, or correct spec.templateRef.name",
            reference.name,
            task.namespace().unwrap_or_default()
        ))
        .that_may_pass()),
    }
}

/// All files of the ConfigMap: mounted contexts, prompt, context.md, OpenCode's configuration.
fn files(task: &Task, settings: &Settings, contexts: &Contexts) -> Result<Vec<KeyedFile>, Refusal> {
    let workspace = &settings.workspace_dir;
    let mut files = Vec::new();
    if let Some(prompt) = task.spec.description.as_ref().filter(|d| !d.trim().is_empty()) {
        files.push(own_file(
            format!("{workspace}/{}", paths::TASK_FILE),
            prompt.clone(),
        ));
    } else if settings.command.is_none() {
        return Err(Refusal::context(
            "the Task has no description, so the agent would have nothing to do; set spec.description",
        ));
    }
    if !contexts.sections.is_empty() {
        let text = context_md::render(&contexts.sections);
        files.push(own_file(format!("{workspace}/{}", paths::CONTEXT_FILE), text));
    }
    let claims: Vec<Claim> = files.iter().map(|f| claim(f, "KubeOpenCode itself")).collect();
    let directories = contexts.directories.iter().map(|d| Claim {
        path: d.path.clone(),
        occupant: Occupant::Directory,
        who: format!("the context of ConfigMap {:?}", d.config_map),
    });
    let wanted = contexts.files.iter().map(|f| claim(f, "a context"));
    let claims: Vec<Claim> = claims.into_iter().chain(directories).chain(wanted).collect();
    conflicts::check(workspace, &claims)?;

    let mut all = contexts.files.clone();
    all.append(&mut files);
    let configuration = [
        (paths::OPENCODE_CONFIG, &settings.config_files.open_code),
        (paths::TUI_CONFIG, &settings.config_files.tui),
    ];
    for (path, text) in configuration {
        all.extend(text.iter().map(|text| own_file(path.to_owned(), text.clone())));
    }
    assign_keys(all).map_err(|too_large| Refusal::context(too_large.to_string()))
}

fn own_file(path: String, content: String) -> ContextFile {
    ContextFile {
        path,
        content,
        mode: None,
    }
}

fn claim(file: &ContextFile, who: &str) -> Claim {
    Claim {
        path: file.path.clone(),
        occupant: Occupant::File,
        who: who.to_owned(),
    }
}

fn context_map(task: &Task, files: &[KeyedFile]) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(objects::task_context(&task.name_any())),
            namespace: task.namespace(),
            labels: Some(
                [
                    (labels::APP.to_owned(), labels::APP_VALUE.to_owned()),
                    (labels::TASK.to_owned(), pod::label_value(&task.name_any())),
                ]
                .into(),
            ),
            owner_references: pod::owner(task).map(|o| vec![o]),
            ..ObjectMeta::default()
        },
        data: Some(
            files
                .iter()
                .map(|f| (f.key.clone(), f.file.content.clone()))
                .collect(),
        ),
        ..ConfigMap::default()
    }
}

/// The Task runs: said as event, label and status, after the Pod exists.
fn started(world: &World, now: Timestamp, mut effects: Vec<Effect>) -> Plan {
    let task = &world.task;
    let pod_name = objects::task_pod(&task.name_any());
    // An adopted Pod tells when the Task really started.
    let started_at = world
        .pod
        .as_ref()
        .and_then(|p| p.metadata.creation_timestamp.clone())
        .unwrap_or(Time(now));
    let message = format!("Pod {pod_name} was created");
    effects.push(Effect::Announce(Announcement {
        warning: false,
        reason: events::POD_CREATED,
        action: actions::CREATE_POD,
        note: message.clone(),
    }));
    if let Some(template) = &task.spec.template_ref {
        let value = pod::label_value(&template.name);
        if task.labels().get(labels::AGENT_TEMPLATE) != Some(&value) {
            effects.push(Effect::Label(vec![(labels::AGENT_TEMPLATE.to_owned(), value)]));
        }
    }
    let mut status = status_of(task);
    status.phase = Some(TaskPhase::Running);
    status.template_ref = task.spec.template_ref.clone();
    status.pod_name = Some(pod_name);
    status.start_time = Some(started_at);
    status.session = Some(Session {
        title: Some(pod::session_title(task)),
        ..Session::default()
    });
    condition(
        &mut status,
        task,
        now,
        (conditions::READY, true),
        reasons::RUNNING,
        &message,
    );
    effects.push(Effect::Status(Box::new(status)));
    Plan { effects, wake: None }
}

fn wait_for_missing(world: &World, now: Timestamp, refusal: &Refusal) -> Plan {
    let task = &world.task;
    let created = task.metadata.creation_timestamp.as_ref().map_or(now, |t| t.0);
    let deadline = after(created, GRACE_FOR_MISSING);
    if now >= deadline {
        return end::refused(world, now, refusal);
    }
    let mut status = status_of(task);
    status.phase = Some(TaskPhase::Pending);
    condition(
        &mut status,
        task,
        now,
        (conditions::READY, false),
        refusal.reason,
        &refusal.message,
    );
    let mut plan = Plan::wait(until(deadline, now));
    if Some(&status) != task.status.as_ref() {
        plan.effects.push(Effect::Status(Box::new(status)));
    }
    plan
}

fn name_taken(kind: &str, name: &str) -> Refusal {
    Refusal {
        reason: conditions::NAME_CONFLICT,
        message: format!(
            "{kind} {name:?} exists and does not belong to this Task; delete or rename it, and create the Task anew"
        ),
        may_pass: false,
    }
}
