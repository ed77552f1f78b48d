//! Contexts: from the items of a template and a Task to files, directories, clones, downloads and sections of
//! `context.md`. Where each of them goes is decided in [`crate::inputs`].

mod config_map;
mod names;
mod runtime;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use koc_api::names::paths as pod_paths;
use koc_api::{ContextItem, ContextType, UrlContext};

use crate::context_map::ContextFile;
use crate::context_md::Section;
use crate::fetch::Fetch;
use crate::git_mount::GitMount;
use crate::owner::Owner;
use crate::paths;
use crate::refusal::Refusal;
use crate::world::Lookup;

pub(crate) use names::file_name;

/// A list of contexts, and the object that it stands in, for sentences: `AgentTemplate "base"`.
pub(crate) struct ContextList<'a> {
    pub(crate) holder: String,
    pub(crate) items: &'a [ContextItem],
}

/// A whole ConfigMap that appears as a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirectoryMount {
    /// What a person calls it.
    pub(crate) who: String,
    pub(crate) config_map: String,
    pub(crate) optional: bool,
    /// Normalised absolute path in the worker.
    pub(crate) path: String,
    /// Permission bits of its files, where the author chose them.
    pub(crate) mode: Option<i32>,
    /// Its keys as they are now; another context may not want one of these places.
    pub(crate) keys: Vec<String>,
}

/// What all contexts of one Pod amount to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Contexts {
    pub(crate) files: Vec<ContextFile>,
    pub(crate) directories: Vec<DirectoryMount>,
    pub(crate) fetches: Vec<Fetch>,
    pub(crate) git: Vec<GitMount>,
    pub(crate) sections: Vec<Section>,
}

/// Names of the ConfigMaps that must be read before contexts can be resolved.
pub fn config_maps_named_by<'a>(items: impl IntoIterator<Item = &'a ContextItem>) -> BTreeSet<String> {
    items
        .into_iter()
        .filter(|item| item.type_ == ContextType::ConfigMap)
        .filter_map(|item| Some(item.config_map.as_ref()?.name.clone()))
        .collect()
}

/// Resolves the lists in order: the template's or Agent's first, then the Task's.
///
/// # Errors
///
/// A sentence that names the context: a name used twice, a path or address that can't be right, a ConfigMap or key
/// that is missing.
pub(crate) fn resolve(
    lists: &[ContextList<'_>],
    owner: &Owner,
    workspace: &str,
    config_maps: &BTreeMap<String, Lookup<ConfigMap>>,
) -> Result<Contexts, Refusal> {
    let mut contexts = Contexts::default();
    for named in names::assign(lists)? {
        let item = named.item;
        let place = Place {
            name: &named.name,
            workspace,
            owner,
        };
        check_mode(item, &place)?;
        match item.type_ {
            ContextType::Text => contexts.add(item, &place, item.text.clone().unwrap_or_default())?,
            ContextType::ConfigMap => contexts.add_config_map(item, &place, config_maps)?,
            ContextType::Git => contexts.add_git(item, &place)?,
            ContextType::Runtime => contexts.add_section(item, &place, runtime::text(owner, workspace)),
            ContextType::Url => contexts.add_url(item, &place)?,
        }
    }
    Ok(contexts)
}

/// Where an item stands, for targets and for sentences.
struct Place<'a> {
    name: &'a str,
    workspace: &'a str,
    owner: &'a Owner,
}

impl Place<'_> {
    /// The path that an item asks for, normalised; `None` for one that belongs into `context.md`.
    fn target(&self, item: &ContextItem) -> Result<Option<String>, Refusal> {
        let Some(path) = item.mount_path.as_deref().filter(|p| !p.is_empty()) else {
            return Ok(None);
        };
        paths::absolute(self.workspace, path)
            .map(Some)
            .map_err(|error| self.refuse(&format!("mountPath: {error}")))
    }

    fn who(&self) -> String {
        format!("context {:?}", self.name)
    }

    fn refuse(&self, why: &str) -> Refusal {
        Refusal::context(format!("{}: {why}", self.who()))
    }
}

fn check_mode(item: &ContextItem, place: &Place<'_>) -> Result<(), Refusal> {
    match item.file_mode {
        Some(mode) if !(0..=0o777).contains(&mode) => Err(place.refuse(&format!(
            "fileMode {mode} is none; it is a number from 0 to 511, such as 420 for 0644"
        ))),
        _ => Ok(()),
    }
}

impl Contexts {
    fn add(&mut self, item: &ContextItem, place: &Place<'_>, content: String) -> Result<(), Refusal> {
        match place.target(item)? {
            Some(path) => self.files.push(ContextFile {
                who: place.who(),
                path,
                content,
                mode: item.file_mode,
            }),
            None => self.add_section(item, place, content),
        }
        Ok(())
    }

    fn add_section(&mut self, item: &ContextItem, place: &Place<'_>, content: String) {
        self.sections.push(Section {
            name: place.name.to_owned(),
            namespace: place.owner.namespace.clone(),
            kind: item.type_.as_str(),
            content,
        });
    }

    fn add_git(&mut self, item: &ContextItem, place: &Place<'_>) -> Result<(), Refusal> {
        let Some(git) = &item.git else {
            return Err(place.refuse("git.repository is missing"));
        };
        let Some(at) = place.target(item)? else {
            return Err(place.refuse(
                "a repository can't be part of context.md; set mountPath, with `.` for the workspace itself",
            ));
        };
        self.git
            .push(GitMount::of_context(place.name, git, at, place.workspace)?);
        Ok(())
    }

    fn add_url(&mut self, item: &ContextItem, place: &Place<'_>) -> Result<(), Refusal> {
        let Some(url) = &item.url else {
            return Err(place.refuse("url.source is missing"));
        };
        check_url(url, place)?;
        let path = match place.target(item)? {
            Some(path) => path,
            // The content is not known before the Pod runs, so context.md can only say where it will be.
            None => {
                let relative = format!("{}/{}", pod_paths::FETCHED_CONTEXTS, file_name(place.name));
                let content = format!(
                    "What {} served when this environment was prepared is in the file {relative} of the working \
                     directory. Read that file: it is part of your context.",
                    address(&url.source)
                );
                self.add_section(item, place, content);
                format!("{}/{relative}", place.workspace)
            }
        };
        self.fetches.push(Fetch {
            who: format!("url context {:?}", place.name),
            source: url.source.clone(),
            headers: url.headers.clone().unwrap_or_default(),
            secret: url.secret_ref.as_ref().map(|s| s.name.clone()),
            insecure: url.insecure_skip_tls_verify.unwrap_or(false),
            timeout_seconds: url.timeout_seconds(),
            mode: item.file_mode,
            path,
        });
        Ok(())
    }
}

fn check_url(url: &UrlContext, place: &Place<'_>) -> Result<(), Refusal> {
    let lower = url.source.to_ascii_lowercase();
    let rest = lower
        .strip_prefix("https://")
        .or_else(|| lower.strip_prefix("http://"));
    let blank = url.source.chars().any(|c| c.is_whitespace() || c.is_control());
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with(['/', '?', '#']) && !blank => Ok(()),
        _ => Err(place.refuse("url.source must be an address such as https://host/path")),
    }
}

/// An address without what may be secret in it: user and password, query and fragment.
fn address(source: &str) -> String {
    let (scheme, rest) = source.split_once("://").unwrap_or(("", source));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_is_told_without_its_secrets() {
        for (source, told) in [
            ("https://h/p?token=hunter2", "https://h/p"),
            ("https://u:hunter2@h:8/p#x", "https://h:8/p"),
            ("http://h", "http://h"),
            ("http://h?hunter2", "http://h"),
            ("https://h/a@b", "https://h/a@b"),
        ] {
            assert_eq!(address(source), told);
        }
    }
}
