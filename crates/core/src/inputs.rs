//! Where everything goes that a Pod is given: which file is written by `context-init`, which is mounted on its own, which
//! clone must be there before, and whether two of them want the same place.
//!
//! A file is **copied** where the Pod has a writable volume of ours: into the workspace, or into the clone of a Git
//! context. There the agent may change it, and `git` works with it as with any other file. Everywhere else it is
//! **mounted** onto its own path, read-only, so that nothing else of the image's directory is hidden. Directories made
//! of ConfigMaps follow the same rule.

mod claims;
mod covers;
mod mappings;
mod volumes;

use koc_api::names::paths as pod_paths;

use crate::conflicts;
use crate::context_map::{self, ContextFile, KeyedFile};
use crate::context_md;
use crate::contexts::{Contexts, DirectoryMount};
use crate::fetch::Fetch;
use crate::git_mount::{GitMount, GitPlace, GitView};
use crate::paths::is_under;
use crate::refusal::Refusal;
use crate::settings::Settings;
use claims::Claims;
use covers::Covers;

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
