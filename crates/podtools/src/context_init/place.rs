//! Where things may be written.

use std::path::{Component, Path, PathBuf};

use crate::context_init::error::Error;

/// The kernel's own file systems are no places for files.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// The directories that confine what is written below them.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    workspace: PathBuf,
    tools: PathBuf,
}

impl Roots {
    pub(crate) fn new(workspace: &Path, tools: Option<&Path>) -> Result<Self, Error> {
        let tools = tools.unwrap_or(Path::new(koc_api::names::paths::TOOLS));
        Ok(Self {
            workspace: normalise(workspace)?,
            tools: normalise(tools)?,
        })
    }

    /// Checks the target of a file. Next to the programs only configuration may be written, so that no context can
    /// replace the program that the agent's container runs.
    pub(crate) fn file(&self, target: &Path) -> Result<PathBuf, Error> {
        let target = allowed(target)?;
        if target == self.workspace || target == self.tools {
            return Err(refused(&target, "it is a directory"));
        }
        let is_configuration = target.parent() == Some(self.tools.as_path())
            && target.extension().is_some_and(|extension| extension == "json");
        if target.starts_with(&self.tools) && !is_configuration {
            let why = format!("only .json files may be written to {}", self.tools.display());
            return Err(refused(&target, &why));
        }
        Ok(target)
    }

    /// Checks the target of a directory.
    pub(super) fn directory(&self, target: &Path) -> Result<PathBuf, Error> {
        let target = allowed(target)?;
        if target.starts_with(&self.tools) || self.tools.starts_with(&target) {
            return Err(refused(
                &target,
                &format!("{} is for programs", self.tools.display()),
            ));
        }
        Ok(target)
    }

    /// Checks a directory that must lie in the workspace.
    pub(super) fn in_workspace(&self, target: &Path) -> Result<PathBuf, Error> {
        let target = allowed(target)?;
        if !target.starts_with(&self.workspace) {
            let why = format!("it is outside the workspace {}", self.workspace.display());
            return Err(refused(&target, &why));
        }
        Ok(target)
    }

    /// Makes sure that an existing directory is really where its path says: below the root that confines it, even
    /// when a repository or an earlier run has left symbolic links there.
    pub(super) fn confine(&self, directory: &Path) -> Result<(), Error> {
        let real = |path: &Path| path.canonicalize().map_err(Error::io("look at", path));
        let Some(root) = [&self.workspace, &self.tools]
            .into_iter()
            .find(|root| directory.starts_with(root))
        else {
            // Anywhere else is a volume that the pod's author mounted there. A repository may have brought links in
            // it; none of them may lead to the programs that the agent's container runs.
            if self.tools.exists() && real(directory)?.starts_with(real(&self.tools)?) {
                let why = format!("a symbolic link leads to {}", self.tools.display());
                return Err(refused(directory, &why));
            }
            return Ok(());
        };
        if real(directory)?.starts_with(real(root)?) {
            Ok(())
        } else {
            Err(refused(
                directory,
                &format!("a symbolic link leads out of {}", root.display()),
            ))
        }
    }
}

fn allowed(target: &Path) -> Result<PathBuf, Error> {
    let target = normalise(target)?;
    if target.parent().is_none() {
        return Err(refused(&target, "it is the root directory"));
    }
    if KERNEL.iter().any(|kernel| target.starts_with(kernel)) {
        return Err(refused(&target, "it belongs to the kernel"));
    }
    Ok(target)
}

/// An absolute path without `.`, double slashes and a trailing slash. `..` is refused and not resolved: where it leads
/// would depend on links.
fn normalise(path: &Path) -> Result<PathBuf, Error> {
    let mut normal = PathBuf::from("/");
    if !path.is_absolute() {
        return Err(refused(path, "the path is not absolute"));
    }
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => return Err(refused(path, "the path contains \"..\"")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(normal)
}

pub(super) fn refused(target: &Path, why: &str) -> Error {
    Error::Target {
        target: target.to_owned(),
        why: why.to_owned(),
    }
}
