//! The clones of Git contexts and skills: a volume and a `git-init` container for each, and the worker's mounts.

use k8s_openapi::api::core::v1::{Container, EnvVar, Volume, VolumeMount};
use koc_api::names::{containers, defaults, env as env_names, paths, secret_keys, volumes};
use serde_json::Value;

use super::{Blueprint, empty_dir, env, init, literal, mount, optional_secret, part, read_only};
use crate::git_mount::{GitMount, GitPlace, GitView};
use crate::inputs::Inputs;

/// `git` unpacks a whole repository at once; with less, large ones are killed.
const MEMORY_LIMIT: &str = "2Gi";

/// The user's own Secret may hold either form of credentials, so every key is optional.
const SECRET_VARIABLES: [(&str, &str); 4] = [
    (env_names::GIT_USERNAME, secret_keys::USERNAME),
    (env_names::GIT_PASSWORD, secret_keys::PASSWORD),
    (env_names::GIT_SSH_KEY, secret_keys::SSH_PRIVATE_KEY),
    (env_names::GIT_SSH_KNOWN_HOSTS, secret_keys::SSH_KNOWN_HOSTS),
];

/// One volume for each clone.
pub(super) fn volumes(inputs: &Inputs) -> impl Iterator<Item = Volume> {
    (0..inputs.git.len()).map(|index| empty_dir(&volume_name(index)))
}

/// `git-init-<i>` for each clone, and whether it must run before `context-init`.
pub(super) fn containers(blueprint: &Blueprint<'_>) -> impl Iterator<Item = (bool, Container)> {
    let inputs = blueprint.inputs;
    inputs
        .git
        .iter()
        .enumerate()
        .map(|(index, git)| (inputs.comes_first(git), container(blueprint, index, git)))
}

fn container(blueprint: &Blueprint<'_>, index: usize, git: &GitMount) -> Container {
    let settings = blueprint.settings;
    let mut mounts = vec![mount(&volume_name(index), paths::GIT_ROOT)];
    if let GitPlace::Workspace { .. } = git.place {
        mounts.push(mount(volumes::WORKSPACE, &settings.workspace_dir));
    }
    let base = Container {
        name: format!("{}{index}", containers::GIT_INIT_PREFIX),
        volume_mounts: Some(mounts),
        resources: Some(init::resources(MEMORY_LIMIT)),
        ..init::system_container(settings, containers::programs::GIT_INIT)
    };
    let own = settings.pod_spec.system_containers.as_ref();
    let mut vars = variables(git, &settings.workspace_dir);
    // The worker sees the Git configuration of the first clone only, so that one speaks of all of them.
    if index == 0 {
        let places: Vec<&str> = worktrees(blueprint).collect();
        if !places.is_empty() {
            vars.push(literal(
                env_names::GIT_SAFE_DIRECTORIES,
                &Value::from(places).to_string(),
            ));
        }
    }
    init::finish(base, vars, blueprint, own.and_then(|s| s.git_init.as_ref()))
}

fn variables(git: &GitMount, workspace: &str) -> Vec<EnvVar> {
    let mut vars = vec![
        env(env_names::HOME, paths::HOME),
        env(env_names::SHELL, paths::SHELL),
        literal(env_names::GIT_REPO, &git.repository),
        literal(env_names::GIT_REF, &git.reference),
        env(env_names::GIT_DEPTH, git.depth.max(0).to_string()),
        env(env_names::GIT_ROOT, paths::GIT_ROOT),
        env(env_names::GIT_LINK, paths::GIT_LINK),
    ];
    if git.submodules {
        vars.push(env(env_names::GIT_RECURSE_SUBMODULES, "true"));
    }
    if let Some(secret) = &git.secret {
        vars.extend(SECRET_VARIABLES.map(|(name, key)| optional_secret(name, secret, key)));
    }
    if let GitPlace::Workspace { path } = &git.place {
        vars.push(literal(env_names::GIT_WORKSPACE_DIR, workspace));
        if !path.is_empty() {
            vars.push(literal(env_names::GIT_REPO_SUBPATH, path));
        }
    }
    vars.push(literal(env_names::INPUT_NAME, &git.who));
    let required: Vec<&str> = required_paths(git).collect();
    if !required.is_empty() {
        vars.push(literal(
            env_names::GIT_REQUIRED_PATHS,
            &Value::from(required).to_string(),
        ));
    }
    vars.push(env(
        env_names::FETCH_DEADLINE_SECONDS,
        defaults::FETCH_DEADLINE_SECONDS.to_string(),
    ));
    vars
}

/// Where the worker finds a repository with its `.git`: `git` works there only where it is told that it may.
fn worktrees<'a>(blueprint: &Blueprint<'a>) -> impl Iterator<Item = &'a str> {
    let workspace = blueprint.settings.workspace_dir.as_str();
    blueprint.inputs.git.iter().flat_map(move |git| {
        let copied = match &git.place {
            GitPlace::Workspace { path } if path.is_empty() => Some(workspace),
            _ => None,
        };
        let whole = git.views().iter().filter(|view| view.of.is_empty());
        copied.into_iter().chain(whole.map(|view| view.at.as_str()))
    })
}

/// Paths of the clone that something depends on. Kubernetes would make an empty directory of a missing one.
fn required_paths(git: &GitMount) -> impl Iterator<Item = &str> {
    let copied = match &git.place {
        GitPlace::Workspace { path } => Some(path.as_str()),
        GitPlace::Mounts(_) => None,
    };
    let mounted = git.views().iter().map(|view| view.of.as_str());
    copied.into_iter().chain(mounted).filter(|path| !path.is_empty())
}

/// The worker's mounts of all clones, and the Git configuration that makes `git` trust them.
pub(super) fn worker_mounts(inputs: &Inputs) -> Vec<VolumeMount> {
    let views = inputs
        .git
        .iter()
        .enumerate()
        .flat_map(|(index, git)| git.views().iter().map(move |view| mount_of(index, view)));
    let configuration = (!inputs.git.is_empty()).then(|| VolumeMount {
        sub_path: Some(paths::GIT_CONFIG_FILE.to_owned()),
        ..read_only(&volume_name(0), paths::GIT_CONFIG)
    });
    views.chain(configuration).collect()
}

/// A clone, or a path of it, at its place.
pub(super) fn mount_of(index: usize, view: &GitView) -> VolumeMount {
    let sub_path = if view.of.is_empty() {
        paths::GIT_LINK.to_owned()
    } else {
        format!("{}/{}", paths::GIT_LINK, view.of)
    };
    part(&volume_name(index), &view.at, sub_path)
}

fn volume_name(index: usize) -> String {
    format!("{}{index}", volumes::GIT_CONTEXT_PREFIX)
}
