//! The generated ConfigMap `<task>-context`: which key holds which file.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use thiserror::Error;

/// Kubernetes keeps at most 1 MiB in a ConfigMap; a margin is left for metadata and managed fields.
pub(crate) const MAX_CONTENT_BYTES: usize = 1_000_000;

/// One file that the ConfigMap carries into the Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContextFile {
    /// Normalised absolute target.
    pub(crate) path: String,
    /// Its whole content.
    pub(crate) content: String,
    /// Permission bits, where the author chose them.
    pub(crate) mode: Option<i32>,
}

/// A file together with the ConfigMap key that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyedFile {
    /// The ConfigMap key.
    pub(crate) key: String,
    /// The file.
    pub(crate) file: ContextFile,
}

/// The contents don't fit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the Task's context files hold {total} bytes together, and a ConfigMap takes at most {MAX_CONTENT_BYTES}; \
     the largest is {largest} with {size} bytes: shorten it, or bring it by a Git context"
)]
pub(crate) struct TooLarge {
    total: usize,
    largest: String,
    size: usize,
}

/// Gives each file a key: its path with `/` turned into `-`, and a digest where that would be ambiguous or illegal.
///
/// # Errors
///
/// [`TooLarge`] when the contents together can't be stored in one ConfigMap.
pub(crate) fn assign_keys(files: Vec<ContextFile>) -> Result<Vec<KeyedFile>, TooLarge> {
    let total: usize = files.iter().map(|f| f.content.len()).sum();
    if total > MAX_CONTENT_BYTES
        && let Some(largest) = files.iter().max_by_key(|f| f.content.len())
    {
        return Err(TooLarge {
            total,
            largest: largest.path.clone(),
            size: largest.content.len(),
        });
    }
    let mut claims: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        *claims.entry(plain_key(&file.path)).or_default() += 1;
    }
    let mut taken = BTreeSet::new();
    Ok(files
        .into_iter()
        .map(|file| {
            let plain = plain_key(&file.path);
            let faithful = plain == dashed(&file.path) && claims[&plain] == 1 && !taken.contains(&plain);
            let key = if faithful {
                plain
            } else {
                digest_key(&plain, &file.path)
            };
            taken.insert(key.clone());
            KeyedFile { key, file }
        })
        .collect())
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
        .take(200)
        .collect()
}

/// Two paths may share their plain key (`/a/b-c` and `/a-b/c`), so the digest of the path tells them apart.
fn digest_key(plain: &str, path: &str) -> String {
    let digest = Sha256::digest(path.as_bytes());
    let hex: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("{plain}-{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(paths: &[&str]) -> Vec<String> {
        let files = paths
            .iter()
            .map(|p| ContextFile {
                path: (*p).to_owned(),
                content: String::new(),
                mode: None,
            })
            .collect();
        assign_keys(files).unwrap().into_iter().map(|f| f.key).collect()
    }

    #[test]
    fn ordinary_paths_keep_the_documented_keys() {
        assert_eq!(
            keys(&[
                "/workspace/guides/standards.md",
                "/home/agent/.config/settings.json",
                "/tools/opencode.json"
            ]),
            [
                "workspace-guides-standards.md",
                "home-agent-.config-settings.json",
                "tools-opencode.json"
            ]
        );
    }

    #[test]
    fn paths_with_the_same_dashed_form_get_different_keys() {
        let keys = keys(&["/a/b-c", "/a-b/c"]);
        assert_ne!(keys[0], keys[1]);
        assert!(keys[0].starts_with("a-b-c-"));
    }

    #[test]
    fn keys_are_legal_whatever_the_path() {
        for key in keys(&["/workspace/ä b!.md", &format!("/{}", "x".repeat(400))]) {
            assert!(
                key.len() <= 253
                    && key
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)),
                "{key}"
            );
        }
    }

    #[test]
    fn contents_over_the_limit_are_refused_with_the_largest_file_named() {
        let big = ContextFile {
            path: "/w/big".into(),
            content: "x".repeat(MAX_CONTENT_BYTES),
            mode: None,
        };
        let small = ContextFile {
            path: "/w/small".into(),
            content: "x".into(),
            mode: None,
        };
        let error = assign_keys(vec![big, small]).unwrap_err().to_string();
        assert!(error.contains("/w/big") && error.contains("1000001"), "{error}");
    }
}
