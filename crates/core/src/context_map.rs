//! The generated ConfigMaps `<task>-context`, `<task>-context-1`, …: which of them and which key holds which file.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use thiserror::Error;

/// Kubernetes keeps at most 1 MiB of contents in a ConfigMap.
pub(crate) const MAX_MAP_BYTES: usize = 1024 * 1024;

/// Most bytes that all files of a Pod may hold together. They stay in the cluster's database for as long as their
/// Task, so this is no place for archives.
pub(crate) const MAX_TOTAL_BYTES: usize = 8 * MAX_MAP_BYTES;

/// Characters of a path that its key keeps; a digest still fits behind them.
const MAX_PLAIN_KEY: usize = 200;

/// One file that a ConfigMap carries into the Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContextFile {
    /// Who wants it, for sentences: `context "rules"`.
    pub(crate) who: String,
    /// Normalised absolute target.
    pub(crate) path: String,
    /// Its whole content.
    pub(crate) content: String,
    /// Permission bits, where the author chose them.
    pub(crate) mode: Option<i32>,
}

/// A file together with the ConfigMap and the key that hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyedFile {
    /// Which of the owner's ConfigMaps, counted from 0.
    pub(crate) map: usize,
    /// The key. No two files of a Pod have the same, whatever ConfigMap they are in.
    pub(crate) key: String,
    /// The file.
    pub(crate) file: ContextFile,
}

/// The contents don't fit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum TooLarge {
    /// One file alone.
    #[error(
        "{who}: {path} would hold {size} bytes, and a ConfigMap takes at most {MAX_MAP_BYTES}; shorten it, or bring it \
         by a Git or URL context"
    )]
    File { who: String, path: String, size: usize },
    /// All of them.
    #[error(
        "the context files hold {total} bytes together, and at most {MAX_TOTAL_BYTES} may; the largest is {path} of \
         {who} with {size} bytes: bring it by a Git or URL context"
    )]
    Total {
        total: usize,
        who: String,
        path: String,
        size: usize,
    },
}

/// Gives each file a key and a place: its path with `/` turned into `-`, and a digest where that would be ambiguous or
/// illegal. The files fill ConfigMap after ConfigMap; the order given decides, so the same files always get the same
/// places.
///
/// # Errors
///
/// [`TooLarge`] when a file or all of them can't be stored. Nothing is ever cut.
pub(crate) fn assign(files: Vec<ContextFile>) -> Result<Vec<KeyedFile>, TooLarge> {
    check_sizes(&files)?;
    let keys = keys(&files);
    let mut filled: Vec<usize> = Vec::new();
    Ok(files
        .into_iter()
        .zip(keys)
        .map(|(file, key)| {
            // The key is stored twice, the second time in the ConfigMap's managed fields.
            let cost = file.content.len() + 2 * key.len();
            let map = filled
                .iter()
                .position(|bytes| bytes + cost <= MAX_MAP_BYTES)
                .unwrap_or(filled.len());
            match filled.get_mut(map) {
                Some(bytes) => *bytes += cost,
                None => filled.push(cost),
            }
            KeyedFile { map, key, file }
        })
        .collect())
}

fn check_sizes(files: &[ContextFile]) -> Result<(), TooLarge> {
    let Some(largest) = files.iter().max_by_key(|f| f.content.len()) else {
        return Ok(());
    };
    let (who, path) = (largest.who.clone(), largest.path.clone());
    let size = largest.content.len();
    let total: usize = files.iter().map(|f| f.content.len()).sum();
    if size > MAX_MAP_BYTES {
        Err(TooLarge::File { who, path, size })
    } else if total > MAX_TOTAL_BYTES {
        Err(TooLarge::Total {
            total,
            who,
            path,
            size,
        })
    } else {
        Ok(())
    }
}

fn keys(files: &[ContextFile]) -> Vec<String> {
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        *wanted.entry(plain_key(&file.path)).or_default() += 1;
    }
    let mut taken = BTreeSet::new();
    files
        .iter()
        .map(|file| {
            let plain = plain_key(&file.path);
            let faithful = plain == dashed(&file.path) && is_key(&plain) && wanted.get(&plain) == Some(&1);
            let mut key = if faithful {
                plain.clone()
            } else {
                digest_key(&plain, &file.path)
            };
            // A path may spell out another one's digest; whoever comes later gives way.
            while !taken.insert(key.clone()) {
                key = digest_key(&plain, &format!("{}/{key}", file.path));
            }
            key
        })
        .collect()
}

/// A name by which a file can be told from all others of a Pod, legal as key and as file name.
pub(crate) fn unique_name(path: &str) -> String {
    digest_key(&plain_key(path), path)
}

/// The documented form of a key: the path without its first `/`, the others turned into `-`.
fn dashed(path: &str) -> String {
    path.trim_start_matches('/').replace('/', "-")
}

/// [`dashed`] with characters that a ConfigMap key may not hold replaced, at a length that leaves room for a digest.
fn plain_key(path: &str) -> String {
    dashed(path)
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(MAX_PLAIN_KEY)
        .collect()
}

/// Whether Kubernetes takes a text of legal characters as a key.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text != "." && !text.starts_with("..")
}

/// Two paths may share their plain key (`/a/b-c` and `/a-b/c`), so a digest tells them apart. No key may begin with
/// two dots.
fn digest_key(plain: &str, path: &str) -> String {
    let digest = Sha256::digest(path.as_bytes());
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{hex}", plain.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(path: &str, size: usize) -> ContextFile {
        ContextFile {
            who: "context \"c\"".into(),
            path: path.into(),
            content: "x".repeat(size),
            mode: None,
        }
    }

    fn keys_of(paths: &[&str]) -> Vec<String> {
        let files = paths.iter().map(|p| file(p, 0)).collect();
        assign(files).unwrap().into_iter().map(|f| f.key).collect()
    }

    fn maps_of(sizes: &[usize]) -> Vec<usize> {
        let files = sizes
            .iter()
            .enumerate()
            .map(|(i, s)| file(&format!("/w/{i}"), *s))
            .collect();
        assign(files).unwrap().into_iter().map(|f| f.map).collect()
    }

    #[test]
    fn ordinary_paths_keep_the_documented_keys() {
        assert_eq!(
            keys_of(&[
                "/workspace/guides/standards.md",
                "/home/agent/.config/settings.json",
                "/tools/opencode.json",
                "/.hidden",
            ]),
            [
                "workspace-guides-standards.md",
                "home-agent-.config-settings.json",
                "tools-opencode.json",
                ".hidden",
            ]
        );
    }

    #[test]
    fn paths_with_the_same_dashed_form_get_different_keys() {
        let keys = keys_of(&["/a/b-c", "/a-b/c"]);
        assert_ne!(keys[0], keys[1]);
        assert!(keys[0].starts_with("a-b-c-"));
    }

    #[test]
    fn a_path_that_spells_out_another_ones_key_loses_nothing() {
        let forged = format!("/{}", keys_of(&["/a/b-c", "/a-b/c"])[1]);
        for order in [["/a/b-c", "/a-b/c", &forged], [&forged, "/a/b-c", "/a-b/c"]] {
            let keys = keys_of(&order);
            assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3, "{keys:?}");
        }
    }

    proptest! {
        #[test]
        fn keys_are_legal_and_unique_whatever_the_paths(
            paths in proptest::collection::btree_set("/[a-c./ä:-]{1,12}|/\\PC{1,300}", 1..20)
        ) {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let keys = keys_of(&paths);
            for key in &keys {
                prop_assert!(
                    !key.is_empty()
                        && key.len() <= 253
                        && key != "."
                        && !key.starts_with("..")
                        && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)),
                    "{key}"
                );
            }
            prop_assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), paths.len());
        }
    }

    #[test]
    fn contents_fill_one_config_map_after_another() {
        assert_eq!(maps_of(&[10, 20]), [0, 0]);
        assert_eq!(maps_of(&[700_000, 700_000, 100_000, 300_000]), [0, 1, 0, 1]);
        // What is legal as one key of a ConfigMap stays legal when it is passed on.
        assert_eq!(maps_of(&[MAX_MAP_BYTES, 5]), [0, 1]);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_largest_file_named() {
        let error = assign(vec![file("/w/big", MAX_MAP_BYTES + 1), file("/w/small", 1)])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("context \"c\": /w/big would hold 1048577 bytes"),
            "{error}"
        );
        let many = (0..9).map(|i| file(&format!("/w/{i}"), 1_000_000)).collect();
        let error = assign(many).unwrap_err().to_string();
        assert!(error.contains("9000000 bytes together"), "{error}");
    }
}
