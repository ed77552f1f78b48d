//! Repositories that servers serve.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

/// A directory of repositories.
#[derive(Debug)]
pub struct Sources {
    root: tempfile::TempDir,
}

/// One repository, with a work tree to make commits in. Its branch at the beginning is `main`.
#[derive(Debug, Clone)]
pub struct Source {
    /// The work tree. `git` serves the `.git` in it.
    path: PathBuf,
}

impl Sources {
    /// An empty directory.
    ///
    /// # Errors
    ///
    /// When there is no place for it.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            root: tempfile::tempdir()?,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// A new repository without commits.
    ///
    /// # Errors
    ///
    /// When `git` fails.
    pub fn create(&self, name: &str) -> anyhow::Result<Source> {
        let path = self.root.path().join(name);
        fs::create_dir_all(&path)?;
        let source = Source { path };
        source.git(&["init", "--quiet", "--initial-branch=main", "--template="])?;
        // Tests push to the branch that is checked out here.
        source.git(&["config", "receive.denyCurrentBranch", "updateInstead"])?;
        Ok(source)
    }
}

impl Source {
    /// The repository's directory on disk.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `git` in the repository, untouched by whatever is configured on this machine.
    ///
    /// # Errors
    ///
    /// When `git` fails; with what it says.
    pub fn git(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.path)
            .env_remove("GIT_DIR")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ALLOW_PROTOCOL", "file:https:ssh")
            .env("GIT_AUTHOR_NAME", "author")
            .env("GIT_AUTHOR_EMAIL", "author@example.invalid")
            .env("GIT_COMMITTER_NAME", "author")
            .env("GIT_COMMITTER_EMAIL", "author@example.invalid")
            .output()
            .context("git can't be started")?;
        if !output.status.success() {
            bail!("git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Writes files and commits them on the branch that is checked out. Returns the commit.
    ///
    /// # Errors
    ///
    /// When a file can't be written or `git` fails.
    pub fn commit(&self, files: &[(&str, &str)]) -> anyhow::Result<String> {
        for (name, content) in files {
            let path = self.path.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, content)?;
        }
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message=a change"])?;
        self.git(&["rev-parse", "HEAD"])
    }

    /// Adds a submodule with this address, at the commit of another repository here. Not committed.
    ///
    /// # Errors
    ///
    /// When `git` fails.
    pub fn add_submodule(&self, path: &str, url: &str, of: &Source) -> anyhow::Result<()> {
        let commit = of.git(&["rev-parse", "HEAD"])?;
        let set = |key: &str, value: &str| {
            self.git(&[
                "config",
                "--file",
                ".gitmodules",
                &format!("submodule.{path}.{key}"),
                value,
            ])
        };
        set("path", path)?;
        set("url", url)?;
        // `git add` takes an empty directory for a deletion, so there must be a repository in it.
        let place = self.path.join(path);
        fs::create_dir_all(&place)?;
        let copy = Source { path: place };
        copy.git(&["init", "--quiet", "--template="])?;
        copy.git(&["fetch", "--quiet", &of.path.to_string_lossy(), &commit])?;
        copy.git(&["checkout", "--quiet", "--detach", &commit])?;
        self.git(&["add", ".gitmodules"])?;
        self.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{commit},{path}"),
        ])?;
        Ok(())
    }
}
