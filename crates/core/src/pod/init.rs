//! The init containers: one brings OpenCode, one writes the files.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use koc_api::ContainerAdditions;
use koc_api::names::{containers, env as env_names, paths, volumes};
use serde_json::{Value, json};

use super::surroundings::Surroundings;
use super::{
    Blueprint, directory_mount_path, directory_volume_name, env, last_wins, literal, mount, read_only,
    security, within,
};
use crate::image::pull_policy;
use crate::settings::Settings;

/// Copies the OpenCode program into the tools volume, by the image's own entrypoint.
pub(super) fn open_code(blueprint: &Blueprint<'_>) -> Container {
    let settings = blueprint.settings;
    let base = Container {
        name: containers::OPENCODE_INIT.to_owned(),
        image: Some(settings.agent_image.clone()),
        image_pull_policy: Some(pull_policy(&settings.agent_image).to_owned()),
        volume_mounts: Some(vec![mount(volumes::TOOLS, paths::TOOLS)]),
        ..Container::default()
    };
    let own = settings
        .pod_spec
        .system_containers
        .as_ref()
        .and_then(|s| s.open_code_init.as_ref());
    finish(
        base,
        vec![env(env_names::TOOLS_DIR, paths::TOOLS)],
        blueprint,
        own,
    )
}

/// Writes the context files, and copies the product's own program beside OpenCode for the agent container.
pub(super) fn context(blueprint: &Blueprint<'_>) -> Container {
    let settings = blueprint.settings;
    let workspace = &settings.workspace_dir;
    let mut vars = vec![
        env(env_names::HOME, paths::HOME),
        env(env_names::SHELL, paths::SHELL),
        literal(env_names::WORKSPACE_DIR, workspace),
        env(env_names::TOOLS_DIR, paths::TOOLS),
        env(env_names::CONFIGMAP_PATH, paths::CONFIGMAP_FILES),
        literal(env_names::FILE_MAPPINGS, &file_mappings(blueprint).to_string()),
    ];
    let mut mounts = vec![read_only(volumes::CONTEXT_FILES, paths::CONFIGMAP_FILES)];
    if !blueprint.directories.is_empty() {
        let mappings: Vec<Value> = blueprint
            .directories
            .iter()
            .enumerate()
            .map(|(i, d)| json!({"sourcePath": directory_mount_path(i), "targetPath": d.path}))
            .collect();
        vars.push(literal(
            env_names::DIR_MAPPINGS,
            &Value::from(mappings).to_string(),
        ));
        mounts.extend(
            (0..blueprint.directories.len())
                .map(|i| read_only(&directory_volume_name(i), &directory_mount_path(i))),
        );
    }
    mounts.push(mount(volumes::WORKSPACE, workspace));
    mounts.push(mount(volumes::TOOLS, paths::TOOLS));
    let base = Container {
        name: containers::CONTEXT_INIT.to_owned(),
        volume_mounts: Some(mounts),
        ..system_container(settings, containers::programs::CONTEXT_INIT)
    };
    let own = settings
        .pod_spec
        .system_containers
        .as_ref()
        .and_then(|s| s.context_init.as_ref());
    finish(base, vars, blueprint, own)
}

/// Installs the plugins with npm, if there are any.
pub(super) fn plugins(blueprint: &Blueprint<'_>) -> Option<Container> {
    let settings = blueprint.settings;
    if settings.plugins.is_empty() {
        return None;
    }
    let packages = Value::from(settings.plugins.packages.clone()).to_string();
    let vars = vec![
        env(env_names::HOME, paths::HOME),
        env(env_names::SHELL, paths::SHELL),
        env(env_names::INPUT_NAME, "plugins"),
        literal(env_names::PLUGIN_PACKAGES, &packages),
        env(env_names::PLUGIN_DIR, paths::PLUGINS),
    ];
    let base = Container {
        name: containers::PLUGIN_INIT.to_owned(),
        volume_mounts: Some(vec![mount(volumes::PLUGINS, paths::PLUGINS)]),
        ..system_container(settings, containers::programs::PLUGIN_INIT)
    };
    let own = settings
        .pod_spec
        .system_containers
        .as_ref()
        .and_then(|s| s.plugin_init.as_ref());
    Some(finish(base, vars, blueprint, own))
}

/// A container of the platform's own image that runs one of its programs.
fn system_container(settings: &Settings, program: &str) -> Container {
    Container {
        image: Some(settings.system_image.clone()),
        image_pull_policy: Some(settings.system_pull_policy.as_str().to_owned()),
        command: Some(vec![paths::KUBEOPENCODE.to_owned(), program.to_owned()]),
        ..Container::default()
    }
}

/// True for files that `context-init` copies; others are mounted one by one.
pub(super) fn is_copied(path: &str, workspace: &str) -> bool {
    within(path, workspace)
}

fn file_mappings(blueprint: &Blueprint<'_>) -> Value {
    let workspace = &blueprint.settings.workspace_dir;
    blueprint
        .files
        .iter()
        .filter(|f| is_copied(&f.file.path, workspace))
        .map(|f| {
            let mut mapping = json!({"key": f.key, "targetPath": f.file.path});
            if let Some(mode) = f.file.mode {
                mapping["fileMode"] = mode.into();
            }
            mapping
        })
        .collect()
}

/// What every init container gets: the user's variables and mounts, the default security context, resources.
fn finish(
    base: Container,
    mut vars: Vec<EnvVar>,
    blueprint: &Blueprint<'_>,
    own: Option<&ContainerAdditions>,
) -> Container {
    let surroundings = Surroundings::of(blueprint);
    vars.extend(surroundings.own_variables());
    vars.extend(blueprint.settings.pod_spec.extra_env.iter().flatten().cloned());
    vars.extend(own.and_then(|o| o.extra_env.clone()).into_iter().flatten());
    let mut mounts = base.volume_mounts.unwrap_or_default();
    mounts.extend(surroundings.own_mounts());
    mounts.extend(
        own.and_then(|o| o.extra_volume_mounts.clone())
            .into_iter()
            .flatten(),
    );
    Container {
        env: Some(last_wins(vars)),
        volume_mounts: Some(mounts),
        security_context: Some(security::container_default()),
        resources: Some(small_resources()),
        ..base
    }
}

/// Enough to copy a program and write files; without any, strict resource quotas refuse the Pod.
fn small_resources() -> ResourceRequirements {
    let quantities = |pairs: &[(&str, &str)]| -> BTreeMap<String, Quantity> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Quantity((*v).to_owned())))
            .collect()
    };
    ResourceRequirements {
        requests: Some(quantities(&[("cpu", "10m"), ("memory", "64Mi")])),
        limits: Some(quantities(&[("memory", "512Mi")])),
        claims: None,
    }
}
