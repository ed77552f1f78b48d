//! Paths inside a Pod: normalised once, compared by meaning afterwards.

use thiserror::Error;

/// Why a path given by a user can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PathError {
    /// `..` would leave the place the author named, or hides what is meant.
    #[error("the path {0:?} contains `..`; write the target directly")]
    ParentSegment(String),
    /// A NUL byte or another control character, which no file name should hold.
    #[error("the path {0:?} contains a control character")]
    Control(String),
    /// Kubernetes refuses `:` in mount paths.
    #[error("the path {0:?} contains `:`, which Kubernetes refuses in mount paths")]
    Colon(String),
    /// Longer than Linux takes.
    #[error("the path is {0} bytes long; Linux takes at most 4095")]
    TooLong(usize),
}

/// Joins `path` to `base` where it is relative, and normalises the result: no `.`, no `//`, no trailing `/`.
///
/// # Errors
///
/// See [`PathError`]. `..` is refused rather than resolved: resolving it silently would mount a file
/// where nobody expects it.
pub(crate) fn absolute(base: &str, path: &str) -> Result<String, PathError> {
    let joined = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{base}/{path}")
    };
    if joined.len() > 4095 {
        return Err(PathError::TooLong(joined.len()));
    }
    if joined.chars().any(char::is_control) {
        return Err(PathError::Control(path.to_owned()));
    }
    if joined.contains(':') {
        return Err(PathError::Colon(path.to_owned()));
    }
    let mut segments = Vec::new();
    for segment in joined.split('/') {
        match segment {
            "" | "." => {}
            ".." => return Err(PathError::ParentSegment(path.to_owned())),
            name => segments.push(name),
        }
    }
    Ok(format!("/{}", segments.join("/")))
}

/// True when `path` is `dir` or lies below it. Both must be normalised.
pub(crate) fn is_under(path: &str, dir: &str) -> bool {
    dir == "/" || path == dir || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<&str, PathError>) {
        assert_eq!(
            absolute("/workspace", path),
            expected.map(str::to_owned),
            "{path:?}"
        );
    }

    #[test]
    fn relative_paths_land_in_the_workspace_and_are_normalised() {
        check("guides/a.md", Ok("/workspace/guides/a.md"));
        check("./x", Ok("/workspace/x"));
        check(".", Ok("/workspace"));
        check("a//b/./c/", Ok("/workspace/a/b/c"));
        check("/etc//app.conf", Ok("/etc/app.conf"));
        check("/", Ok("/"));
        check("...", Ok("/workspace/..."));
    }

    #[test]
    fn paths_that_hide_their_target_are_refused() {
        check("../x", Err(PathError::ParentSegment("../x".into())));
        check("/a/../b", Err(PathError::ParentSegment("/a/../b".into())));
        check("a\nb", Err(PathError::Control("a\nb".into())));
        check("a:b", Err(PathError::Colon("a:b".into())));
        check(&"x".repeat(5000), Err(PathError::TooLong(5011)));
    }

    #[test]
    fn under_means_a_whole_segment() {
        assert!(is_under("/workspace", "/workspace"));
        assert!(is_under("/workspace/a", "/workspace"));
        assert!(!is_under("/workspace2", "/workspace"));
        assert!(is_under("/anything", "/"));
    }
}
