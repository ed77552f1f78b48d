//! Two things at one place: found by meaning, before Kubernetes or the agent stumbles over it.

use crate::paths::is_under;
use crate::refusal::Refusal;

/// What occupies a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// A single file: nothing may lie at or below it.
    File,
    /// A directory with contents of its own: nothing else may lie at it, and no file may cover it.
    Directory,
}

/// A path, what occupies it, and who put it there, for the sentence.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) path: String,
    pub(crate) occupant: Occupant,
    pub(crate) who: String,
}

/// Places a Pod needs for itself. A user's file below them would hide or break what is there.
const RESERVED: [&str; 6] = [
    "/proc",
    "/sys",
    "/dev",
    "/tools",
    "/configmap-files",
    "/kubeopencode",
];

/// Checks the claims of users against reserved places and against each other.
pub(crate) fn check(workspace: &str, claims: &[Claim]) -> Result<(), Refusal> {
    for claim in claims {
        if claim.path == "/" {
            return Err(conflict(
                claim,
                "the root directory can't be covered; name a file or directory below it",
            ));
        }
        if claim.occupant == Occupant::File && claim.path == workspace {
            return Err(conflict(
                claim,
                "that is the workspace directory itself; name a file below it",
            ));
        }
        if let Some(reserved) = RESERVED.iter().find(|r| is_under(&claim.path, r)) {
            return Err(conflict(
                claim,
                &format!("{reserved} is reserved; choose a path below {workspace}"),
            ));
        }
    }
    for (index, later) in claims.iter().enumerate() {
        for earlier in &claims[..index] {
            if clash(earlier, later) || clash(later, earlier) {
                return Err(conflict(
                    later,
                    &format!("{} already has {}", earlier.who, earlier.path),
                ));
            }
        }
    }
    Ok(())
}

fn clash(outer: &Claim, inner: &Claim) -> bool {
    match outer.occupant {
        Occupant::File => is_under(&inner.path, &outer.path),
        // Files below a mounted directory are fine: they are written into it.
        Occupant::Directory => inner.path == outer.path,
    }
}

fn conflict(claim: &Claim, why: &str) -> Refusal {
    Refusal::context(format!(
        "mount path conflict: {} wants {}, but {why}",
        claim.who, claim.path
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Claim {
        Claim {
            path: path.into(),
            occupant: Occupant::File,
            who: format!("context {path:?}"),
        }
    }

    fn dir(path: &str) -> Claim {
        Claim {
            path: path.into(),
            occupant: Occupant::Directory,
            who: format!("directory {path:?}"),
        }
    }

    #[track_caller]
    fn refused(claims: &[Claim], because: &str) {
        let refusal = check("/workspace", claims).unwrap_err();
        assert!(
            refusal.message.starts_with("mount path conflict"),
            "{}",
            refusal.message
        );
        assert!(refusal.message.contains(because), "{}", refusal.message);
    }

    #[test]
    fn conflicts_are_found_by_meaning() {
        refused(
            &[file("/workspace/a"), file("/workspace/a")],
            "already has /workspace/a",
        );
        refused(
            &[file("/workspace/a"), file("/workspace/a/b")],
            "already has /workspace/a",
        );
        refused(
            &[file("/workspace/a/b"), file("/workspace/a")],
            "already has /workspace/a/b",
        );
        refused(&[dir("/workspace/a"), dir("/workspace/a")], "already has");
        refused(&[dir("/workspace/a"), file("/workspace/a")], "already has");
    }

    #[test]
    fn reserved_places_are_refused() {
        refused(&[file("/")], "root directory");
        refused(&[file("/workspace")], "workspace directory itself");
        refused(&[file("/tools/opencode")], "/tools is reserved");
        refused(&[file("/proc/self/mem")], "/proc is reserved");
        refused(&[dir("/dev")], "/dev is reserved");
    }

    #[test]
    fn neighbours_and_files_within_a_directory_are_fine() {
        let claims = [
            dir("/workspace/a"),
            file("/workspace/a/b"),
            file("/workspace/ab"),
            file("/etc/app.conf"),
        ];
        assert_eq!(check("/workspace", &claims), Ok(()));
    }
}
