//! A Pod's volumes as directories and files of this machine.

pub(crate) mod projection;
pub(crate) mod subpath;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, HostPathVolumeSource, PersistentVolumeClaim, Pod, ProjectedVolumeSource,
    SecretVolumeSource, ServiceAccount, ServiceAccountTokenProjection, Volume,
};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};

use crate::container::env::{Missing, Sources};
use crate::handle::Context;
use crate::objects::{self, Awaited, Object};
use projection::{File, Items};

/// A volume made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) host: PathBuf,
    /// Containers may not write to it, whatever their mounts say.
    pub(crate) read_only: bool,
}

/// Why a volume is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    pub(crate) message: String,
    pub(crate) awaited: Option<Awaited>,
}

impl Obstacle {
    fn plain(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            awaited: None,
        }
    }
}

/// Makes all volumes of a Pod ready. Can be called again: what is there is kept or brought up to date.
pub(crate) async fn prepare(
    context: &Context,
    pod: &Pod,
    dir: &Path,
) -> Result<BTreeMap<String, Ready>, Obstacle> {
    let namespace = pod.namespace().unwrap_or_default();
    let volumes = pod
        .spec
        .as_ref()
        .and_then(|s| s.volumes.as_deref())
        .unwrap_or_default();
    let (maps, secrets) = references(volumes);
    let sources = if maps.is_empty() && secrets.is_empty() {
        Sources::default()
    } else {
        objects::fetch(&context.client, &namespace, &maps, &secrets)
            .await
            .map_err(|e| Obstacle::plain(format!("the API server did not give the volumes' objects: {e}")))?
    };
    let mut ready = BTreeMap::new();
    for volume in volumes {
        let name = &volume.name;
        let made = one(context, pod, &namespace, dir, volume, &sources)
            .await
            .map_err(|o| Obstacle {
                message: format!("volume {name}: {}", o.message),
                awaited: o.awaited,
            })?;
        ready.insert(name.clone(), made);
    }
    Ok(ready)
}

/// Names of the ConfigMaps and Secrets the volumes show.
pub(crate) fn references(volumes: &[Volume]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut maps, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for volume in volumes {
        maps.extend(volume.config_map.iter().map(|m| m.name.clone()));
        secrets.extend(volume.secret.iter().filter_map(|s| s.secret_name.clone()));
        for source in volume.projected.iter().flat_map(|p| p.sources.iter().flatten()) {
            maps.extend(source.config_map.iter().map(|m| m.name.clone()));
            secrets.extend(source.secret.iter().map(|s| s.name.clone()));
        }
    }
    (maps, secrets)
}

async fn one(
    context: &Context,
    pod: &Pod,
    namespace: &str,
    dir: &Path,
    volume: &Volume,
    sources: &Sources,
) -> Result<Ready, Obstacle> {
    let host = dir.join("volumes").join(&volume.name);
    let io = |e: io::Error| Obstacle::plain(format!("{} cannot be written: {e}", host.display()));
    let group = pod
        .spec
        .as_ref()
        .and_then(|s| s.security_context.as_ref())
        .and_then(|s| s.fs_group)
        .is_some();
    let files = if let Some(source) = &volume.config_map {
        config_map(source, sources)?
    } else if let Some(source) = &volume.secret {
        secret(source, sources)?
    } else if let Some(source) = &volume.downward_api {
        let default = mode(source.default_mode);
        projection::downward(
            pod,
            &context.facts,
            source.items.as_deref().unwrap_or_default(),
            default,
        )
        .map_err(Obstacle::plain)?
    } else if let Some(source) = &volume.projected {
        projected(context, pod, namespace, source, sources).await?
    } else if let Some(source) = &volume.host_path {
        return host_path(source);
    } else if let Some(source) = &volume.persistent_volume_claim {
        let read_only = source.read_only == Some(true);
        let host = claim(context, namespace, &source.claim_name).await?;
        return Ok(Ready { host, read_only });
    } else if volume.empty_dir.is_some() || is_bare(volume) {
        fs::create_dir_all(&host).map_err(io)?;
        // Everybody in the Pod may write; nobody else gets past the Pod's own directory.
        fs::set_permissions(&host, fs::Permissions::from_mode(0o777)).map_err(io)?;
        return Ok(Ready {
            host,
            read_only: false,
        });
    } else {
        return Err(Obstacle::plain(
            "its kind is not one this node knows; it has emptyDir, configMap, secret, projected, downwardAPI, \
             hostPath and persistentVolumeClaim",
        ));
    };
    write::replace(&host, &files, group).map_err(io)?;
    Ok(Ready {
        host,
        read_only: true,
    })
}

/// A volume without any source is an emptyDir.
fn is_bare(volume: &Volume) -> bool {
    *volume
        == Volume {
            name: volume.name.clone(),
            ..Volume::default()
        }
}

fn mode(given: Option<i32>) -> u32 {
    given.and_then(|m| u32::try_from(m).ok()).unwrap_or(0o644) & 0o777
}

fn config_map(source: &ConfigMapVolumeSource, sources: &Sources) -> Result<Vec<File>, Obstacle> {
    let found = sources.config_maps.get(&source.name).and_then(Option::as_ref);
    let items = Items {
        list: source.items.as_deref(),
        default: mode(source.default_mode),
        optional: source.optional == Some(true),
    };
    let missing = || lacking(Missing::ConfigMap(source.name.clone()), sources);
    projection::config_map(found, &source.name, &items).map_err(|message| Obstacle {
        message,
        awaited: missing(),
    })
}

fn secret(source: &SecretVolumeSource, sources: &Sources) -> Result<Vec<File>, Obstacle> {
    let name = source.secret_name.clone().unwrap_or_default();
    let found = sources.secrets.get(&name).and_then(Option::as_ref);
    let items = Items {
        list: source.items.as_deref(),
        default: mode(source.default_mode),
        optional: source.optional == Some(true),
    };
    let missing = || lacking(Missing::Secret(name.clone()), sources);
    projection::secret(found, &name, &items).map_err(|message| Obstacle {
        message,
        awaited: missing(),
    })
}

fn lacking(missing: Missing, sources: &Sources) -> Option<Awaited> {
    Some(objects::awaited(&missing, sources))
}

async fn projected(
    context: &Context,
    pod: &Pod,
    namespace: &str,
    source: &ProjectedVolumeSource,
    sources: &Sources,
) -> Result<Vec<File>, Obstacle> {
    let default = mode(source.default_mode);
    let mut files = Vec::new();
    for part in source.sources.iter().flatten() {
        if let Some(map) = &part.config_map {
            let items = Items {
                list: map.items.as_deref(),
                default,
                optional: map.optional == Some(true),
            };
            let found = sources.config_maps.get(&map.name).and_then(Option::as_ref);
            files.extend(
                projection::config_map(found, &map.name, &items).map_err(|message| Obstacle {
                    message,
                    awaited: lacking(Missing::ConfigMap(map.name.clone()), sources),
                })?,
            );
        } else if let Some(secret) = &part.secret {
            let items = Items {
                list: secret.items.as_deref(),
                default,
                optional: secret.optional == Some(true),
            };
            let found = sources.secrets.get(&secret.name).and_then(Option::as_ref);
            files.extend(
                projection::secret(found, &secret.name, &items).map_err(|message| Obstacle {
                    message,
                    awaited: lacking(Missing::Secret(secret.name.clone()), sources),
                })?,
            );
        } else if let Some(downward) = &part.downward_api {
            let items = downward.items.as_deref().unwrap_or_default();
            files.extend(projection::downward(pod, &context.facts, items, default).map_err(Obstacle::plain)?);
        } else if let Some(token) = &part.service_account_token {
            files.push(service_account_token(context, pod, namespace, token, default).await?);
        } else {
            return Err(Obstacle::plain(
                "a projected source is of a kind this node does not know",
            ));
        }
    }
    Ok(files)
}

/// Asks the API server for a token bound to this Pod.
async fn service_account_token(
    context: &Context,
    pod: &Pod,
    namespace: &str,
    source: &ServiceAccountTokenProjection,
    default: u32,
) -> Result<File, Obstacle> {
    let account = pod
        .spec
        .as_ref()
        .and_then(|s| s.service_account_name.as_deref())
        .filter(|n| !n.is_empty());
    let account = account.unwrap_or("default");
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: source.audience.iter().cloned().collect(),
            expiration_seconds: Some(source.expiration_seconds.unwrap_or(3600)),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: pod.metadata.name.clone(),
                uid: pod.metadata.uid.clone(),
            }),
        },
        ..TokenRequest::default()
    };
    let api: Api<ServiceAccount> = Api::namespaced(context.client.clone(), namespace);
    let answer = api
        .create_token_request(account, &PostParams::default(), &request)
        .await
        .map_err(|e| Obstacle::plain(format!("no token for ServiceAccount {account}: {e}")))?;
    let token = answer.status.map(|s| s.token).unwrap_or_default();
    File::new(&source.path, token.into_bytes(), default).map_err(Obstacle::plain)
}

/// The directory behind a claim. It belongs to the claim's uid, so a claim made again starts empty.
async fn claim(context: &Context, namespace: &str, name: &str) -> Result<PathBuf, Obstacle> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), namespace);
    let found = api.get_opt(name).await.map_err(|e| {
        Obstacle::plain(format!(
            "the API server did not give PersistentVolumeClaim {name}: {e}"
        ))
    })?;
    let Some(found) = found else {
        return Err(Obstacle {
            message: format!("PersistentVolumeClaim {name} does not exist in this namespace; create it"),
            awaited: Some(Awaited {
                object: Object::Claim,
                name: name.to_owned(),
                seen: None,
            }),
        });
    };
    let uid = found.uid().unwrap_or_default();
    let host = context.options.data_dir.join("claims").join(&uid);
    let io = |e: io::Error| Obstacle::plain(format!("{} cannot be written: {e}", host.display()));
    fs::create_dir_all(&host).map_err(io)?;
    fs::set_permissions(&host, fs::Permissions::from_mode(0o777)).map_err(io)?;
    if found.status.as_ref().and_then(|s| s.phase.as_deref()) != Some("Bound") {
        let spec = found.spec.as_ref();
        let patch = serde_json::json!({
            "metadata": {"uid": uid},
            "status": {
                "phase": "Bound",
                "accessModes": spec.and_then(|s| s.access_modes.clone()),
                "capacity": spec.and_then(|s| s.resources.as_ref()).and_then(|r| r.requests.clone()),
            },
        });
        // A claim that is already used may stay unreported until the next Pod; the directory is there.
        if let Err(error) = api
            .patch_status(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
        {
            tracing::warn!(%error, namespace, name, "the claim's status could not be written");
        }
    }
    Ok(host)
}

/// Checks or makes a path of the host, as its type says.
fn host_path(source: &HostPathVolumeSource) -> Result<Ready, Obstacle> {
    let path = Path::new(&source.path);
    let ready = Ok(Ready {
        host: path.to_owned(),
        read_only: false,
    });
    let failed = |what: &str| Err(Obstacle::plain(format!("hostPath {}: {what}", source.path)));
    if !path.is_absolute() || path.components().any(|c| c == std::path::Component::ParentDir) {
        return failed("the path must be absolute and without ..");
    }
    let found = fs::metadata(path);
    let kind = source.type_.as_deref().unwrap_or_default();
    match (kind, found) {
        ("DirectoryOrCreate", Err(e)) if e.kind() == io::ErrorKind::NotFound => {
            match fs::create_dir_all(path) {
                Ok(()) => ready,
                Err(e) => failed(&format!("the directory cannot be made: {e}")),
            }
        }
        ("FileOrCreate", Err(e)) if e.kind() == io::ErrorKind::NotFound => match fs::File::create(path) {
            Ok(_) => ready,
            Err(e) => failed(&format!("the file cannot be made: {e}")),
        },
        (_, Err(e)) => failed(&e.to_string()),
        ("", Ok(_)) => ready,
        ("Directory" | "DirectoryOrCreate", Ok(m)) if m.is_dir() => ready,
        ("File" | "FileOrCreate", Ok(m)) if m.is_file() => ready,
        ("Socket", Ok(m)) if m.file_type().is_socket() => ready,
        ("CharDevice", Ok(m)) if m.file_type().is_char_device() => ready,
        ("BlockDevice", Ok(m)) if m.file_type().is_block_device() => ready,
        (kind, Ok(_)) => failed(&format!("is not a {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_paths_are_what_their_type_says() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        fs::write(&file, "").unwrap();
        let socket = dir.path().join("s");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let cases = [
            ("", "", true),
            ("f", "", true),
            ("none", "", false),
            ("", "Directory", true),
            ("f", "Directory", false),
            ("new/dir", "DirectoryOrCreate", true),
            ("f", "DirectoryOrCreate", false),
            ("f", "File", true),
            ("", "File", false),
            ("none", "File", false),
            ("newfile", "FileOrCreate", true),
            ("s", "Socket", true),
            ("f", "Socket", false),
            ("f", "CharDevice", false),
            ("../x", "", false),
        ];
        for (name, kind, expected) in cases {
            let path = dir.path().join(name).to_str().unwrap().to_owned();
            let source = HostPathVolumeSource {
                path,
                type_: Some(kind.to_owned()),
            };
            assert_eq!(host_path(&source).is_ok(), expected, "{name} {kind}");
        }
    }
}
