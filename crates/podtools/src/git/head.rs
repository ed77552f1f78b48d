//! What a clone has checked out, as its `HEAD` file says it.

use std::{fs, io::Write, path::Path};

use koc_api::GitRef;

/// A branch, or a commit without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head {
    /// The branch's short name.
    Branch(String),
    /// The commit's id.
    Detached(String),
}

impl Head {
    /// Reads the file's content.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end();
        if let Some(full) = text.strip_prefix("ref:") {
            let full = full.trim_start();
            let name = full.strip_prefix("refs/heads/")?;
            return matches!(full.parse(), Ok(GitRef::Full(_))).then(|| Self::Branch(name.to_owned()));
        }
        match text.parse() {
            Ok(GitRef::Commit(commit)) => Some(Self::Detached(commit)),
            _ => None,
        }
    }

    /// Reads it from a git directory that somebody else may have changed: a link is not followed.
    pub(super) fn read(git_dir: &Path) -> Option<Self> {
        let path = git_dir.join("HEAD");
        let metadata = path.symlink_metadata().ok()?;
        if !metadata.is_file() || metadata.len() > 4096 {
            return None;
        }
        Self::parse(&fs::read_to_string(path).ok()?)
    }

    /// Writes it in one step.
    pub(super) fn write(&self, git_dir: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o664))
            .tempfile_in(git_dir)?;
        match self {
            Self::Branch(name) => writeln!(file, "ref: refs/heads/{name}")?,
            Self::Detached(commit) => writeln!(file, "{commit}")?,
        }
        file.persist(git_dir.join("HEAD")).map_err(|error| error.error)?;
        Ok(())
    }

    /// For a person: `branch "main"`.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Branch(name) => format!("branch {name:?}"),
            Self::Detached(commit) => format!("commit {}", short(commit)),
        }
    }
}

/// As much of a commit's id as a person wants to read.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_and_written() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let directory = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("ref: refs/heads/a/b\n", Some(Head::Branch("a/b".to_owned()))),
            (commit, Some(Head::Detached(commit.to_owned()))),
            ("ref: refs/heads/../../x", None),
            ("ref: refs/tags/x", None),
            ("ref: /etc/passwd", None),
            ("-x", None),
            ("", None),
        ] {
            assert_eq!(Head::parse(text), expected, "{text}");
            if let Some(head) = expected {
                head.write(directory.path()).unwrap();
                assert_eq!(Head::read(directory.path()), Some(head));
            }
        }
        let path = directory.path().join("HEAD");
        fs::remove_file(&path).unwrap();
        fs::write(directory.path().join("other"), commit).unwrap();
        std::os::unix::fs::symlink("other", &path).unwrap();
        assert_eq!(Head::read(directory.path()), None);
    }
}
