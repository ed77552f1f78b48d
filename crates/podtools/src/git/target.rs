//! What a reference turns out to be at the remote. Pure.

use std::fmt::Write as _;

use koc_api::{GitRef, GitUrl, InputFailureKind};

use crate::input_report::InputError;

/// Names of a remote that are told to whoever asked for one it does not have.
const SUGGESTIONS: usize = 8;

/// Something to fetch and check out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A branch, by its short name, and where the remote has it.
    Branch { name: String, commit: String },
    /// A tag, by its short name, and the commit it stands for.
    Tag { name: String, commit: String },
    /// Any other reference, by its full name.
    Other { name: String, commit: String },
    /// A commit by its id alone.
    Commit(String),
}

impl Target {
    /// The commit that the remote had there.
    pub(super) fn commit(&self) -> &str {
        match self {
            Self::Branch { commit, .. }
            | Self::Tag { commit, .. }
            | Self::Other { commit, .. }
            | Self::Commit(commit) => commit,
        }
    }

    /// The branch that the clone is on.
    pub(super) fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch { name, .. } => Some(name),
            _ => None,
        }
    }

    /// What `git fetch` is asked for, and the local name of the answer.
    pub(super) fn refspec(&self) -> (String, Option<String>) {
        match self {
            Self::Branch { name, .. } => {
                let local = format!("refs/remotes/origin/{name}");
                (format!("+refs/heads/{name}:{local}"), Some(local))
            }
            Self::Tag { name, .. } => {
                let local = format!("refs/tags/{name}");
                (format!("+{local}:{local}"), Some(local))
            }
            Self::Other { name, .. } => (name.clone(), None),
            Self::Commit(commit) => (commit.clone(), None),
        }
    }

    /// For a person: `branch "main"`.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Branch { name, .. } => format!("branch {name:?}"),
            Self::Tag { name, .. } => format!("tag {name:?}"),
            Self::Other { name, .. } => format!("reference {name:?}"),
            Self::Commit(commit) => format!("commit {commit}"),
        }
    }
}

/// A remote's references, as `git ls-remote --symref` prints them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Advertised {
    /// What `HEAD` stands for.
    head: Option<String>,
    /// Commit and full name. A tag's own object is left out where the commit it stands for is told.
    references: Vec<(String, String)>,
}

impl Advertised {
    /// Reads the program's output. Lines that are none of its own are passed over.
    pub(super) fn read(output: &[u8]) -> Self {
        let mut read = Self::default();
        for line in String::from_utf8_lossy(output).lines() {
            let Some((first, name)) = line.split_once('\t') else {
                continue;
            };
            if let Some(head) = first.strip_prefix("ref: ") {
                if name == "HEAD" {
                    read.head = Some(head.to_owned());
                }
                continue;
            }
            let is_id = matches!(first.len(), 40 | 64) && first.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_id {
                continue;
            }
            if let Some(peeled) = name.strip_suffix("^{}") {
                if let Some(known) = read.references.iter_mut().rfind(|(_, known)| known == peeled) {
                    first.clone_into(&mut known.0);
                }
            } else if name == "HEAD" || is_plain(name) {
                read.references.push((first.to_owned(), name.to_owned()));
            }
        }
        read
    }

    /// What the reference is here, if it is here.
    pub(super) fn find(&self, reference: &GitRef) -> Option<Target> {
        match reference {
            GitRef::Commit(commit) => Some(Target::Commit(commit.clone())),
            // Its commit is told with it, so the branch need not be listed.
            GitRef::Head => match &self.head {
                Some(head) if is_plain(head) => self.named("HEAD", head),
                _ => self.full("HEAD"),
            },
            GitRef::Full(name) => self.full(name),
            GitRef::Name(name) => self
                .full(&format!("refs/heads/{name}"))
                .or_else(|| self.full(&format!("refs/tags/{name}"))),
        }
    }

    fn full(&self, full: &str) -> Option<Target> {
        self.named(full, full)
    }

    /// What is advertised by one name and known by another.
    fn named(&self, advertised: &str, full: &str) -> Option<Target> {
        let (commit, _) = self.references.iter().find(|(_, name)| name == advertised)?;
        let commit = commit.clone();
        Some(if let Some(name) = full.strip_prefix("refs/heads/") {
            let name = name.to_owned();
            Target::Branch { name, commit }
        } else if let Some(name) = full.strip_prefix("refs/tags/") {
            let name = name.to_owned();
            Target::Tag { name, commit }
        } else {
            let name = full.to_owned();
            Target::Other { name, commit }
        })
    }

    /// Says that the reference is not here, and what is.
    pub(super) fn missing(&self, reference: &GitRef, url: &GitUrl) -> InputError {
        if self.references.is_empty() {
            return InputError::new(
                InputFailureKind::NotFound,
                format!("{url} is empty: it has no commit yet"),
            );
        }
        let what = match reference {
            GitRef::Head => "its default branch".to_owned(),
            GitRef::Commit(commit) => format!("commit {commit}"),
            GitRef::Full(name) => match name.strip_prefix("refs/heads/") {
                Some(name) => format!("branch {name:?}"),
                None => format!("reference {name:?}"),
            },
            GitRef::Name(name) => format!("branch or tag {name:?}"),
        };
        if reference.looks_abbreviated() {
            return self.abbreviated(reference.as_str(), url);
        }
        let mut sentence = format!("{what} not found in {url}");
        let mut names: Vec<&str> = self.names().map(|(_, name)| name).collect();
        names.sort_by_key(|name| (distance(name, reference.as_str()), name.len()));
        names.dedup();
        if !names.is_empty() {
            let shown = &names[..names.len().min(SUGGESTIONS)];
            let _ = write!(sentence, "; it has {}", shown.join(", "));
            if let more @ 1.. = names.len() - shown.len() {
                let _ = write!(sentence, " and {more} more");
            }
        }
        InputError::new(InputFailureKind::NotFound, sentence)
    }

    /// Commits can only be asked for by their whole id; to look a beginning up, all of the history would be needed.
    fn abbreviated(&self, beginning: &str, url: &GitUrl) -> InputError {
        let beginning_lower = beginning.to_ascii_lowercase();
        let known = self
            .names()
            .find(|(commit, _)| commit.starts_with(&beginning_lower));
        let hint = known
            .map(|(commit, name)| format!(" (is it {commit}, the tip of {name}?)"))
            .unwrap_or_default();
        InputError::new(
            InputFailureKind::InvalidInput,
            format!(
                "no branch or tag of {url} is called {beginning:?}; if it is the beginning of a commit's id, give all 40 \
                 characters, since a server can't be asked for less{hint}"
            ),
        )
    }

    /// Commits and short names of branches and tags.
    fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.references.iter().filter_map(|(commit, full)| {
            let name = full
                .strip_prefix("refs/heads/")
                .or_else(|| full.strip_prefix("refs/tags/"))?;
            Some((commit.as_str(), name))
        })
    }
}

/// A remote may advertise anything; only what could be a reference of ours is looked at.
fn is_plain(full: &str) -> bool {
    full.starts_with("refs/") && matches!(full.parse(), Ok(GitRef::Full(_)))
}

/// How many letters must be changed to make one name of the other; of long names only the front counts.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn advertised() -> Advertised {
        Advertised::read(
            format!(
                "ref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/heads/dev\n\
                 {A}\trefs/tags/v1\n{B}\trefs/tags/v1^{{}}\n{B}\trefs/tags/dev\n{A}\trefs/pull/1/head\n\
                 {A}\trefs/heads/-x y\nwarning: nonsense\nzz\trefs/heads/zz\n"
            )
            .as_bytes(),
        )
    }

    #[test]
    fn references_are_found_branches_first() {
        let check = |reference: &str, expected: Option<(&str, &str, Option<&str>)>| {
            let found = advertised().find(&reference.parse().unwrap());
            let found = found
                .as_ref()
                .map(|target| (target.shown(), target.commit(), target.branch()));
            let expected = expected.map(|(shown, commit, branch)| (shown.to_owned(), commit, branch));
            assert_eq!(found, expected, "{reference}");
        };
        check("HEAD", Some(("branch \"main\"", A, Some("main"))));
        check("main", Some(("branch \"main\"", A, Some("main"))));
        check("dev", Some(("branch \"dev\"", B, Some("dev"))));
        check("v1", Some(("tag \"v1\"", B, None)));
        check("refs/tags/dev", Some(("tag \"dev\"", B, None)));
        check(
            "refs/pull/1/head",
            Some(("reference \"refs/pull/1/head\"", A, None)),
        );
        check("zz", None);
        check(B, Some((&format!("commit {B}"), B, None)));
    }

    #[test]
    fn a_detached_head_is_a_commit_without_a_branch() {
        let found = Advertised::read(format!("{A}\tHEAD\n").as_bytes()).find(&GitRef::Head);
        assert_eq!(
            found,
            Some(Target::Other {
                name: "HEAD".to_owned(),
                commit: A.to_owned()
            })
        );
    }

    #[test]
    fn what_is_missing_is_told_with_what_is_there() {
        let url: GitUrl = "https://h/x.git".parse().unwrap();
        let check = |reference: &str, expected: &str, kind: InputFailureKind| {
            let error = advertised().missing(&reference.parse().unwrap(), &url);
            assert_eq!(
                (error.sentence.as_str(), error.kind),
                (expected, kind),
                "{reference}"
            );
        };
        check(
            "mian",
            "branch or tag \"mian\" not found in https://h/x.git; it has main, v1, dev",
            InputFailureKind::NotFound,
        );
        check(
            "bbbbbbb",
            &format!(
                "no branch or tag of https://h/x.git is called \"bbbbbbb\"; if it is the beginning of a commit's id, give \
                 all 40 characters, since a server can't be asked for less (is it {B}, the tip of dev?)"
            ),
            InputFailureKind::InvalidInput,
        );
        let empty = Advertised::default().missing(&GitRef::Head, &url);
        assert!(empty.sentence.contains("empty"), "{empty}");
        let many: String = (0..20).map(|n| format!("{A}\trefs/heads/b{n}\n")).collect();
        let error = Advertised::read(many.as_bytes()).missing(&"x".parse().unwrap(), &url);
        assert!(error.sentence.ends_with("and 12 more"), "{error}");
    }

    proptest! {
        #[test]
        fn whatever_a_remote_advertises_is_survived(
            output in proptest::collection::vec(any::<u8>(), 0..200),
            names in proptest::collection::vec("[-a-z./~^@{}\\[ ]{0,12}", 0..5),
            reference in "[-a-z./]{0,8}",
        ) {
            let lines: String = names.iter().map(|name| format!("{A}\trefs/heads/{name}\n")).collect();
            let url: GitUrl = "https://h/x".parse().unwrap();
            for advertised in [Advertised::read(&output), Advertised::read(lines.as_bytes())] {
                if let Ok(reference) = reference.parse::<GitRef>() {
                    if let Some(target) = advertised.find(&reference) {
                        let (refspec, _) = target.refspec();
                        prop_assert!(!refspec.starts_with('-') && !refspec.contains(char::is_whitespace));
                    }
                    let _ = advertised.missing(&reference, &url);
                }
            }
        }
    }
}
