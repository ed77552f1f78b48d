//! The agent container: the user's executor image, with OpenCode and `task-run` at `/tools`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use koc_api::names::{containers, defaults, env as env_names, paths, volumes};

use super::credentials::Credentials;
use super::surroundings::Surroundings;
use super::{Blueprint, clones, context_files, env, fetches, last_wins, literal, mount, security};
use crate::image::pull_policy;
use crate::opencode_config;

pub(super) fn container(
    blueprint: &Blueprint<'_>,
    credentials: &Credentials,
    surroundings: &Surroundings<'_>,
) -> Container {
    let settings = blueprint.settings;
    let pod_spec = &settings.pod_spec;
    let mut mounts = vec![
        mount(volumes::TOOLS, paths::TOOLS),
        mount(volumes::WORKSPACE, &settings.workspace_dir),
    ];
    mounts.extend(credentials.mounts.iter().cloned());
    mounts.extend(context_files::worker_mounts(blueprint.inputs));
    mounts.extend(fetches::worker_mounts(blueprint.inputs));
    mounts.extend(clones::worker_mounts(blueprint.inputs));
    mounts.extend(surroundings.worker_mounts());
    mounts.extend(pod_spec.extra_volume_mounts.iter().flatten().cloned());

    // The guide promises that an executor's own command runs as it stands; only without one do we bring ours.
    let command = settings.command.clone().unwrap_or_else(|| {
        vec![
            paths::TOOLS_KUBEOPENCODE.to_owned(),
            containers::programs::TASK_RUN.to_owned(),
        ]
    });

    Container {
        name: containers::AGENT.to_owned(),
        image: Some(settings.executor_image.clone()),
        image_pull_policy: Some(pull_policy(&settings.executor_image).to_owned()),
        command: Some(command),
        working_dir: Some(settings.workspace_dir.clone()),
        env: Some(last_wins(variables(blueprint, credentials, surroundings))),
        env_from: (!credentials.env_from.is_empty()).then(|| credentials.env_from.clone()),
        volume_mounts: Some(mounts),
        resources: Some(pod_spec.resources.clone().unwrap_or_else(default_resources)),
        security_context: Some(
            pod_spec
                .security_context
                .clone()
                .unwrap_or_else(|| security::of_container(pod_spec)),
        ),
        lifecycle: pod_spec.lifecycle.clone(),
        ..Container::default()
    }
}

fn variables(
    blueprint: &Blueprint<'_>,
    credentials: &Credentials,
    surroundings: &Surroundings<'_>,
) -> Vec<EnvVar> {
    let settings = blueprint.settings;
    let owner = blueprint.owner;
    let mut vars = vec![
        env(env_names::HOME, paths::HOME),
        env(env_names::SHELL, paths::SHELL),
        env(env_names::PATH, paths::SEARCH_PATH),
        env(env_names::TASK_NAME, &owner.name),
        env(env_names::TASK_NAMESPACE, &owner.namespace),
        literal(env_names::WORKSPACE_DIR, &settings.workspace_dir),
    ];
    if settings.command.is_none() {
        vars.push(env(env_names::TASK_SESSION_TITLE, owner.session_title()));
    }
    if settings.config_files.open_code.is_some() {
        vars.push(env(env_names::OPENCODE_CONFIG, paths::OPENCODE_CONFIG));
    }
    if settings.config_files.tui.is_some() {
        vars.push(env(env_names::OPENCODE_TUI_CONFIG, paths::TUI_CONFIG));
    }
    if !settings.has_permission {
        vars.push(env(env_names::OPENCODE_PERMISSION, defaults::PERMISSION_JSON));
    }
    let inline = opencode_config::inline(blueprint.inputs.has_context_md, surroundings.traces_models());
    vars.extend(inline.map(|content| env(env_names::OPENCODE_CONFIG_CONTENT, content)));
    vars.extend(credentials.env.iter().cloned());
    let git_config = env(env_names::GIT_CONFIG_GLOBAL, paths::GIT_CONFIG);
    // Whoever brings a Git configuration of their own has reasons, and can include ours in it.
    if !blueprint.inputs.git.is_empty() && !credentials.env.iter().any(|var| var.name == git_config.name) {
        vars.push(git_config);
    }
    vars.extend(surroundings.worker_variables());
    vars.extend(settings.pod_spec.extra_env.iter().flatten().cloned());
    vars
}

fn default_resources() -> ResourceRequirements {
    let memory = |value: &str| {
        Some(BTreeMap::from([(
            "memory".to_owned(),
            Quantity(value.to_owned()),
        )]))
    };
    ResourceRequirements {
        requests: memory(defaults::WORKER_MEMORY_REQUEST),
        limits: memory(defaults::WORKER_MEMORY_LIMIT),
        claims: None,
    }
}
