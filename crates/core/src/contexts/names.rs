//! What contexts are called.

use std::collections::HashMap;

use koc_api::ContextItem;
use sha2::{Digest, Sha256};

use super::ContextList;
use crate::refusal::Refusal;

/// Longest file name made from a name; a digest still fits behind it.
const MAX_FILE_NAME: usize = 200;

/// A context and its name.
pub(super) struct Named<'a> {
    pub(super) name: String,
    pub(super) item: &'a ContextItem,
}

/// Gives each context its name: its own, else its type and its place among all contexts, such as `text-0`. Status,
/// annotations and file names go by it, so it has to be unique.
///
/// # Errors
///
/// A sentence that says where the two contexts of one name stand.
pub(super) fn assign<'a>(lists: &[ContextList<'a>]) -> Result<Vec<Named<'a>>, Refusal> {
    let mut seen: HashMap<String, String> = HashMap::new();
    let mut all = Vec::new();
    for list in lists {
        for (index, item) in list.items.iter().enumerate() {
            let name = match item.name.as_deref().map(str::trim).filter(|n| !n.is_empty()) {
                Some(name) => name.to_owned(),
                None => format!("{}-{}", item.type_.as_str().to_ascii_lowercase(), all.len()),
            };
            let place = format!("contexts[{index}] of {}", list.holder);
            if let Some(other) = seen.insert(name.clone(), place.clone()) {
                return Err(Refusal::context(format!(
                    "{other} and {place} are both called {name:?}; give one of them another name"
                )));
            }
            all.push(Named { name, item });
        }
    }
    Ok(all)
}

/// A file name for a context's name: the name itself where it can be one, else what can be read of it and a digest.
pub(crate) fn file_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(MAX_FILE_NAME)
        .collect();
    if plain == name && !name.starts_with('.') {
        return plain;
    }
    let digest = Sha256::digest(name.as_bytes());
    let hex: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{hex}", plain.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_legal_and_tell_names_apart() {
        assert_eq!(file_name("style guide.md"), "style_guide.md-59e7390a8a");
        assert_eq!(file_name("rules.md"), "rules.md");
        let awkward = ["../../etc/passwd", "..", ".", "a/b", "a_b", "ä", &"x".repeat(250)].map(file_name);
        for name in &awkward {
            assert!(
                !name.starts_with('.') && !name.contains('/') && name.len() < 255,
                "{name}"
            );
        }
        assert_eq!(
            awkward.iter().collect::<std::collections::HashSet<_>>().len(),
            awkward.len()
        );
    }
}
