//! The blueprint of a templateRef Task's Pod.

mod agent;
mod authorities;
mod credentials;
mod init;
mod proxy;
mod security;
mod surroundings;
mod telemetry;

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, EnvVar, KeyToPath, Pod, PodSpec, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use koc_api::names::{labels, objects, paths, volumes};
use koc_api::{AgentPodSpec, Task};
use kube::{Resource as _, ResourceExt as _};

use crate::context_map::KeyedFile;
use crate::contexts::DirectoryMount;
use crate::paths::{file_name, is_under};
use crate::settings::Settings;

use surroundings::Surroundings;

/// Everything a Pod is built from.
pub(crate) struct Blueprint<'a> {
    pub(crate) task: &'a Task,
    pub(crate) settings: &'a Settings,
    /// Files in the Task's ConfigMap.
    pub(crate) files: &'a [KeyedFile],
    pub(crate) directories: &'a [DirectoryMount],
    /// Whether `context.md` is among the files.
    pub(crate) has_context_md: bool,
}

/// Builds the Pod. The same blueprint always gives the same Pod, byte for byte.
pub(crate) fn build(blueprint: &Blueprint<'_>) -> Pod {
    let settings = blueprint.settings;
    let pod_spec = &settings.pod_spec;
    let scheduling = pod_spec.scheduling.clone().unwrap_or_default();
    let credentials = credentials::plan(&settings.credentials);
    let outside = OutsideFiles::of(blueprint);
    let surroundings = Surroundings::of(blueprint);
    let mut init_containers = vec![init::open_code(blueprint), init::context(blueprint)];
    init_containers.extend(init::plugins(blueprint));

    let mut volume_list = vec![empty_dir(volumes::TOOLS), empty_dir(volumes::WORKSPACE)];
    volume_list.extend(credentials.volumes.iter().cloned());
    volume_list.push(context_files_volume(blueprint.task));
    volume_list.extend(
        blueprint
            .directories
            .iter()
            .enumerate()
            .map(|(i, d)| directory_volume(i, d)),
    );
    volume_list.extend(outside.volume(blueprint.task));
    volume_list.extend(surroundings.volumes());
    volume_list.extend(pod_spec.extra_volumes.iter().flatten().cloned());

    Pod {
        metadata: metadata(blueprint.task, pod_spec),
        spec: Some(PodSpec {
            init_containers: Some(init_containers),
            containers: vec![agent::container(blueprint, &credentials, &outside, &surroundings)],
            volumes: Some(volume_list),
            service_account_name: Some(settings.service_account.clone()),
            // An agent that runs other people's text gets no key to the cluster unless its author mounts one.
            automount_service_account_token: Some(false),
            // Service variables of the namespace are none of the agent's business.
            enable_service_links: Some(false),
            image_pull_secrets: (!settings.image_pull_secrets.is_empty())
                .then(|| settings.image_pull_secrets.clone()),
            restart_policy: Some("Never".to_owned()),
            security_context: Some(
                pod_spec
                    .pod_security_context
                    .clone()
                    .unwrap_or_else(security::pod_default),
            ),
            node_selector: scheduling.node_selector,
            tolerations: scheduling.tolerations,
            affinity: scheduling.affinity,
            runtime_class_name: pod_spec.runtime_class_name.clone(),
            ..PodSpec::default()
        }),
        status: None,
    }
}

/// The title by which OpenCode's session can be told from others.
pub(crate) fn session_title(task: &Task) -> String {
    objects::session_title(
        &task.namespace().unwrap_or_default(),
        &task.name_any(),
        &task.uid().unwrap_or_default(),
    )
}

/// Our Task as controller owner.
pub(crate) fn owner(task: &Task) -> Option<OwnerReference> {
    task.controller_owner_ref(&()).map(|reference| OwnerReference {
        block_owner_deletion: Some(true),
        ..reference
    })
}

fn metadata(task: &Task, pod_spec: &AgentPodSpec) -> ObjectMeta {
    let mut all = pod_spec.labels.clone().unwrap_or_default();
    // Ours come last: a Pod whose Task label lies would be followed by nobody.
    all.insert(labels::APP.to_owned(), labels::APP_VALUE.to_owned());
    all.insert(labels::TASK.to_owned(), label_value(&task.name_any()));
    ObjectMeta {
        name: Some(objects::task_pod(&task.name_any())),
        namespace: task.namespace(),
        labels: Some(all),
        owner_references: owner(task).map(|o| vec![o]),
        ..ObjectMeta::default()
    }
}

/// A label value takes 63 characters, a name 253: long names are cut, and the owner reference stays exact.
pub(crate) fn label_value(name: &str) -> String {
    if name.len() <= 63 {
        return name.to_owned();
    }
    name[..63].trim_end_matches(['-', '.', '_']).to_owned()
}

/// Files that lie outside the workspace are mounted one by one, so that no directory of the image is hidden.
pub(crate) struct OutsideFiles<'a>(Vec<&'a KeyedFile>);

impl<'a> OutsideFiles<'a> {
    fn of(blueprint: &Blueprint<'a>) -> Self {
        let outside = |f: &&KeyedFile| !init::is_copied(&f.file.path, &blueprint.settings.workspace_dir);
        Self(blueprint.files.iter().filter(outside).collect())
    }

    fn volume(&self, task: &Task) -> Option<Volume> {
        let items = self.0.iter().map(|f| KeyToPath {
            key: f.key.clone(),
            mode: f.file.mode,
            path: f.key.clone(),
        });
        (!self.0.is_empty()).then(|| Volume {
            name: volumes::OUTSIDE_FILES.to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: objects::task_context(&task.name_any()),
                items: Some(items.collect()),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        })
    }

    fn mounts(&self) -> impl Iterator<Item = VolumeMount> {
        self.0.iter().map(|f| VolumeMount {
            name: volumes::OUTSIDE_FILES.to_owned(),
            mount_path: f.file.path.clone(),
            sub_path: Some(f.key.clone()),
            read_only: Some(true),
            ..VolumeMount::default()
        })
    }
}

fn context_files_volume(task: &Task) -> Volume {
    Volume {
        name: volumes::CONTEXT_FILES.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: objects::task_context(&task.name_any()),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn directory_volume(index: usize, directory: &DirectoryMount) -> Volume {
    Volume {
        name: directory_volume_name(index),
        config_map: Some(ConfigMapVolumeSource {
            name: directory.config_map.clone(),
            optional: directory.optional.then_some(true),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn directory_volume_name(index: usize) -> String {
    format!("{}{index}", volumes::DIR_MOUNT_PREFIX)
}

fn directory_mount_path(index: usize) -> String {
    format!("{}{index}", paths::CONFIGMAP_DIR_PREFIX)
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

/// Whether a normalised path lies in the workspace or is one of our own files in `/tools`.
fn within(path: &str, workspace: &str) -> bool {
    is_under(path, workspace) || (is_under(path, paths::TOOLS) && file_name(path).ends_with(".json"))
}
