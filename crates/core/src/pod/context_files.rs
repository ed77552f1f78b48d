//! The files and directories that come from ConfigMaps: `context-init` with its volumes, and what the worker mounts
//! itself.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, ConfigMapVolumeSource, Container, KeyToPath, ProjectedVolumeSource, Volume,
    VolumeMount, VolumeProjection,
};
use koc_api::names::{containers, env as env_names, paths, volumes};

use super::{Blueprint, clones, env, init, literal, mount, part, read_only};
use crate::inputs::{Delivery, Inputs};

/// `context-init`: writes what is to be copied, and copies the product's own program beside OpenCode for the worker.
pub(super) fn container(blueprint: &Blueprint<'_>) -> Container {
    let Blueprint { settings, inputs, .. } = *blueprint;
    let workspace = &settings.workspace_dir;
    let mut vars = vec![
        env(env_names::HOME, paths::HOME),
        env(env_names::SHELL, paths::SHELL),
        literal(env_names::WORKSPACE_DIR, workspace),
        env(env_names::TOOLS_DIR, paths::TOOLS),
        env(env_names::CONFIGMAP_PATH, paths::CONFIGMAP_FILES),
        literal(env_names::FILE_MAPPINGS, &inputs.file_mappings),
    ];
    if !inputs.dir_mappings.is_empty() {
        vars.push(literal(env_names::DIR_MAPPINGS, &inputs.dir_mappings));
    }
    if !inputs.make_directories.is_empty() {
        let list = serde_json::Value::from(inputs.make_directories.clone());
        vars.push(literal(env_names::MAKE_DIRECTORIES, &list.to_string()));
    }
    let mut mounts = Vec::new();
    if inputs.maps() > 0 {
        mounts.push(read_only(volumes::CONTEXT_FILES, paths::CONFIGMAP_FILES));
    }
    mounts.extend(
        directories(inputs, Delivery::Copied).map(|(i, _)| read_only(&volume_name(i), &source_path(i))),
    );
    mounts.push(mount(volumes::WORKSPACE, workspace));
    mounts.push(mount(volumes::TOOLS, paths::TOOLS));
    mounts.extend(inputs.clones_written().map(|(i, view)| clones::mount_of(i, view)));
    let base = Container {
        name: containers::CONTEXT_INIT.to_owned(),
        volume_mounts: Some(mounts),
        ..init::system_container(settings, containers::programs::CONTEXT_INIT)
    };
    let own = settings.pod_spec.system_containers.as_ref();
    init::finish(base, vars, blueprint, own.and_then(|s| s.context_init.as_ref()))
}

/// All volumes that show ConfigMaps.
pub(super) fn volumes(blueprint: &Blueprint<'_>) -> Vec<Volume> {
    let Blueprint { owner, inputs, .. } = *blueprint;
    let names = |index| owner.context_map(index);
    let mut all = Vec::new();
    if inputs.maps() > 0 {
        let sources = (0..inputs.maps()).map(|index| (names(index), None)).collect();
        all.push(of_maps(volumes::CONTEXT_FILES, sources));
    }
    for (index, directory) in inputs.directories.iter().enumerate() {
        let item = &directory.item;
        all.push(Volume {
            name: volume_name(index),
            config_map: Some(ConfigMapVolumeSource {
                name: item.config_map.clone(),
                optional: item.optional.then_some(true),
                // What is copied gets its mode from `context-init`, which has to be able to read it first.
                default_mode: item.mode.filter(|_| directory.delivery == Delivery::Mounted),
                items: None,
            }),
            ..Volume::default()
        });
    }
    let mounted: Vec<(String, Option<Vec<KeyToPath>>)> = (0..inputs.maps())
        .filter_map(|index| {
            let items: Vec<KeyToPath> = inputs
                .files
                .iter()
                .filter(|f| f.delivery == Delivery::Mounted && f.item.map == index)
                .map(|f| KeyToPath {
                    key: f.item.key.clone(),
                    mode: f.item.file.mode,
                    path: f.item.key.clone(),
                })
                .collect();
            (!items.is_empty()).then(|| (names(index), Some(items)))
        })
        .collect();
    if !mounted.is_empty() {
        all.push(of_maps(volumes::OUTSIDE_FILES, mounted));
    }
    all
}

/// What the worker mounts itself: files and directories outside the workspace, each onto its own path, so that nothing
/// else of the image is hidden.
pub(super) fn worker_mounts(inputs: &Inputs) -> Vec<VolumeMount> {
    let files = inputs.files.iter().filter(|f| f.delivery == Delivery::Mounted);
    let files = files.map(|f| VolumeMount {
        read_only: Some(true),
        ..part(volumes::OUTSIDE_FILES, &f.item.file.path, f.item.key.clone())
    });
    let directories =
        directories(inputs, Delivery::Mounted).map(|(i, path)| read_only(&volume_name(i), path));
    files.chain(directories).collect()
}

fn directories(inputs: &Inputs, delivery: Delivery) -> impl Iterator<Item = (usize, &str)> {
    inputs
        .directories
        .iter()
        .enumerate()
        .filter(move |(_, d)| d.delivery == delivery)
        .map(|(index, d)| (index, d.item.path.as_str()))
}

/// One ConfigMap as it is, several as one directory.
fn of_maps(name: &str, mut maps: Vec<(String, Option<Vec<KeyToPath>>)>) -> Volume {
    let base = Volume {
        name: name.to_owned(),
        ..Volume::default()
    };
    if maps.len() == 1
        && let Some((map, items)) = maps.pop()
    {
        return Volume {
            config_map: Some(ConfigMapVolumeSource {
                name: map,
                items,
                ..ConfigMapVolumeSource::default()
            }),
            ..base
        };
    }
    let sources = maps.into_iter().map(|(name, items)| VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name,
            items,
            optional: None,
        }),
        ..VolumeProjection::default()
    });
    Volume {
        projected: Some(ProjectedVolumeSource {
            sources: Some(sources.collect()),
            default_mode: None,
        }),
        ..base
    }
}

fn volume_name(index: usize) -> String {
    format!("{}{index}", volumes::DIR_MOUNT_PREFIX)
}

/// Where `context-init` finds the ConfigMap of a directory.
pub(crate) fn source_path(index: usize) -> String {
    format!("{}{index}", paths::CONFIGMAP_DIR_PREFIX)
}
