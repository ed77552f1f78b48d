//! Turns a container of a Pod into a spec a runtime can start.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, SecurityContext, VolumeMount};

use super::env::{self, EnvError};
use crate::handle::{Context, PodHandle};
use crate::objects::{self, Awaited};
use crate::runtime::{ContainerSpec, Mount};
use crate::volume::{Ready, subpath};

/// Why a container cannot be started yet.
#[derive(Debug)]
pub(crate) struct Unready {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) awaited: Option<Awaited>,
}

impl Unready {
    fn config(message: impl Into<String>) -> Self {
        Self {
            reason: "CreateContainerConfigError",
            message: message.into(),
            awaited: None,
        }
    }
}

/// What is known before.
pub(crate) struct Order {
    pub(crate) context: Arc<Context>,
    pub(crate) handle: Arc<PodHandle>,
    pub(crate) pod: Arc<Pod>,
    pub(crate) container: Arc<Container>,
    pub(crate) volumes: Arc<BTreeMap<String, Ready>>,
    pub(crate) attempt: u32,
}

/// Gets the image, works out environment, command line, mounts and user.
pub(crate) async fn prepare(order: &Order) -> Result<ContainerSpec, Unready> {
    let Order {
        context,
        handle,
        pod,
        container,
        volumes,
        attempt,
    } = order;
    let image_name = container.image.clone().unwrap_or_default();
    let image = context.runtime.pull(&image_name).await.map_err(|e| Unready {
        reason: match e {
            crate::ImageError::NeverPull { .. } => "ErrImageNeverPull",
            _ => "ErrImagePull",
        },
        message: e.to_string(),
        awaited: None,
    })?;
    let hostname = hostname(pod, &handle.pod.name);
    let mut base = context.options.service_env.clone();
    base.insert("HOSTNAME".to_owned(), hostname.clone());
    base.extend(image.env.clone());
    let (maps, secrets) = env::references(container);
    let sources = objects::fetch(&context.client, &handle.pod.namespace, &maps, &secrets)
        .await
        .map_err(|e| {
            Unready::config(format!(
                "the API server did not give what the environment needs: {e}"
            ))
        })?;
    let env =
        env::environment(&base, container, pod, &context.facts, &sources).map_err(|e: EnvError| Unready {
            reason: "CreateContainerConfigError",
            awaited: e.missing.map(|m| objects::awaited(&m, &sources)),
            message: e.message,
        })?;
    let (user, group) = user(pod, container.security_context.as_ref(), image.user.as_deref())?;
    let state_dir = handle.dir.join("containers").join(&container.name);
    let io = |e: std::io::Error| Unready::config(format!("its directory cannot be written: {e}"));
    fs::create_dir_all(&state_dir).map_err(io)?;
    let termination_log = state_dir.join(format!("termination.{attempt}"));
    if attempt.checked_sub(1).is_some() {
        let _ = fs::remove_file(state_dir.join(format!("termination.{}", attempt - 1)));
    }
    fs::write(&termination_log, b"").map_err(io)?;
    fs::set_permissions(&termination_log, fs::Permissions::from_mode(0o666)).map_err(io)?;
    let mut mounts = mounts(container, volumes, &env)?;
    mounts.push(Mount {
        host: termination_log.clone(),
        container: container
            .termination_message_path
            .clone()
            .unwrap_or_else(|| "/dev/termination-log".to_owned()),
        read_only: false,
        pin: None,
    });
    let security = container.security_context.as_ref();
    Ok(ContainerSpec {
        pod: handle.pod.clone(),
        annotations: pod.metadata.annotations.clone().unwrap_or_default(),
        hostname,
        container: container.name.clone(),
        attempt: *attempt,
        command: env::command_line(container, &image.entrypoint, &image.cmd, &env),
        working_dir: container
            .working_dir
            .clone()
            .filter(|d| !d.is_empty())
            .or_else(|| image.working_dir.clone()),
        image_name,
        image,
        env,
        mounts,
        user,
        group,
        privileged: security.and_then(|s| s.privileged) == Some(true),
        read_only_root: security.and_then(|s| s.read_only_root_filesystem) == Some(true),
        tty: container.tty == Some(true),
        stdin: container.stdin == Some(true),
        state_dir,
        termination_log,
    })
}

/// A Pod's host name: its own wish or its name, cut to what a host name may be.
fn hostname(pod: &Pod, name: &str) -> String {
    let wish = pod
        .spec
        .as_ref()
        .and_then(|s| s.hostname.as_deref())
        .filter(|h| !h.is_empty());
    wish.unwrap_or(name)
        .chars()
        .take(63)
        .collect::<String>()
        .trim_end_matches(['-', '.'])
        .to_owned()
}

/// User and group: the container's wish, then the Pod's, then the image's.
fn user(
    pod: &Pod,
    own: Option<&SecurityContext>,
    image: Option<&str>,
) -> Result<(Option<u32>, Option<u32>), Unready> {
    let shared = pod.spec.as_ref().and_then(|s| s.security_context.as_ref());
    let (image_user, image_group) = match image {
        None => (None, None),
        Some(text) => {
            let (user, group) = text.split_once(':').map_or((text, None), |(u, g)| (u, Some(g)));
            (user.parse().ok(), group.and_then(|g| g.parse().ok()))
        }
    };
    let id = |wish: Option<i64>| wish.and_then(|w| u32::try_from(w).ok());
    let user = id(own.and_then(|s| s.run_as_user))
        .or(id(shared.and_then(|s| s.run_as_user)))
        .or(image_user);
    let group = id(own.and_then(|s| s.run_as_group))
        .or(id(shared.and_then(|s| s.run_as_group)))
        .or(image_group);
    let not_root = own
        .and_then(|s| s.run_as_non_root)
        .or(shared.and_then(|s| s.run_as_non_root));
    if not_root == Some(true) && user == Some(0) {
        return Err(Unready::config(
            "runAsNonRoot is set, but the container would run as user 0; set runAsUser to another number",
        ));
    }
    Ok((user, group))
}

fn mounts(
    container: &Container,
    volumes: &BTreeMap<String, Ready>,
    env: &BTreeMap<String, String>,
) -> Result<Vec<Mount>, Unready> {
    let mut mounts: Vec<Mount> = container
        .volume_mounts
        .iter()
        .flatten()
        .map(|mount| one_mount(mount, volumes, env))
        .collect::<Result<_, _>>()?;
    // A mount inside another one must come after it.
    mounts.sort_by_key(|m| Path::new(&m.container).components().count());
    for (at, inner) in mounts.iter().enumerate() {
        for outer in &mounts[..at] {
            let Ok(rest) = Path::new(&inner.container).strip_prefix(&outer.container) else {
                continue;
            };
            // A program may have left a link in the outer volume to get something made elsewhere.
            if subpath::has_link(&outer.host, rest) {
                let message = format!(
                    "mountPath {} leads over a link inside volume mount {}",
                    inner.container, outer.container
                );
                return Err(Unready::config(message));
            }
        }
    }
    Ok(mounts)
}

fn one_mount(
    mount: &VolumeMount,
    volumes: &BTreeMap<String, Ready>,
    env: &BTreeMap<String, String>,
) -> Result<Mount, Unready> {
    let volume = volumes.get(&mount.name).ok_or_else(|| {
        Unready::config(format!(
            "volumeMount {} names volume {}, which the Pod does not have",
            mount.mount_path, mount.name
        ))
    })?;
    let expression = mount
        .sub_path_expr
        .as_deref()
        .filter(|e| !e.is_empty())
        .map(|e| env::expand(e, env));
    let sub = expression.or_else(|| mount.sub_path.clone().filter(|s| !s.is_empty()));
    let read_only = volume.read_only || mount.read_only == Some(true);
    let container = if mount.mount_path.starts_with('/') {
        mount.mount_path.clone()
    } else {
        format!("/{}", mount.mount_path)
    };
    if Path::new(&container)
        .components()
        .any(|c| c == std::path::Component::ParentDir)
    {
        return Err(Unready::config(format!(
            "mountPath {container} must be without .."
        )));
    }
    let Some(sub) = sub else {
        return Ok(Mount {
            host: volume.host.clone(),
            container,
            read_only,
            pin: None,
        });
    };
    // Only a place that the Pod may write to gets missing directories made.
    let found = subpath::find(&volume.host, &sub, !volume.read_only)
        .map_err(|e| Unready::config(format!("subPath {sub} of volume {}: {e}", mount.name)))?;
    Ok(Mount {
        host: found.host,
        container,
        read_only,
        pin: Some(Arc::new(found.fd)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_the_container_runs_as() {
        let check = |pod: serde_json::Value,
                     own: serde_json::Value,
                     image: Option<&str>,
                     expected: Option<(Option<u32>, Option<u32>)>| {
            let pod: Pod =
                serde_json::from_value(json!({"spec": {"containers": [], "securityContext": pod}})).unwrap();
            let own: SecurityContext = serde_json::from_value(own).unwrap();
            assert_eq!(user(&pod, Some(&own), image).ok(), expected);
        };
        check(json!({}), json!({}), None, Some((None, None)));
        check(json!({}), json!({}), Some("1000:0"), Some((Some(1000), Some(0))));
        check(
            json!({"runAsUser": 7}),
            json!({}),
            Some("1000"),
            Some((Some(7), None)),
        );
        check(
            json!({"runAsUser": 7, "runAsGroup": 8}),
            json!({"runAsUser": 9}),
            None,
            Some((Some(9), Some(8))),
        );
        check(json!({"runAsNonRoot": true}), json!({}), Some("0"), None);
        check(
            json!({"runAsNonRoot": true}),
            json!({"runAsNonRoot": false}),
            Some("0"),
            Some((Some(0), None)),
        );
        check(json!({"runAsNonRoot": true}), json!({}), None, Some((None, None)));
    }
}
