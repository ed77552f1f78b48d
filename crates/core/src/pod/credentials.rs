//! Credentials: each becomes environment variables, a file, a directory, or both.

use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, EnvVarSource, KeyToPath, SecretEnvSource, SecretKeySelector, SecretVolumeSource,
    Volume, VolumeMount,
};
use koc_api::Credential;
use koc_api::names::{paths, volumes};

/// What the credentials add to the Pod and its agent container. Values never appear: only references to Secrets.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    pub(super) volumes: Vec<Volume>,
    pub(super) mounts: Vec<VolumeMount>,
    pub(super) env: Vec<EnvVar>,
    pub(super) env_from: Vec<EnvFromSource>,
}

pub(super) fn plan(credentials: &[Credential]) -> Credentials {
    let mut plan = Credentials::default();
    for (index, credential) in credentials.iter().enumerate() {
        plan.add(index, credential);
    }
    plan
}

impl Credentials {
    fn add(&mut self, index: usize, credential: &Credential) {
        let secret = &credential.secret_ref.name;
        let key = credential.secret_ref.key();
        let path = credential.mount_path.as_deref().filter(|p| !p.is_empty());
        if let (Some(key), Some(name)) = (key, credential.env.as_deref().filter(|e| !e.is_empty())) {
            self.env.push(EnvVar {
                name: name.to_owned(),
                value: None,
                value_from: Some(EnvVarSource {
                    secret_key_ref: Some(SecretKeySelector {
                        name: secret.clone(),
                        key: key.to_owned(),
                        optional: None,
                    }),
                    ..EnvVarSource::default()
                }),
            });
        }
        match (key, path) {
            (None, None) => self.env_from.push(EnvFromSource {
                secret_ref: Some(SecretEnvSource {
                    name: secret.clone(),
                    optional: None,
                }),
                ..EnvFromSource::default()
            }),
            (_, Some(path)) => self.add_volume(index, credential, key, path),
            (Some(_), None) => {}
        }
    }

    fn add_volume(&mut self, index: usize, credential: &Credential, key: Option<&str>, path: &str) {
        let mode = credential.file_mode();
        let name = format!("{}{index}", volumes::CREDENTIAL_PREFIX);
        let items = key.map(|key| {
            vec![KeyToPath {
                key: key.to_owned(),
                mode: Some(mode),
                path: paths::CREDENTIAL_FILE.to_owned(),
            }]
        });
        self.volumes.push(Volume {
            name: name.clone(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(credential.secret_ref.name.clone()),
                default_mode: Some(mode),
                items,
                optional: None,
            }),
            ..Volume::default()
        });
        self.mounts.push(VolumeMount {
            name,
            mount_path: path.to_owned(),
            sub_path: key.map(|_| paths::CREDENTIAL_FILE.to_owned()),
            read_only: Some(true),
            ..VolumeMount::default()
        });
    }
}
