//! Additional certificate authorities: a volume, a mount, and the variables by which programs find them.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EnvVar, KeyToPath, SecretVolumeSource, Volume, VolumeMount,
};
use koc_api::names::{defaults, env as env_names, paths, volumes};
use koc_api::{CaBundle, CaBundleSource};

use super::{env, read_only};

/// The volume, if the bundle names a source. A ConfigMap wins, as the schema lets only one be.
pub(super) fn volume(bundle: &CaBundle) -> Option<Volume> {
    let items = |source: &CaBundleSource, default: &str| {
        let key = source
            .key
            .as_deref()
            .filter(|key| !key.is_empty())
            .unwrap_or(default);
        Some(vec![KeyToPath {
            key: key.to_owned(),
            mode: None,
            path: paths::CA_FILE.to_owned(),
        }])
    };
    let base = Volume {
        name: volumes::CA_BUNDLE.to_owned(),
        ..Volume::default()
    };
    if let Some(source) = &bundle.config_map_ref {
        return Some(Volume {
            config_map: Some(ConfigMapVolumeSource {
                name: source.name.clone(),
                items: items(source, defaults::CA_CONFIG_MAP_KEY),
                ..ConfigMapVolumeSource::default()
            }),
            ..base
        });
    }
    let source = bundle.secret_ref.as_ref()?;
    Some(Volume {
        secret: Some(SecretVolumeSource {
            secret_name: Some(source.name.clone()),
            items: items(source, defaults::CA_SECRET_KEY),
            ..SecretVolumeSource::default()
        }),
        ..base
    })
}

/// The mount, for every container.
pub(super) fn mount() -> VolumeMount {
    read_only(volumes::CA_BUNDLE, paths::CA_DIR)
}

/// For the platform's own programs, which add the authorities to the system's themselves.
pub(super) fn own_variables() -> Vec<EnvVar> {
    vec![
        env(env_names::CUSTOM_CA_CERT_PATH, paths::CA_PATH),
        // npm, which plugin-init runs, and everything else on Node.js adds these to its own.
        env(env_names::NODE_EXTRA_CA_CERTS, paths::CA_PATH),
    ]
}

/// For the user's programs. Most of them replace the system's authorities by the file they are told, so that file must
/// hold both: `context-init` writes it.
pub(super) fn worker_variables() -> Vec<EnvVar> {
    let mut vars = own_variables();
    vars.extend(env_names::CA_FILE_VARIABLES.map(|name| env(name, paths::COMBINED_CA)));
    vars
}
