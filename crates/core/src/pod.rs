//! The blueprint of a templateRef Task's Pod.

mod agent;
mod authorities;
mod clones;
mod context_files;
mod credentials;
mod fetches;
mod init;
mod proxy;
mod security;
mod surroundings;
mod telemetry;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMap, EmptyDirVolumeSource, EnvVar, EnvVarSource, Pod, PodSpec, SecretKeySelector, Volume,
    VolumeMount,
};
use koc_api::names::volumes;

use crate::inputs::Inputs;
use crate::owner::Owner;
use crate::settings::Settings;

pub(crate) use context_files::source_path;
use surroundings::Surroundings;

/// Everything a Pod is built from.
pub(crate) struct Blueprint<'a> {
    pub(crate) owner: &'a Owner,
    pub(crate) settings: &'a Settings,
    pub(crate) inputs: &'a Inputs,
}

/// Builds the Pod. The same blueprint always gives the same Pod, byte for byte.
pub(crate) fn build(blueprint: &Blueprint<'_>) -> Pod {
    let settings = blueprint.settings;
    let pod_spec = &settings.pod_spec;
    let scheduling = pod_spec.scheduling.clone().unwrap_or_default();
    let credentials = credentials::plan(&settings.credentials);
    let surroundings = Surroundings::of(blueprint);

    let mut volume_list = vec![empty_dir(volumes::TOOLS), empty_dir(volumes::WORKSPACE)];
    volume_list.extend(credentials.volumes.iter().cloned());
    volume_list.extend(context_files::volumes(blueprint));
    volume_list.extend(fetches::volume(blueprint.inputs));
    volume_list.extend(clones::volumes(blueprint.inputs));
    volume_list.extend(surroundings.volumes());
    volume_list.extend(pod_spec.extra_volumes.iter().flatten().cloned());

    Pod {
        metadata: blueprint
            .owner
            .metadata(blueprint.owner.pod(), pod_spec.labels.clone().unwrap_or_default()),
        spec: Some(PodSpec {
            init_containers: Some(init::containers(blueprint)),
            containers: vec![agent::container(blueprint, &credentials, &surroundings)],
            volumes: Some(volume_list),
            service_account_name: Some(settings.service_account.clone()),
            // An agent that runs other people's text gets no key to the cluster unless its author mounts one.
            automount_service_account_token: Some(false),
            // Service variables of the namespace are none of the agent's business.
            enable_service_links: Some(false),
            image_pull_secrets: (!settings.image_pull_secrets.is_empty())
                .then(|| settings.image_pull_secrets.clone()),
            restart_policy: Some("Never".to_owned()),
            security_context: Some(security::of_pod(pod_spec)),
            node_selector: scheduling.node_selector,
            tolerations: scheduling.tolerations,
            affinity: scheduling.affinity,
            runtime_class_name: pod_spec.runtime_class_name.clone(),
            ..PodSpec::default()
        }),
        status: None,
    }
}

/// The ConfigMaps that hold the Pod's files; they must exist before it.
pub(crate) fn context_maps(owner: &Owner, inputs: &Inputs) -> Vec<ConfigMap> {
    (0..inputs.maps())
        .map(|index| {
            let files = inputs.files.iter().map(|f| &f.item).filter(|f| f.map == index);
            ConfigMap {
                metadata: owner.metadata(owner.context_map(index), BTreeMap::new()),
                data: Some(files.map(|f| (f.key.clone(), f.file.content.clone())).collect()),
                ..ConfigMap::default()
            }
        })
        .collect()
}

fn empty_dir(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }
}

fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

fn read_only(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        read_only: Some(true),
        ..mount(name, path)
    }
}

/// One file or directory of a volume, mounted onto its own path.
fn part(volume: &str, path: &str, sub_path: String) -> VolumeMount {
    VolumeMount {
        sub_path: Some(sub_path),
        ..mount(volume, path)
    }
}

/// A variable from one key of a Secret that need not be there.
fn optional_secret(name: &str, secret: &str, key: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: secret.to_owned(),
                key: key.to_owned(),
                optional: Some(true),
            }),
            ..EnvVarSource::default()
        }),
    }
}

fn env(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.into()),
        value_from: None,
    }
}

/// A variable whose value is meant as it stands: Kubernetes would replace `$(NAME)` in it.
fn literal(name: &str, value: &str) -> EnvVar {
    env(name, without_references(value))
}

/// Doubles the dollar signs of a text that Kubernetes would otherwise read as a reference or an escape.
fn without_references(value: &str) -> String {
    if value.contains("$(") || value.contains("$$") {
        value.replace('$', "$$")
    } else {
        value.to_owned()
    }
}

/// Keeps the last of several variables of one name: Kubernetes does the same, but server-side apply refuses doubles.
fn last_wins(all: Vec<EnvVar>) -> Vec<EnvVar> {
    let mut kept: Vec<EnvVar> = Vec::with_capacity(all.len());
    for var in all {
        // The place of the last one counts too: `$(NAME)` sees only variables before it.
        kept.retain(|k| k.name != var.name);
        kept.push(var);
    }
    kept
}
