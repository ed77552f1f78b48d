//! What is fetched over HTTP: a `url-fetch` container for each, and the worker's mounts of what lies outside its
//! volumes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, Volume, VolumeMount};
use koc_api::names::{containers, defaults, env as env_names, paths, secret_keys, volumes};
use serde_json::Value;

use super::{Blueprint, clones, empty_dir, env, init, literal, mount, optional_secret, part};
use crate::context_map::unique_name;
use crate::fetch::Fetch;
use crate::inputs::{Delivery, Inputs, Placed};
use crate::settings::Settings;

const SECRET_VARIABLES: [(&str, &str); 3] = [
    (env_names::URL_AUTH_TOKEN, secret_keys::TOKEN),
    (env_names::URL_AUTH_USERNAME, secret_keys::USERNAME),
    (env_names::URL_AUTH_PASSWORD, secret_keys::PASSWORD),
];

/// One volume for all files that are mounted one by one.
pub(super) fn volume(inputs: &Inputs) -> Option<Volume> {
    let mut mounted = inputs.fetches.iter().filter(|f| f.delivery == Delivery::Mounted);
    mounted.next().map(|_| empty_dir(volumes::FETCHED))
}

/// `url-fetch-<i>` for each file.
pub(super) fn containers(blueprint: &Blueprint<'_>) -> impl Iterator<Item = Container> {
    let fetches = blueprint.inputs.fetches.iter().enumerate();
    fetches.map(|(index, fetch)| container(blueprint, index, fetch))
}

fn container(blueprint: &Blueprint<'_>, index: usize, fetch: &Placed<Fetch>) -> Container {
    let Blueprint { settings, inputs, .. } = *blueprint;
    let (target, mounts) = match fetch.delivery {
        Delivery::Copied => {
            let path = &fetch.item.path;
            let clones = inputs
                .clones_around(path)
                .map(|(i, view)| clones::mount_of(i, view));
            let mut mounts = vec![mount(volumes::WORKSPACE, &settings.workspace_dir)];
            mounts.extend(clones);
            (path.clone(), mounts)
        }
        Delivery::Mounted => (
            format!("{}/{}", paths::FETCHED, unique_name(&fetch.item.path)),
            vec![mount(volumes::FETCHED, paths::FETCHED)],
        ),
    };
    let base = Container {
        name: format!("{}{index}", containers::URL_FETCH_PREFIX),
        volume_mounts: Some(mounts),
        ..init::system_container(settings, containers::programs::URL_FETCH)
    };
    init::finish(base, variables(settings, &fetch.item, &target), blueprint, None)
}

fn variables(settings: &Settings, fetch: &Fetch, target: &str) -> Vec<EnvVar> {
    let mut vars = vec![
        env(env_names::HOME, paths::HOME),
        env(env_names::SHELL, paths::SHELL),
        literal(env_names::WORKSPACE_DIR, &settings.workspace_dir),
        literal(env_names::URL_SOURCE, &fetch.source),
        literal(env_names::URL_TARGET, target),
        env(env_names::URL_TIMEOUT, fetch.timeout_seconds.to_string()),
        env(env_names::URL_MAX_BYTES, settings.url_max_bytes.to_string()),
    ];
    if !fetch.headers.is_empty() {
        let headers: BTreeMap<&str, &str> = fetch
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        let text = headers.into_iter().map(|(k, v)| (k.to_owned(), Value::from(v)));
        let text = Value::Object(text.collect()).to_string();
        vars.push(literal(env_names::URL_HEADERS, &text));
    }
    if let Some(mode) = fetch.mode {
        vars.push(env(env_names::URL_FILE_MODE, mode.to_string()));
    }
    if fetch.insecure {
        vars.push(env(env_names::URL_INSECURE, "true"));
    }
    if !settings.url_allowed_networks.is_empty() {
        let networks = settings.url_allowed_networks.join(",");
        vars.push(literal(env_names::URL_ALLOWED_NETWORKS, &networks));
    }
    if let Some(secret) = &fetch.secret {
        vars.extend(SECRET_VARIABLES.map(|(name, key)| optional_secret(name, secret, key)));
    }
    vars.push(literal(env_names::INPUT_NAME, &fetch.who));
    vars.push(env(
        env_names::FETCH_DEADLINE_SECONDS,
        defaults::FETCH_DEADLINE_SECONDS.to_string(),
    ));
    vars
}

/// The worker's mounts of files outside its volumes, each onto its own path.
pub(super) fn worker_mounts(inputs: &Inputs) -> impl Iterator<Item = VolumeMount> {
    let mounted = inputs.fetches.iter().filter(|f| f.delivery == Delivery::Mounted);
    mounted.map(|f| VolumeMount {
        read_only: Some(true),
        ..part(volumes::FETCHED, &f.item.path, unique_name(&f.item.path))
    })
}
