//! What to check out: `HEAD`, a commit, or the name of a branch or tag.

use std::fmt;
use std::str::FromStr;

/// Git itself has no limit; a reference is a path in a file system, and those end here.
const MAX_BYTES: usize = 1024;

/// Something `git` can check out, in a form that cannot be an option or a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GitRef {
    /// What the remote itself has checked out: its default branch.
    Head,
    /// The full id of a commit, in lower case.
    Commit(String),
    /// A reference with its full name, such as `refs/heads/main` or `refs/pull/1/head`.
    Full(String),
    /// The name of a branch or a tag.
    Name(String),
}

/// A text that is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} can't be a branch, tag or commit: {why}")]
pub struct GitRefError {
    /// The text, at most its first 100 characters.
    text: String,
    why: &'static str,
}

impl GitRef {
    /// The reference as Git writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Head => "HEAD",
            Self::Commit(text) | Self::Full(text) | Self::Name(text) => text,
        }
    }

    /// True when the name, if no branch or tag has it, is probably the beginning of a commit's id. A remote cannot look
    /// such a beginning up.
    pub fn looks_abbreviated(&self) -> bool {
        matches!(self, Self::Name(name) if name.len() >= 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for GitRef {
    type Err = GitRefError;

    /// Reads a reference by the rules of `git check-ref-format`; an empty text means `HEAD`.
    fn from_str(text: &str) -> Result<Self, GitRefError> {
        if text.is_empty() || text == "HEAD" {
            return Ok(Self::Head);
        }
        if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Commit(text.to_ascii_lowercase()));
        }
        if let Some(why) = fault(text) {
            return Err(GitRefError {
                text: text.chars().take(100).collect(),
                why,
            });
        }
        Ok(if text.starts_with("refs/") {
            Self::Full(text.to_owned())
        } else {
            Self::Name(text.to_owned())
        })
    }
}

/// What is wrong with a name, by Git's own rules and one of ours: the dash at the beginning.
fn fault(text: &str) -> Option<&'static str> {
    let refused = |character: char| {
        character.is_control()
            || character.is_whitespace()
            || matches!(character, '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    let component = |part: &str| part.starts_with('.') || part.ends_with(".lock");
    if text.len() > MAX_BYTES {
        Some("it is longer than 1024 bytes")
    } else if text.starts_with('-') {
        Some("it begins with a dash, as an option does")
    } else if text.contains(refused) {
        Some("it holds a blank, a control character or one of ~ ^ : ? * [ \\")
    } else if text.contains("..") || text.contains("@{") || text == "@" {
        Some("'..', '@{' and '@' alone have another meaning for git")
    } else if text.split('/').any(str::is_empty) {
        Some("it begins or ends with a slash, or has two of them in a row")
    } else if text.split('/').any(component) || text.ends_with('.') {
        Some("a part of it begins or ends with a dot, or ends with '.lock'")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::GitRef;

    fn check(text: &str, expected: Result<GitRef, &str>) {
        match (text.parse::<GitRef>(), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text:?}"),
            (Err(error), Err(part)) => {
                let error = error.to_string();
                assert!(error.contains(part), "{text:?}: {error}");
            }
            (found, expected) => panic!("{text:?}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn references_are_read_as_git_reads_them() {
        let name = |text: &str| Ok(GitRef::Name(text.to_owned()));
        let full = |text: &str| Ok(GitRef::Full(text.to_owned()));
        check("", Ok(GitRef::Head));
        check("HEAD", Ok(GitRef::Head));
        for text in [
            "main",
            "feature/x",
            "v1.0",
            "größe",
            "a@b",
            "head",
            "release-1.x",
            "a{b",
        ] {
            check(text, name(text));
        }
        check("refs/heads/main", full("refs/heads/main"));
        check("refs/pull/1/head", full("refs/pull/1/head"));
        let sha1 = "0123456789ABCDEF0123456789abcdef01234567";
        check(sha1, Ok(GitRef::Commit(sha1.to_ascii_lowercase())));
        check(&"ab".repeat(32), Ok(GitRef::Commit("ab".repeat(32))));
        check(&"a".repeat(41), name(&"a".repeat(41)));
    }

    #[test]
    fn what_could_be_an_option_or_a_pattern_is_refused() {
        for text in ["-x", "--upload-pack=touch x", "-"] {
            check(text, Err("dash"));
        }
        for text in [
            "a b", "a\nb", "a\0b", "a~1", "a^", "a:b", "*", "a[b", "a\\b", "a\u{85}b", "a\u{a0}b",
        ] {
            check(text, Err("blank"));
        }
        for text in ["a..b", "a@{1}", "@"] {
            check(text, Err("another meaning"));
        }
        for text in ["/a", "a/", "a//b"] {
            check(text, Err("slash"));
        }
        for text in [".a", "a/.b", "a.lock", "a.lock/b", "a."] {
            check(text, Err("dot"));
        }
        check(&"a".repeat(1025), Err("longer"));
    }

    #[test]
    fn the_beginning_of_a_commit_is_told_from_a_name() {
        for (text, expected) in [
            ("deadbeef", true),
            ("DEADBEEF1", true),
            ("cafe", false),
            ("main", false),
        ] {
            assert_eq!(
                text.parse::<GitRef>().unwrap().looks_abbreviated(),
                expected,
                "{text}"
            );
        }
    }
}
