//! Contexts that come from a ConfigMap: one key, or all of them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use koc_api::ContextItem;

use super::{Contexts, DirectoryMount, Place};
use crate::context_md::render_files;
use crate::refusal::Refusal;
use crate::world::Lookup;

impl Contexts {
    /// One key is a content, like a text. All keys together are a directory, or a section with one `<file>` each.
    pub(super) fn add_config_map(
        &mut self,
        item: &ContextItem,
        place: &Place<'_>,
        config_maps: &BTreeMap<String, Lookup<ConfigMap>>,
    ) -> Result<(), Refusal> {
        // The schema demands the block; without it there is nothing to say, as v0.1.7 has it.
        let Some(source) = &item.config_map else {
            return self.add(item, place, String::new());
        };
        let optional = source.optional.unwrap_or(false);
        let name = &source.name;
        let map = match config_maps.get(name) {
            Some(Lookup::Found(map)) => Some(map),
            Some(Lookup::Unreadable(why)) => {
                return Err(place.refuse(&format!("ConfigMap {name:?} can't be read: {why}")));
            }
            Some(Lookup::Missing) | None => None,
        };
        if map.is_none() && !optional {
            let why = format!(
                "there is no ConfigMap {name:?} in namespace {:?}; create it, or set `optional: true`",
                place.owner.namespace
            );
            return Err(place.refuse(&why).that_may_pass());
        }
        if let Some(key) = source.key.as_deref().filter(|k| !k.is_empty()) {
            let value = map.and_then(|m| m.data.as_ref()?.get(key));
            if value.is_none() && !optional {
                return Err(missing_key(place, name, key, map));
            }
            return self.add(item, place, value.cloned().unwrap_or_default());
        }
        match place.target(item)? {
            Some(path) => self.directories.push(DirectoryMount {
                who: place.who(),
                config_map: name.clone(),
                optional,
                path,
                mode: item.file_mode,
                keys: keys(map),
            }),
            None => {
                let content = map
                    .and_then(|m| m.data.as_ref())
                    .map(render_files)
                    .unwrap_or_default();
                self.add_section(item, place, content);
            }
        }
        Ok(())
    }
}

fn missing_key(place: &Place<'_>, name: &str, key: &str, map: Option<&ConfigMap>) -> Refusal {
    let binary = map.and_then(|m| m.binary_data.as_ref());
    let why = if binary.is_some_and(|b| b.contains_key(key)) {
        format!(
            "ConfigMap {name:?} has {key:?} in `binaryData`, which is no text; leave out configMap.key and set \
             mountPath to get all of its files as a directory"
        )
    } else {
        let data = map.and_then(|m| m.data.as_ref());
        format!(
            "ConfigMap {name:?} has no key {key:?} in `data`; its keys are {:?}",
            data.map(|d| d.keys().collect::<Vec<_>>()).unwrap_or_default()
        )
    };
    place.refuse(&why).that_may_pass()
}

/// All keys, of texts and of binary files, in order.
fn keys(map: Option<&ConfigMap>) -> Vec<String> {
    let text = map
        .and_then(|m| m.data.as_ref())
        .into_iter()
        .flatten()
        .map(|(k, _)| k);
    let binary = map
        .and_then(|m| m.binary_data.as_ref())
        .into_iter()
        .flatten()
        .map(|(k, _)| k);
    let mut keys: Vec<String> = text.chain(binary).cloned().collect();
    keys.sort();
    keys
}
