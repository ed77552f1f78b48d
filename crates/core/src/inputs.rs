//! Where everything goes that a Pod is given: which file is written by `context-init`, which is mounted on its own, which
//! clone must be there before, and whether two of them want the same place.
//!
//! A file is **copied** where the Pod has a writable volume of ours: into the workspace, or into the clone of a Git
//! context. There the agent may change it, and `git` works with it as with any other file. Everywhere else it is
//! **mounted** onto its own path, read-only, so that nothing else of the image's directory is hidden. Directories made
//! of ConfigMaps follow the same rule.

mod mappings;
mod volumes;

use koc_api::names::paths as pod_paths;

use crate::conflicts::{self, Author, Claim, Occupant};
use crate::context_map::{self, ContextFile, KeyedFile};
use crate::context_md;
use crate::contexts::{Contexts, DirectoryMount};
use crate::fetch::Fetch;
use crate::git_mount::{GitMount, GitPlace, GitView};
use crate::paths::is_under;
use crate::refusal::Refusal;
use crate::settings::Settings;

/// How a file or directory gets to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Written there before the worker starts.
    Copied,
    /// Mounted there, read-only.
    Mounted,
}

/// Something and the way it gets to its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed<T> {
    pub(crate) item: T,
    pub(crate) delivery: Delivery,
}

/// Everything a Pod is given, arranged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inputs {
    pub(crate) files: Vec<Placed<KeyedFile>>,
    pub(crate) directories: Vec<Placed<DirectoryMount>>,
    pub(crate) fetches: Vec<Placed<Fetch>>,
    /// In the order of their indices.
    pub(crate) git: Vec<GitMount>,
    /// For `context-init`, as JSON.
    pub(crate) file_mappings: String,
    /// For `context-init`, as JSON; empty for none.
    pub(crate) dir_mappings: String,
    /// Directories of the workspace that others are mounted into. Without them the container runtime would make them,
    /// as root, and the agent could not add anything beside what is mounted.
    pub(crate) make_directories: Vec<String>,
    /// Whether `context.md` is among the files.
    pub(crate) has_context_md: bool,
}

/// What there is to arrange.
pub(crate) struct Material<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) contexts: Contexts,
    /// Content of `task.md`.
    pub(crate) prompt: Option<String>,
}

/// Arranges everything, or says what can't be.
///
/// # Errors
///
/// A sentence about two things at one place, a reserved place, or contents that are too large.
pub(crate) fn arrange(material: Material<'_>) -> Result<Inputs, Refusal> {
    let Material {
        settings,
        contexts,
        prompt,
    } = material;
    // Their clones come after those of contexts.
    let skills = &settings.skills;
    let has_context_md = !contexts.sections.is_empty();
    let own = own_files(settings, &contexts, prompt);
    let covers = Covers::of(settings, contexts.git.iter().chain(skills));
    let place = |path: &str| covers.delivery(path);

    let directories: Vec<Placed<DirectoryMount>> = contexts
        .directories
        .into_iter()
        .map(|item| Placed {
            delivery: place(&item.path),
            item,
        })
        .collect();
    let claims = Claims {
        settings,
        own: &own,
        files: &contexts.files,
        directories: &directories,
        fetches: &contexts.fetches,
        git: &contexts.git,
        skills,
    };
    conflicts::check(&settings.workspace_dir, &claims.all()?)?;

    let all: Vec<ContextFile> = contexts.files.into_iter().chain(own).collect();
    let files: Vec<Placed<KeyedFile>> = context_map::assign(all)
        .map_err(|too_large| Refusal::context(too_large.to_string()))?
        .into_iter()
        .map(|item| Placed {
            delivery: place(&item.file.path),
            item,
        })
        .collect();
    let fetches = contexts
        .fetches
        .into_iter()
        .map(|item| Placed {
            delivery: place(&item.path),
            item,
        })
        .collect();
    Ok(Inputs {
        file_mappings: mappings::of_files(&files)?,
        dir_mappings: mappings::of_directories(&directories)?,
        files,
        directories,
        fetches,
        git: contexts.git.into_iter().chain(skills.iter().cloned()).collect(),
        make_directories: covers.parents_in_workspace(),
        has_context_md,
    })
}

/// The files every Pod may have: prompt, context.md, OpenCode's configuration.
fn own_files(settings: &Settings, contexts: &Contexts, prompt: Option<String>) -> Vec<ContextFile> {
    let workspace = &settings.workspace_dir;
    let context_md = (!contexts.sections.is_empty()).then(|| context_md::render(&contexts.sections));
    let configuration = &settings.config_files;
    let files = [
        (
            "the Task's prompt",
            format!("{workspace}/{}", pod_paths::TASK_FILE),
            prompt,
        ),
        (
            "the text of all contexts without a mountPath",
            format!("{workspace}/{}", pod_paths::CONTEXT_FILE),
            context_md,
        ),
        (
            "OpenCode's configuration",
            pod_paths::OPENCODE_CONFIG.to_owned(),
            configuration.open_code.clone(),
        ),
        (
            "the configuration of OpenCode's terminal interface",
            pod_paths::TUI_CONFIG.to_owned(),
            configuration.tui.clone(),
        ),
    ];
    files
        .into_iter()
        .filter_map(|(who, path, content)| {
            Some(ContextFile {
                who: who.to_owned(),
                path,
                content: content?,
                mode: None,
            })
        })
        .collect()
}

impl Inputs {
    /// How many ConfigMaps hold the files.
    pub(crate) fn maps(&self) -> usize {
        self.files.iter().map(|f| f.item.map + 1).max().unwrap_or(0)
    }

    /// Whether a clone must be complete before `context-init` runs: it is copied into the workspace, where our files
    /// win over the repository's, or files are put into it.
    pub(crate) fn comes_first(&self, git: &GitMount) -> bool {
        matches!(git.place, GitPlace::Workspace { .. })
            || git
                .views()
                .iter()
                .any(|view| self.copied().any(|path| is_under(path, &view.at)))
    }

    /// The clones that `context-init` writes into, with their indices.
    pub(crate) fn clones_written(&self) -> impl Iterator<Item = (usize, &GitView)> {
        self.views()
            .filter(|(_, view)| self.copied().any(|path| is_under(path, &view.at)))
    }

    /// The clones that a path lies in, with their indices.
    pub(crate) fn clones_around<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (usize, &'a GitView)> {
        self.views().filter(move |(_, view)| is_under(path, &view.at))
    }

    fn views(&self) -> impl Iterator<Item = (usize, &GitView)> {
        self.git
            .iter()
            .enumerate()
            .flat_map(|(index, git)| git.views().iter().map(move |view| (index, view)))
    }

    /// Paths that `context-init` writes to.
    fn copied(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().filter(|f| f.delivery == Delivery::Copied);
        let directories = self.directories.iter().filter(|d| d.delivery == Delivery::Copied);
        files
            .map(|f| f.item.file.path.as_str())
            .chain(directories.map(|d| d.item.path.as_str()))
    }
}

/// The directories of the worker that are volumes: the deepest one around a path decides how a file gets there.
struct Covers<'a> {
    workspace: &'a str,
    /// Path, and whether `context-init` may write there.
    all: Vec<(String, bool)>,
}

impl<'a> Covers<'a> {
    fn of<'g>(settings: &'a Settings, git: impl Iterator<Item = &'g GitMount>) -> Self {
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

    fn delivery(&self, path: &str) -> Delivery {
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
    fn parents_in_workspace(&self) -> Vec<String> {
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

/// Everybody who wants a place.
struct Claims<'a> {
    settings: &'a Settings,
    own: &'a [ContextFile],
    files: &'a [ContextFile],
    directories: &'a [Placed<DirectoryMount>],
    fetches: &'a [Fetch],
    git: &'a [GitMount],
    skills: &'a [GitMount],
}

impl Claims<'_> {
    /// In the order in which they count as first: ours, the Pod's, the contexts'.
    fn all(&self) -> Result<Vec<Claim>, Refusal> {
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
