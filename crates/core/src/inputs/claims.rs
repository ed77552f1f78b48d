//! Everybody who wants a place in the worker, for the search for conflicts.

use koc_api::names::paths as pod_paths;

use super::{Delivery, Placed, volumes};
use crate::conflicts::{Author, Claim, Occupant};
use crate::context_map::ContextFile;
use crate::contexts::DirectoryMount;
use crate::fetch::Fetch;
use crate::git_mount::{GitMount, GitPlace};
use crate::refusal::Refusal;
use crate::settings::Settings;

/// Everybody who wants a place.
pub(super) struct Claims<'a> {
    pub(super) settings: &'a Settings,
    pub(super) own: &'a [ContextFile],
    pub(super) files: &'a [ContextFile],
    pub(super) directories: &'a [Placed<DirectoryMount>],
    pub(super) fetches: &'a [Fetch],
    pub(super) git: &'a [GitMount],
    pub(super) skills: &'a [GitMount],
}

impl Claims<'_> {
    /// In the order in which they count as first: ours, the Pod's, the contexts'.
    pub(super) fn all(&self) -> Result<Vec<Claim>, Refusal> {
        let mut all = self.ours();
        all.extend(volumes::of_users(self.settings)?);
        let context = |path: &str, occupant: Occupant, who: &str| Claim {
            path: path.to_owned(),
            occupant,
            author: Author::Context,
            who: who.to_owned(),
        };
        self.one_workspace_clone()?;
        for git in self.git {
            all.extend(
                git.views()
                    .iter()
                    .map(|v| context(&v.at, Occupant::Open, &git.who)),
            );
        }
        all.extend(
            self.files
                .iter()
                .map(|f| context(&f.path, Occupant::File, &f.who)),
        );
        all.extend(
            self.fetches
                .iter()
                .map(|f| context(&f.path, Occupant::File, &f.who)),
        );
        for Placed { item, delivery } in self.directories {
            // Its files may go straight into the workspace.
            if item.path != self.settings.workspace_dir {
                let occupant = match delivery {
                    Delivery::Copied => Occupant::Open,
                    Delivery::Mounted => Occupant::Sealed,
                };
                all.push(context(&item.path, occupant, &item.who));
            }
            if *delivery == Delivery::Copied {
                let file = |key: &String| {
                    let who = format!("{} with its key {key:?}", item.who);
                    context(&format!("{}/{key}", item.path), Occupant::File, &who)
                };
                all.extend(item.keys.iter().map(file));
            }
        }
        Ok(all)
    }

    fn ours(&self) -> Vec<Claim> {
        let ours = |path: &str, occupant: Occupant, who: &str| Claim {
            path: path.to_owned(),
            occupant,
            author: Author::Ours,
            who: who.to_owned(),
        };
        let mut all = vec![
            ours(&self.settings.workspace_dir, Occupant::Open, "the workspace"),
            ours(pod_paths::TOOLS, Occupant::Open, "KubeOpenCode with its programs"),
        ];
        if !self.git.is_empty() || !self.skills.is_empty() {
            let who = "KubeOpenCode with its Git configuration";
            all.push(ours(pod_paths::GIT_CONFIG, Occupant::File, who));
        }
        if !self.settings.plugins.is_empty() {
            all.push(ours(
                pod_paths::PLUGINS,
                Occupant::Sealed,
                "KubeOpenCode with the plugins",
            ));
        }
        if self.settings.ca_bundle.is_some() {
            all.push(ours(pod_paths::CA_DIR, Occupant::Sealed, "the CA bundle"));
        }
        all.extend(self.own.iter().map(|f| ours(&f.path, Occupant::File, &f.who)));
        for git in self.skills {
            all.extend(git.views().iter().map(|v| ours(&v.at, Occupant::Open, &git.who)));
        }
        all
    }

    fn one_workspace_clone(&self) -> Result<(), Refusal> {
        let mut whole = self
            .git
            .iter()
            .filter(|git| matches!(git.place, GitPlace::Workspace { .. }));
        match (whole.next(), whole.next()) {
            (Some(first), Some(second)) => Err(Refusal::context(format!(
                "mount path conflict: {} wants the workspace {} for its files, but {} already has it; mount one of \
                 them below it",
                second.who, self.settings.workspace_dir, first.who
            ))),
            _ => Ok(()),
        }
    }
}
