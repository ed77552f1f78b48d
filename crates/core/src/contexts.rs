//! Contexts: from the items of a template and a Task to files, directories and sections of `context.md`.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use koc_api::{ContextItem, ContextType};

use crate::context_map::ContextFile;
use crate::context_md::{Section, render_files};
use crate::paths;
use crate::refusal::Refusal;
use crate::world::Lookup;

/// A whole ConfigMap that appears as a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirectoryMount {
    pub(crate) config_map: String,
    pub(crate) optional: bool,
    pub(crate) path: String,
}

/// What the contexts of one Task amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contexts {
    pub(crate) files: Vec<ContextFile>,
    pub(crate) directories: Vec<DirectoryMount>,
    pub(crate) sections: Vec<Section>,
}

/// Names of the ConfigMaps that must be read before [`resolve`] can say anything.
pub fn config_maps_named_by<'a>(items: impl IntoIterator<Item = &'a ContextItem>) -> BTreeSet<String> {
    items
        .into_iter()
        .filter(|item| item.type_ == ContextType::ConfigMap)
        .filter_map(|item| Some(item.config_map.as_ref()?.name.clone()))
        .collect()
}

/// Resolves the items in order: the template's first, then the Task's.
pub(crate) fn resolve<'a>(
    items: impl IntoIterator<Item = &'a ContextItem>,
    workspace: &str,
    namespace: &str,
    config_maps: &BTreeMap<String, Lookup<ConfigMap>>,
) -> Result<Contexts, Refusal> {
    let mut contexts = Contexts::default();
    for (index, item) in items.into_iter().enumerate() {
        let place = Place {
            label: label(item, index),
            workspace,
            namespace,
        };
        match item.type_ {
            ContextType::Text => contexts.add(item, &place, "Text", item.text.clone().unwrap_or_default())?,
            ContextType::ConfigMap => contexts.add_config_map(item, &place, config_maps)?,
            ContextType::Git => return Err(unsupported(&place.label, "Git contexts")),
            ContextType::Runtime => return Err(unsupported(&place.label, "Runtime contexts")),
            ContextType::Url => return Err(unsupported(&place.label, "URL contexts")),
        }
    }
    Ok(contexts)
}

/// Where an item stands, for targets and for sentences.
struct Place<'a> {
    label: String,
    workspace: &'a str,
    namespace: &'a str,
}

fn label(item: &ContextItem, index: usize) -> String {
    match item.name.as_deref().map(str::trim) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("context-{index}"),
    }
}

fn unsupported(label: &str, capability: &str) -> Refusal {
    Refusal::context(format!(
        "context {label:?}: {capability} are not supported by this version; use a Text or ConfigMap context"
    ))
}

impl Contexts {
    fn add(
        &mut self,
        item: &ContextItem,
        place: &Place<'_>,
        kind: &'static str,
        content: String,
    ) -> Result<(), Refusal> {
        match item.mount_path.as_deref().filter(|p| !p.is_empty()) {
            Some(path) => {
                let path = target(path, place)?;
                self.files.push(ContextFile {
                    path,
                    content,
                    mode: item.file_mode,
                });
            }
            None => self.sections.push(Section {
                name: place.label.clone(),
                namespace: place.namespace.to_owned(),
                kind,
                content,
            }),
        }
        Ok(())
    }

    fn add_config_map(
        &mut self,
        item: &ContextItem,
        place: &Place<'_>,
        config_maps: &BTreeMap<String, Lookup<ConfigMap>>,
    ) -> Result<(), Refusal> {
        // The schema demands the block; without it there is nothing to say, as v0.1.7 has it.
        let Some(source) = &item.config_map else {
            return self.add(item, place, "ConfigMap", String::new());
        };
        let optional = source.optional.unwrap_or(false);
        let label = &place.label;
        let map = match config_maps.get(&source.name) {
            Some(Lookup::Found(map)) => Some(map),
            Some(Lookup::Unreadable(why)) => {
                return Err(Refusal::context(format!(
                    "context {label:?}: ConfigMap {:?} can't be read: {why}",
                    source.name
                )));
            }
            Some(Lookup::Missing) | None => None,
        };
        if map.is_none() && !optional {
            return Err(Refusal::context(format!(
                "context {label:?}: there is no ConfigMap {:?} in namespace {:?}; create it, or set `optional: true`",
                source.name, place.namespace
            ))
            .that_may_pass());
        }
        let data = map.and_then(|m| m.data.as_ref());
        match (
            source.key.as_deref().filter(|k| !k.is_empty()),
            item.mount_path.as_deref(),
        ) {
            (Some(key), _) => {
                let value = data.and_then(|d| d.get(key));
                if value.is_none() && !optional {
                    return Err(Refusal::context(format!(
                        "context {label:?}: ConfigMap {:?} has no key {key:?} in `data`; its keys are {:?}",
                        source.name,
                        data.map(|d| d.keys().collect::<Vec<_>>()).unwrap_or_default()
                    ))
                    .that_may_pass());
                }
                self.add(item, place, "ConfigMap", value.cloned().unwrap_or_default())
            }
            (None, Some(path)) if !path.is_empty() => {
                let path = target(path, place)?;
                self.directories.push(DirectoryMount {
                    config_map: source.name.clone(),
                    optional,
                    path,
                });
                Ok(())
            }
            (None, _) => {
                let content = data.map(render_files).unwrap_or_default();
                self.add(item, place, "ConfigMap", content)
            }
        }
    }
}

fn target(path: &str, place: &Place<'_>) -> Result<String, Refusal> {
    paths::absolute(place.workspace, path)
        .map_err(|error| Refusal::context(format!("context {:?}: mountPath: {error}", place.label)))
}
