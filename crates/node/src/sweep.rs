//! Removes what Pods leave behind.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use crate::handle::{Context, pods_dir};

/// Removes the directories of Pods that no longer exist, after their processes.
pub(crate) fn leftovers(context: &Arc<Context>, listed: &HashSet<String>) {
    let known: HashSet<String> = context.pods.read().keys().cloned().collect();
    let entries = fs::read_dir(pods_dir(&context.options.data_dir))
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        let uid = entry.file_name().to_string_lossy().into_owned();
        if listed.contains(&uid) || known.contains(&uid) {
            continue;
        }
        let (context, dir) = (Arc::clone(context), entry.path());
        tokio::spawn(async move {
            for container in fs::read_dir(dir.join("containers"))
                .into_iter()
                .flatten()
                .flatten()
            {
                context.runtime.reclaim(&container.path()).await;
            }
            let _ = tokio::task::spawn_blocking(move || remove(&dir)).await;
        });
    }
}

/// Removes a directory whatever permissions programs in the Pod gave its contents. Links are not followed.
pub(crate) fn remove(dir: &Path) {
    if fs::remove_dir_all(dir).is_ok() || !dir.exists() {
        return;
    }
    open_up(dir);
    if let Err(error) = fs::remove_dir_all(dir) {
        tracing::warn!(dir = %dir.display(), %error, "a Pod's directory could not be removed");
    }
}

fn open_up(dir: &Path) {
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_closed_permissions_goes_too_and_links_are_not_followed() {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("pod");
        fs::create_dir_all(dir.join("a/b")).unwrap();
        fs::write(outer.path().join("keep"), "").unwrap();
        std::os::unix::fs::symlink(outer.path(), dir.join("a/out")).unwrap();
        fs::set_permissions(dir.join("a"), fs::Permissions::from_mode(0o0)).unwrap();
        remove(&dir);
        assert!(!dir.exists());
        assert!(outer.path().join("keep").exists());
    }
}
