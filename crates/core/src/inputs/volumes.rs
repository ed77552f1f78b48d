//! The volumes that a template's author mounts into the worker: credentials and `podSpec.extraVolumeMounts`.

use k8s_openapi::api::core::v1::{Volume, VolumeMount};

use crate::conflicts::{Author, Claim, Occupant};
use crate::paths;
use crate::refusal::Refusal;
use crate::settings::Settings;

/// What they claim, in order.
pub(super) fn of_users(settings: &Settings) -> Result<Vec<Claim>, Refusal> {
    let mut claims = Vec::new();
    for credential in &settings.credentials {
        let Some(path) = credential.mount_path.as_deref().filter(|p| !p.is_empty()) else {
            continue;
        };
        let who = format!("credential {:?}", credential.name);
        let occupant = match credential.secret_ref.key() {
            Some(_) => Occupant::File,
            None => Occupant::Sealed,
        };
        claims.push(claim(who, path, occupant)?);
    }
    let mounts = settings.pod_spec.extra_volume_mounts.iter().flatten();
    for (index, mount) in mounts.enumerate() {
        let who = format!("podSpec.extraVolumeMounts[{index}] of volume {:?}", mount.name);
        claims.push(claim(who, &mount.mount_path, occupant(settings, mount))?);
    }
    Ok(claims)
}

/// Volumes made of other objects can't hold a mount point that isn't in them already.
fn occupant(settings: &Settings, mount: &VolumeMount) -> Occupant {
    let volume = settings
        .pod_spec
        .extra_volumes
        .iter()
        .flatten()
        .find(|v| v.name == mount.name);
    let made_of_objects = |v: &Volume| {
        v.config_map.is_some() || v.secret.is_some() || v.projected.is_some() || v.downward_api.is_some()
    };
    if volume.is_some_and(made_of_objects) {
        Occupant::Sealed
    } else {
        Occupant::Open
    }
}

fn claim(who: String, path: &str, occupant: Occupant) -> Result<Claim, Refusal> {
    // Kubernetes takes a relative mount path from the root directory.
    let path =
        paths::absolute("/", path).map_err(|error| Refusal::context(format!("{who}: mountPath: {error}")))?;
    if path == "/" {
        return Err(Refusal::context(format!(
            "mount path conflict: {who} wants /, but the root directory belongs to the image; mount it below"
        )));
    }
    Ok(Claim {
        path,
        occupant,
        author: Author::Pod,
        who,
    })
}
