//! A path within a clone.

use std::path::{Component, Path, PathBuf};

use koc_api::InputFailureKind;

use crate::input_report::InputError;

/// A relative path that stays within whatever it is joined to, as far as its text can tell; empty for all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SubPath(PathBuf);

impl SubPath {
    /// Reads a path of a manifest.
    pub(super) fn parse(text: &str) -> Result<Self, InputError> {
        let refused = |why: &str| {
            InputError::new(
                InputFailureKind::InvalidInput,
                format!("the path {text:?} can't be within a repository: {why}"),
            )
        };
        if text.contains(char::is_control) {
            return Err(refused("it holds a control character"));
        }
        let mut path = PathBuf::new();
        for component in Path::new(text).components() {
            match component {
                Component::Normal(part) if part.eq_ignore_ascii_case(".git") => {
                    return Err(refused(".git belongs to git itself"));
                }
                Component::Normal(part) => path.push(part),
                Component::CurDir => {}
                Component::ParentDir => return Err(refused("'..' leads out of it")),
                Component::RootDir | Component::Prefix(_) => {
                    return Err(refused("it is absolute; write it relative to the repository"));
                }
            }
        }
        Ok(Self(path))
    }

    /// True for the whole repository.
    pub(super) fn is_whole(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    /// The path as a person wrote it.
    pub(super) fn as_path(&self) -> &Path {
        &self.0
    }

    /// Where the path is within `root`, with every link followed, or `None` where there is nothing.
    ///
    /// # Errors
    ///
    /// When a link leads out of `root`.
    pub(super) fn find_in(&self, root: &Path) -> Result<Option<PathBuf>, InputError> {
        let internal = |error: std::io::Error| {
            InputError::new(
                InputFailureKind::Internal,
                format!("{} cannot be looked at: {error}", root.display()),
            )
        };
        let root = root.canonicalize().map_err(internal)?;
        let found = match root.join(&self.0).canonicalize() {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return self.dangling(&root).map_or(Ok(None), Err);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(None),
            Err(error) => return Err(internal(error)),
        };
        if found.starts_with(&root) && !found.starts_with(root.join(".git")) {
            Ok(Some(found))
        } else {
            Err(self.leads_out())
        }
    }

    /// A link that leads nowhere here, but may lead somewhere where the clone is mounted.
    fn dangling(&self, root: &Path) -> Option<InputError> {
        let mut path = root.to_owned();
        for part in &self.0 {
            if let Ok(target) = path.join(part).read_link() {
                let target = plain(&path.join(target));
                return (!target.starts_with(root)).then(|| self.leads_out());
            }
            path.push(part);
        }
        None
    }

    fn leads_out(&self) -> InputError {
        InputError::new(
            InputFailureKind::Refused,
            format!(
                "the path {:?} leads out of the repository by a symbolic link",
                self.0
            ),
        )
    }
}

/// The path without `.` and `..`, by its text alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_the_clone_by_its_text() {
        for text in [
            "..",
            "a/../b",
            "/etc",
            "/",
            "a/../../b",
            ".git",
            "a/.git/config",
            ".GIT",
            "a\nb",
        ] {
            assert!(SubPath::parse(text).is_err(), "{text}");
        }
        for (text, expected) in [
            ("", ""),
            (".", ""),
            ("./a//b/", "a/b"),
            ("a/.gitignore", "a/.gitignore"),
        ] {
            assert_eq!(
                SubPath::parse(text).unwrap().as_path(),
                Path::new(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn a_path_cannot_leave_the_clone_by_a_link() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "").unwrap();
        let clone = tempfile::tempdir().unwrap();
        let root = clone.path();
        std::fs::create_dir_all(root.join("docs/.git")).unwrap();
        std::fs::create_dir(root.join(".git")).unwrap();
        std::fs::write(root.join("docs/a"), "").unwrap();
        for (name, target) in [
            ("out", outside.path().to_str().unwrap()),
            ("up", "../.."),
            ("gone", "/does/not/exist"),
            ("inner", "docs"),
            ("lost", "docs/b"),
            ("dot", ".git"),
        ] {
            std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        }
        let check = |text: &str, expected: Result<Option<&str>, InputFailureKind>| {
            let found = SubPath::parse(text)
                .unwrap()
                .find_in(root)
                .map_err(|error| error.kind);
            let real = root.canonicalize().unwrap();
            assert_eq!(
                found,
                expected.map(|path| path.map(|path| real.join(path))),
                "{text}"
            );
        };
        check("docs", Ok(Some("docs")));
        check("docs/a", Ok(Some("docs/a")));
        check("docs/a/b", Ok(None));
        check("docs/none", Ok(None));
        check("lost", Ok(None));
        check("inner/a", Ok(Some("docs/a")));
        for text in ["out", "out/secret", "up", "gone", "gone/x", "dot"] {
            check(text, Err(InputFailureKind::Refused));
        }
    }
}
