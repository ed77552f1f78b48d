//! The init containers: their order, and what all of them have in common.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use koc_api::ContainerAdditions;
use koc_api::names::{containers, env as env_names, paths, volumes};
use serde_json::Value;

use super::surroundings::Surroundings;
use super::{Blueprint, clones, context_files, env, fetches, last_wins, literal, mount, security};
use crate::image::pull_policy;
use crate::settings::Settings;

/// All init containers, in order. A clone that is copied into the workspace, or that files are put into, comes before
/// `context-init`; what is fetched may land in any clone, so it comes last.
pub(super) fn containers(blueprint: &Blueprint<'_>) -> Vec<Container> {
    let (first, later): (Vec<_>, Vec<_>) =
        clones::containers(blueprint).partition(|(comes_first, _)| *comes_first);
    let clone = |(_, container)| container;
    let mut all = vec![open_code(blueprint)];
    all.extend(first.into_iter().map(clone));
    all.push(context_files::container(blueprint));
    all.extend(later.into_iter().map(clone));
    all.extend(fetches::containers(blueprint));
    all.extend(plugins(blueprint));
    all
}

/// Copies the OpenCode program into the tools volume, by the image's own entrypoint.
fn open_code(blueprint: &Blueprint<'_>) -> Container {
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

/// Installs the plugins with npm, if there are any.
fn plugins(blueprint: &Blueprint<'_>) -> Option<Container> {
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
pub(super) fn system_container(settings: &Settings, program: &str) -> Container {
    Container {
        image: Some(settings.system_image.clone()),
        image_pull_policy: Some(settings.system_pull_policy.as_str().to_owned()),
        command: Some(vec![paths::KUBEOPENCODE.to_owned(), program.to_owned()]),
        ..Container::default()
    }
}

/// What every init container gets: the user's variables and mounts, the default security context, resources.
pub(super) fn finish(
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
        security_context: Some(security::of_container(&blueprint.settings.pod_spec)),
        resources: base.resources.or_else(|| Some(resources(SMALL_MEMORY_LIMIT))),
        // A program that says nothing in its last words still has its log.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..base
    }
}

/// Enough to copy a program and write files.
const SMALL_MEMORY_LIMIT: &str = "512Mi";

/// What a program gets that prepares the Pod. Without any, strict resource quotas refuse the Pod; a limit below the
/// worker's own costs nothing, since both never run at once.
pub(super) fn resources(memory_limit: &str) -> ResourceRequirements {
    let quantities = |pairs: &[(&str, &str)]| -> BTreeMap<String, Quantity> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Quantity((*v).to_owned())))
            .collect()
    };
    ResourceRequirements {
        requests: Some(quantities(&[("cpu", "10m"), ("memory", "64Mi")])),
        limits: Some(quantities(&[("memory", memory_limit)])),
        claims: None,
    }
}
