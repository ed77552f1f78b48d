//! A repository on disk, and the directory `git` uses to work in it.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use koc_api::InputFailureKind;

use crate::{
    git::{head::Head, log::Log, work::Work},
    input_report::{InputEnd, InputError},
};

/// What the directory for our `git` has in common with the clone's own. The configuration is not among it, nor are hooks.
const SHARED: [&str; 5] = ["objects", "refs", "packed-refs", "shallow", "index"];

/// The whole configuration for our `git`, besides what comes by the environment.
const CONFIGURATION: &str =
    "[core]\n\trepositoryFormatVersion = 0\n\tbare = false\n\tlogAllRefUpdates = false\n";

/// A repository with its files.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    /// What our `git` takes for its directory.
    pub git_dir: PathBuf,
    /// The directory that the clone's own `git` uses, `.git` or below `.git/modules`.
    pub own: PathBuf,
    /// The files.
    pub work_tree: PathBuf,
}

impl Repository {
    /// Makes an empty one. Nobody else may know it yet.
    pub(super) async fn create(work: &Work, own: &Path, work_tree: &Path) -> Result<Self, InputEnd> {
        for directory in [own, work_tree] {
            fs::create_dir_all(directory).map_err(failed("create", directory))?;
        }
        let repository = Self {
            git_dir: own.to_owned(),
            own: own.to_owned(),
            work_tree: work_tree.to_owned(),
        };
        work.git(
            &repository,
            [
                "init",
                "--quiet",
                "--template=",
                "--shared=group",
                "--initial-branch=main",
            ],
        )
        .await?;
        Ok(repository)
    }

    /// One that is there, and that a worker may have changed: our `git` gets a directory of its own, and what could make
    /// it start a program stays out of its sight.
    ///
    /// # Errors
    ///
    /// When it is no repository any more.
    pub(super) fn guarded(work: &Work, own: &Path, work_tree: &Path) -> Result<Self, InputError> {
        for directory in [own.to_owned(), own.join("objects"), own.join("refs")] {
            // A link could lead our own files into the clone, or the clone's out of it.
            let real = directory
                .symlink_metadata()
                .is_ok_and(|metadata| metadata.is_dir());
            if !real {
                return Err(broken(
                    own,
                    &format!("{} is not a directory", directory.display()),
                ));
            }
        }
        // Through a link our git would write to wherever it leads.
        for name in SHARED.into_iter().chain(["config"]) {
            if own
                .join(name)
                .symlink_metadata()
                .is_ok_and(|metadata| metadata.is_symlink())
            {
                return Err(broken(own, &format!("{name} in it is a link")));
            }
        }
        let head = Head::read(own).ok_or_else(|| broken(own, "its HEAD can't be read"))?;
        let git_dir = work.new_directory()?;
        for name in SHARED {
            symlink(own.join(name), git_dir.join(name)).map_err(failed("create", &git_dir))?;
        }
        fs::write(git_dir.join("config"), CONFIGURATION).map_err(failed("write to", &git_dir))?;
        head.write(&git_dir).map_err(failed("write to", &git_dir))?;
        Ok(Self {
            git_dir,
            own: own.to_owned(),
            work_tree: work_tree.to_owned(),
        })
    }

    /// Removes the locks of a `git` that was killed, which would stop every other one. Only where no `git` can be at work.
    pub(super) fn unlock(&self, log: &Log) {
        for name in [
            "index.lock",
            "HEAD.lock",
            "shallow.lock",
            "packed-refs.lock",
            "config.lock",
        ] {
            if fs::remove_file(self.own.join(name)).is_ok() {
                log.say(&format!("removed {name}, which a git that was killed has left"));
            }
        }
    }

    /// What is checked out.
    pub(super) fn head(&self) -> Result<Head, InputError> {
        Head::read(&self.own).ok_or_else(|| broken(&self.own, "its HEAD can't be read"))
    }

    /// Changes what is checked out, for us and for the clone's own `git`.
    pub(super) fn set_head(&self, head: &Head) -> Result<(), InputError> {
        head.write(&self.own).map_err(failed("write to", &self.own))?;
        if self.git_dir != self.own {
            head.write(&self.git_dir)
                .map_err(failed("write to", &self.git_dir))?;
        }
        Ok(())
    }

    /// The commit that a name stands for, if there is one.
    pub(super) async fn commit(&self, work: &Work, name: &str) -> Result<Option<String>, InputEnd> {
        let arguments = ["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")];
        Ok(work
            .ask(self, arguments)
            .await?
            .map(|output| String::from_utf8_lossy(&output).trim().to_owned()))
    }

    /// The commit that is checked out; `None` on a branch without one.
    pub(super) async fn current(&self, work: &Work) -> Result<Option<String>, InputEnd> {
        match self.head()? {
            Head::Branch(name) => self.commit(work, &format!("refs/heads/{name}")).await,
            Head::Detached(commit) => self.commit(work, &commit).await,
        }
    }

    /// Tracked files that differ from the commit, by the index or by themselves.
    pub(super) async fn changed(&self, work: &Work) -> Result<Vec<String>, InputEnd> {
        let arguments = [
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=no",
            "--no-renames",
            "--ignore-submodules=all",
        ];
        let output = work.git(self, arguments).await?;
        Ok(String::from_utf8_lossy(&output)
            .split('\0')
            .filter_map(|entry| entry.get(3..))
            .map(str::to_owned)
            .collect())
    }

    /// True when the history ends before the first commit.
    pub(super) fn is_shallow(&self) -> bool {
        fs::metadata(self.git_dir.join("shallow")).is_ok_and(|metadata| metadata.len() > 0)
    }

    /// Changes the files from one commit to another. Changes of others are never overwritten.
    ///
    /// # Errors
    ///
    /// The inner error is what git says when it refuses.
    pub(super) async fn move_files(
        &self,
        work: &Work,
        from: Option<&str>,
        to: &str,
    ) -> Result<Result<(), Vec<String>>, InputEnd> {
        if from.is_some() {
            // The index knows files by their times; without a look at them every file that was only touched differs.
            let _ = work.attempt(self, ["update-index", "-q", "--refresh"]).await?;
        }
        let arguments = ["read-tree", "-m", "-u"].into_iter().chain(from).chain([to]);
        Ok(work.attempt(self, arguments).await?.map(drop))
    }

    /// Writes to the clone's own configuration.
    pub(super) async fn configure(&self, work: &Work, settings: &[(String, String)]) -> Result<(), InputEnd> {
        let file = self.own.join("config");
        for (key, value) in settings {
            let arguments = [
                "config".as_ref(),
                "--file".as_ref(),
                file.as_os_str(),
                key.as_ref(),
                value.as_ref(),
            ];
            work.git(self, arguments).await?;
        }
        Ok(())
    }
}

/// A file operation that did not work, as a failure.
pub(super) fn failed(what: &str, path: &Path) -> impl Fn(std::io::Error) -> InputError {
    move |error| {
        let kind = InputFailureKind::Internal;
        if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            let sentence = format!("there is no space left to {what} {}", path.display());
            return InputError::new(kind, sentence);
        }
        InputError::new(kind, format!("cannot {what} {}: {error}", path.display()))
    }
}

fn broken(own: &Path, why: &str) -> InputError {
    InputError::new(
        InputFailureKind::Refused,
        format!("the clone in {} is not one any more: {why}", own.display()),
    )
}
