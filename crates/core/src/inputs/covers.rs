//! Which directories of the worker are volumes, and what that means for a file below them.

use koc_api::names::paths as pod_paths;

use super::{Delivery, volumes};
use crate::git_mount::GitMount;
use crate::paths::is_under;
use crate::settings::Settings;

/// The directories of the worker that are volumes: the deepest one around a path decides how a file gets there.
pub(super) struct Covers<'a> {
    workspace: &'a str,
    /// Path, and whether `context-init` may write there.
    all: Vec<(String, bool)>,
}

impl<'a> Covers<'a> {
    pub(super) fn of<'g>(settings: &'a Settings, git: impl Iterator<Item = &'g GitMount>) -> Self {
        let mut all = vec![
            (settings.workspace_dir.clone(), true),
            (pod_paths::TOOLS.to_owned(), true),
        ];
        all.extend(git.flat_map(GitMount::views).map(|view| (view.at.clone(), true)));
        all.extend(
            volumes::of_users(settings)
                .into_iter()
                .flatten()
                .map(|claim| (claim.path, false)),
        );
        Self {
            workspace: &settings.workspace_dir,
            all,
        }
    }

    pub(super) fn delivery(&self, path: &str) -> Delivery {
        match self.around(path) {
            Some((_, true)) => Delivery::Copied,
            _ => Delivery::Mounted,
        }
    }

    fn around(&self, path: &str) -> Option<&(String, bool)> {
        self.all
            .iter()
            .filter(|(cover, _)| is_under(path, cover))
            .max_by_key(|(cover, _)| cover.len())
    }

    /// Parents of mount points that lie in the workspace's own volume.
    pub(super) fn parents_in_workspace(&self) -> Vec<String> {
        let mut parents: Vec<String> = self
            .all
            .iter()
            .filter_map(|(path, _)| path.rsplit_once('/'))
            .map(|(parent, _)| parent)
            .filter(|parent| *parent != self.workspace)
            .filter(|parent| {
                self.around(parent)
                    .is_some_and(|(cover, _)| cover == self.workspace)
            })
            .map(str::to_owned)
            .collect();
        parents.sort();
        parents.dedup();
        parents
    }
}
