//! What an API server, a kubelet or our own programs would refuse, found without any of them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, PodSpec, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// Everything that is wrong with a Pod and the ConfigMaps made for it.
pub(crate) fn problems(pod: &Pod, maps: &[ConfigMap], unrestricted: bool) -> Vec<String> {
    let mut found = Findings::default();
    let spec = pod.spec.as_ref().unwrap();
    found.labels(pod);
    let volumes = found.volumes(spec);
    let init: Vec<&Container> = spec.init_containers.iter().flatten().collect();
    let all: Vec<&Container> = init.iter().copied().chain(&spec.containers).collect();
    found.unique("container", all.iter().map(|c| c.name.as_str()));
    for container in &all {
        found.container(container, &volumes);
        if !unrestricted {
            found.restricted(spec, container);
        }
    }
    for container in init {
        let resources = container.resources.as_ref();
        for kind in ["requests", "limits"] {
            let part = resources.and_then(|r| {
                if kind == "requests" {
                    r.requests.as_ref()
                } else {
                    r.limits.as_ref()
                }
            });
            found.demand(part.is_some_and(|p| p.contains_key("memory")), || {
                format!("{}: no {kind} for memory", container.name)
            });
        }
    }
    found.demand(spec.automount_service_account_token == Some(false), || {
        "a service account token is mounted".to_owned()
    });
    found.maps(spec, maps);
    found.nothing_below_files(&spec.containers[0]);
    found.nothing_hidden(spec);
    found.0
}

#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn demand(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.0.push(problem());
        }
    }

    fn unique<'a>(&mut self, what: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        for name in names {
            self.demand(seen.insert(name), || format!("{what} {name} is there twice"));
        }
    }

    fn labels(&mut self, pod: &Pod) {
        for (key, value) in pod.metadata.labels.iter().flatten() {
            let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
            let good = value.len() <= 63 && edge(value.chars().next()) && edge(value.chars().last());
            self.demand(good, || format!("label {key}: {value:?} is no label value"));
        }
    }

    fn volumes<'a>(&mut self, spec: &'a PodSpec) -> BTreeMap<&'a str, &'a Volume> {
        let list = spec.volumes.as_deref().unwrap_or_default();
        self.unique("volume", list.iter().map(|v| v.name.as_str()));
        for volume in list {
            self.demand(is_dns_label(&volume.name), || format!("volume {:?}", volume.name));
            let sources = serde_json::to_value(volume)
                .unwrap()
                .as_object()
                .map_or(0, |o| o.len() - 1);
            self.demand(sources <= 1, || {
                format!("volume {} has {sources} sources", volume.name)
            });
        }
        list.iter().map(|v| (v.name.as_str(), v)).collect()
    }

    fn container(&mut self, container: &Container, volumes: &BTreeMap<&str, &Volume>) {
        let name = &container.name;
        self.demand(is_dns_label(name), || format!("container name {name:?}"));
        self.demand(container.image.as_ref().is_some_and(|i| !i.is_empty()), || {
            format!("{name}: no image")
        });
        let env = container.env.as_deref().unwrap_or_default();
        self.unique(&format!("{name}: variable"), env.iter().map(|e| e.name.as_str()));
        for var in env {
            let good = !var.name.is_empty() && var.name.chars().all(|c| (' '..='~').contains(&c) && c != '=');
            self.demand(good, || format!("{name}: variable {:?}", var.name));
            let both = var.value.is_some() && var.value_from.is_some();
            self.demand(!both, || format!("{name}: variable {} has two values", var.name));
            // The kernel takes no longer string.
            let length = var.name.len() + var.value.as_ref().map_or(0, String::len) + 2;
            self.demand(length <= 131_072, || {
                format!("{name}: variable {} is {length} bytes long", var.name)
            });
        }
        let mounts = container.volume_mounts.as_deref().unwrap_or_default();
        self.unique(
            &format!("{name}: mount at"),
            mounts.iter().map(|m| m.mount_path.trim_end_matches('/')),
        );
        for mount in mounts {
            let path = &mount.mount_path;
            self.demand(volumes.contains_key(mount.name.as_str()), || {
                format!("{name}: {path} is of no volume: {}", mount.name)
            });
            self.demand(!path.is_empty() && path != "/" && !path.contains(':'), || {
                format!("{name}: mount at {path:?}")
            });
            let sub = mount.sub_path.as_deref().unwrap_or_default();
            let inside = !sub.starts_with('/') && sub.split('/').all(|s| s != "..");
            self.demand(inside, || format!("{name}: subPath {sub:?}"));
        }
        for (what, quantities) in [
            (
                "request",
                container.resources.as_ref().and_then(|r| r.requests.as_ref()),
            ),
            (
                "limit",
                container.resources.as_ref().and_then(|r| r.limits.as_ref()),
            ),
        ] {
            for (resource, Quantity(amount)) in quantities.into_iter().flatten() {
                let digits = amount.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                self.demand(digits.parse::<f64>().is_ok(), || {
                    format!("{name}: {what} {resource}={amount}")
                });
            }
        }
    }

    /// The Pod Security level "restricted", as far as these Pods can break it.
    fn restricted(&mut self, spec: &PodSpec, container: &Container) {
        let name = &container.name;
        let pod = spec.security_context.clone().unwrap_or_default();
        let own = container.security_context.clone().unwrap_or_default();
        let dropped = own.capabilities.as_ref().and_then(|c| c.drop.as_ref());
        let added = own.capabilities.as_ref().and_then(|c| c.add.as_ref());
        let seccomp = own.seccomp_profile.or(pod.seccomp_profile).map(|p| p.type_);
        let checks = [
            (own.allow_privilege_escalation == Some(false), "may escalate"),
            (own.privileged != Some(true), "is privileged"),
            (
                dropped.is_some_and(|d| d.iter().any(|c| c == "ALL")),
                "keeps capabilities",
            ),
            (
                added.is_none_or(|a| a.iter().all(|c| c == "NET_BIND_SERVICE")),
                "adds capabilities",
            ),
            (
                own.run_as_non_root.or(pod.run_as_non_root) == Some(true),
                "may run as root",
            ),
            (own.run_as_user.or(pod.run_as_user) != Some(0), "runs as root"),
            (
                seccomp.is_some_and(|t| t == "RuntimeDefault" || t == "Localhost"),
                "has no seccomp profile",
            ),
        ];
        for (holds, problem) in checks {
            self.demand(holds, || format!("not restricted: {name} {problem}"));
        }
    }

    /// Single files can hold nothing, and volumes made of objects can't be added to.
    fn nothing_below_files(&mut self, worker: &Container) {
        let mounts = worker.volume_mounts.as_deref().unwrap_or_default();
        for outer in mounts {
            let single = outer.sub_path.is_some() && !outer.name.starts_with("git-context-");
            let sealed = outer.name.starts_with("dir-mount-");
            for inner in mounts
                .iter()
                .filter(|m| is_below(&m.mount_path, &outer.mount_path))
            {
                self.demand(!(single || sealed), || {
                    format!(
                        "{} can't be mounted inside {}",
                        inner.mount_path, outer.mount_path
                    )
                });
            }
        }
    }

    /// What an init container writes for the worker is what the worker sees at that path.
    fn nothing_hidden(&mut self, spec: &PodSpec) {
        let worker = &spec.containers[0];
        for container in spec.init_containers.iter().flatten() {
            for path in written(container) {
                let (there, here) = (seen_at(container, &path), seen_at(worker, &path));
                // Its own volume for files that are mounted one by one is not the worker's.
                if there
                    .as_ref()
                    .is_some_and(|(volume, _)| volume == "context-fetched")
                {
                    continue;
                }
                self.demand(there.is_some() && there == here, || {
                    format!(
                        "{}: {path} is written to {there:?}, and the worker sees {here:?}",
                        container.name
                    )
                });
            }
        }
    }

    fn maps(&mut self, spec: &PodSpec, maps: &[ConfigMap]) {
        let mut keys = BTreeSet::new();
        for map in maps {
            let name = map.metadata.name.as_deref().unwrap();
            let mut bytes = 0;
            for (key, value) in map.data.iter().flatten() {
                bytes += value.len();
                let good = key.len() <= 253
                    && !key.is_empty()
                    && key
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                    && key != "."
                    && !key.starts_with("..");
                self.demand(good, || format!("{name}: key {key:?}"));
                self.demand(keys.insert(key.clone()), || {
                    format!("{name}: key {key} is in two ConfigMaps")
                });
            }
            self.demand(bytes <= 1_048_576, || format!("{name}: {bytes} bytes"));
        }
        for container in spec.init_containers.iter().flatten() {
            for var in container
                .env
                .iter()
                .flatten()
                .filter(|v| v.name == "FILE_MAPPINGS")
            {
                let text = var.value.as_deref().unwrap_or_default();
                let mappings: Vec<Value> = serde_json::from_str(&text.replace("$$", "$")).unwrap();
                for mapping in mappings {
                    let key = mapping["key"].as_str().unwrap();
                    self.demand(keys.contains(key), || {
                        format!("context-init misses the key {key}")
                    });
                }
            }
        }
        for volume in spec.volumes.iter().flatten() {
            let direct = volume.config_map.iter().map(|m| (&m.name, &m.items));
            let projected = volume.projected.iter().flat_map(|p| p.sources.iter().flatten());
            let projected =
                projected.filter_map(|s| Some((&s.config_map.as_ref()?.name, &s.config_map.as_ref()?.items)));
            for (name, items) in direct.chain(projected) {
                let Some(map) = maps.iter().find(|m| m.metadata.name.as_ref() == Some(name)) else {
                    continue;
                };
                for item in items.iter().flatten() {
                    let there = map.data.as_ref().is_some_and(|d| d.contains_key(&item.key));
                    self.demand(there, || {
                        format!("volume {}: {name} has no key {}", volume.name, item.key)
                    });
                }
            }
        }
    }
}

/// Paths that a container is told to write to.
fn written(container: &Container) -> Vec<String> {
    let value = |name: &str| {
        let var = container.env.iter().flatten().find(|v| v.name == name)?;
        Some(var.value.as_deref()?.replace("$$", "$"))
    };
    let lists = ["FILE_MAPPINGS", "DIR_MAPPINGS"].into_iter().filter_map(value);
    let targets = lists.flat_map(|text| serde_json::from_str::<Vec<Value>>(&text).unwrap());
    targets
        .map(|mapping| mapping["targetPath"].as_str().unwrap().to_owned())
        .chain(value("URL_TARGET"))
        .collect()
}

/// The volume and the path in it that a container has at a path.
fn seen_at(container: &Container, path: &str) -> Option<(String, String)> {
    let mount = container
        .volume_mounts
        .iter()
        .flatten()
        .filter(|m| path == m.mount_path || is_below(path, &m.mount_path))
        .max_by_key(|m| m.mount_path.len())?;
    let rest = &path[mount.mount_path.len()..];
    Some((
        mount.name.clone(),
        format!("{}{rest}", mount.sub_path.as_deref().unwrap_or_default()),
    ))
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn is_dns_label(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 63
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
