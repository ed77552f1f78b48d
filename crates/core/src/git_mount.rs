//! A repository that a Pod gets, and where its files appear.

use koc_api::{GitContext, GitRef, GitSync, GitUrl};

use crate::paths;
use crate::refusal::Refusal;

/// One clone. Contexts and skills both come to this; the Pod's blueprint makes a volume, an init container and mounts
/// of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GitMount {
    /// By which status and annotations know it: a context's name, or `skill-` and the name of the skill source.
    pub(crate) name: String,
    /// What a person calls it, for sentences: `git context "rules"`, `skills "review"`.
    pub(crate) who: String,
    pub(crate) repository: String,
    /// Branch, tag or commit; `HEAD` for the remote's own choice.
    pub(crate) reference: String,
    /// Commits of history; 0 for all.
    pub(crate) depth: i32,
    pub(crate) submodules: bool,
    /// Name of the Secret with user and password, or with a key.
    pub(crate) secret: Option<String>,
    pub(crate) place: GitPlace,
    /// How the clone is kept fresh. Only servers that stay honour it.
    pub(crate) sync: Option<GitSync>,
}

/// Where the files of a clone appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GitPlace {
    /// Copied into the workspace directory: the whole clone, or this path of it where it isn't empty.
    Workspace { path: String },
    /// Mounted into the worker.
    Mounts(Vec<GitView>),
}

/// One mount of a clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GitView {
    /// Normalised absolute path in the worker.
    pub(crate) at: String,
    /// Normalised path within the clone, a directory or a file; empty for all of it, `.git` included.
    pub(crate) of: String,
}

impl GitMount {
    /// Reads a Git context. `at` is its normalised mount path.
    ///
    /// # Errors
    ///
    /// A sentence that names the context, when repository, reference or path can't be right.
    pub(crate) fn of_context(
        name: &str,
        git: &GitContext,
        at: String,
        workspace: &str,
    ) -> Result<Self, Refusal> {
        let who = format!("git context {name:?}");
        check_source(&who, &git.repository, git.reference())?;
        let path = path_in_clone(&who, git.path.as_deref().unwrap_or_default())?;
        let place = if at == workspace {
            GitPlace::Workspace { path }
        } else {
            GitPlace::Mounts(vec![GitView { at, of: path }])
        };
        Ok(Self {
            name: name.to_owned(),
            repository: git.repository.clone(),
            reference: git.reference().to_owned(),
            depth: git.depth(),
            submodules: git.recurse_submodules.unwrap_or(false),
            secret: git.secret_ref.as_ref().map(|s| s.name.clone()),
            place,
            sync: git.sync.clone(),
            who,
        })
    }

    /// Where the clone is mounted; nothing for one that is copied into the workspace.
    pub(crate) fn views(&self) -> &[GitView] {
        match &self.place {
            GitPlace::Mounts(views) => views,
            GitPlace::Workspace { .. } => &[],
        }
    }
}

/// Checks address and reference before anything is created. `who` begins the sentence.
pub(crate) fn check_source(who: &str, repository: &str, reference: &str) -> Result<(), Refusal> {
    repository
        .parse::<GitUrl>()
        .map_err(|error| Refusal::context(format!("{who}: {error}")))?;
    reference
        .parse::<GitRef>()
        .map_err(|error| Refusal::context(format!("{who}: {error}")))?;
    Ok(())
}

/// Normalises a path within a clone: no leading or trailing `/`, no `.`; empty means all of it.
pub(crate) fn path_in_clone(who: &str, path: &str) -> Result<String, Refusal> {
    paths::absolute("/", path.trim_start_matches('/'))
        .map(|p| p.trim_start_matches('/').to_owned())
        .map_err(|error| Refusal::context(format!("{who}: path: {error}")))
}
