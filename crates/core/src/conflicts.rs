//! Two things at one place: found by meaning, before Kubernetes or the agent stumbles over it.
//!
//! What may lie within what follows from what Kubernetes can do: a volume can be mounted inside a writable one and
//! files can be written there, but nothing can be put below a file or inside a read-only volume.

use std::collections::HashMap;

use koc_api::names::paths;

use crate::paths::is_under;
use crate::refusal::Refusal;

/// What occupies a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// A single file: nothing may lie at or below it.
    File,
    /// A directory that others may add to: a copy in the workspace, a clone, a writable volume.
    Open,
    /// A directory that can't be changed: nothing may lie below it.
    Sealed,
}

/// Who wants a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// KubeOpenCode itself, for what every Pod needs.
    Ours,
    /// Whoever wrote `podSpec` and `credentials`. Trusted with the Pod as a whole, so nothing but a clash is refused.
    Pod,
    /// Whoever wrote a context.
    Context,
}

/// A normalised path, what occupies it, and who put it there, for the sentence.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) path: String,
    pub(crate) occupant: Occupant,
    pub(crate) author: Author,
    pub(crate) who: String,
}

/// Places a Pod needs for itself. A context below them would hide or break what is there.
const RESERVED: [&str; 10] = [
    "/proc",
    "/sys",
    "/dev",
    paths::TOOLS,
    paths::SKILLS,
    paths::PLUGINS,
    paths::GIT_ROOT,
    paths::CA_DIR,
    paths::CONFIGMAP_FILES,
    paths::FETCHED,
];

/// Directories of every image. Covering one of them with a directory of one's own leaves nothing to run.
const VITAL: [&str; 8] = ["/", "/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/usr/bin"];

/// The reserved place that a path lies in, if it does.
pub(crate) fn reserved(path: &str) -> Option<&'static str> {
    let plain = RESERVED.iter().find(|r| is_under(path, r)).copied();
    let numbered = path
        .starts_with(paths::CONFIGMAP_DIR_PREFIX)
        .then_some(paths::CONFIGMAP_DIR_PREFIX);
    let program = is_under(path, paths::KUBEOPENCODE).then_some(paths::KUBEOPENCODE);
    plain.or(numbered).or(program)
}

/// Checks claims against reserved places and against each other. Earlier claims are named as those who were first.
///
/// # Errors
///
/// A sentence with `mount path conflict` that names both parties.
pub(crate) fn check(workspace: &str, claims: &[Claim]) -> Result<(), Refusal> {
    for claim in claims.iter().filter(|c| c.author == Author::Context) {
        check_place(workspace, claim)?;
    }
    let mut first: HashMap<&str, (usize, &Claim)> = HashMap::new();
    for (index, claim) in claims.iter().enumerate() {
        if let Some((_, earlier)) = first.get(claim.path.as_str()) {
            return Err(conflict(
                claim,
                &format!("{} already has {}", earlier.who, earlier.path),
            ));
        }
        first.insert(&claim.path, (index, claim));
    }
    for (index, claim) in claims.iter().enumerate() {
        for parent in parents(&claim.path) {
            let Some((other, outer)) = first.get(parent) else {
                continue;
            };
            let (later, earlier) = if *other < index {
                (claim, *outer)
            } else {
                (*outer, claim)
            };
            match outer.occupant {
                Occupant::Open => {}
                // A mount point may be there already, and whoever wrote both knows.
                Occupant::Sealed if outer.author == Author::Pod && claim.author == Author::Pod => {}
                Occupant::File => {
                    let why = format!("{} already has {}", earlier.who, earlier.path);
                    return Err(conflict(later, &why));
                }
                Occupant::Sealed => {
                    let why = format!(
                        "{} has {}, and nothing can be put inside {}, which is read-only",
                        earlier.who, earlier.path, outer.path
                    );
                    return Err(conflict(later, &why));
                }
            }
        }
    }
    Ok(())
}

fn check_place(workspace: &str, claim: &Claim) -> Result<(), Refusal> {
    let path = claim.path.as_str();
    if path == "/" {
        return Err(conflict(
            claim,
            "the root directory belongs to the image; name a file or directory below it",
        ));
    }
    if claim.occupant == Occupant::File && path == workspace {
        return Err(conflict(
            claim,
            "that is the workspace directory itself; name a file below it",
        ));
    }
    if let Some(reserved) = reserved(path) {
        return Err(conflict(
            claim,
            &format!("{reserved} is reserved for KubeOpenCode; choose a path below {workspace}"),
        ));
    }
    if claim.occupant != Occupant::File && VITAL.contains(&path) {
        return Err(conflict(
            claim,
            &format!("a directory there would hide the image's own {path}; choose a directory of its own"),
        ));
    }
    if claim.occupant == Occupant::Sealed && is_under(paths::HOME, path) {
        return Err(conflict(
            claim,
            &format!("{} is the home directory and has to stay writable", paths::HOME),
        ));
    }
    Ok(())
}

/// The directories above a normalised path, `/` left out.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.char_indices()
        .filter(|(at, c)| *c == '/' && *at > 0)
        .map(|(at, _)| &path[..at])
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

    fn claim(occupant: Occupant, author: Author, path: &str) -> Claim {
        Claim {
            path: path.into(),
            occupant,
            author,
            who: format!("{occupant:?} {path:?}"),
        }
    }

    fn file(path: &str) -> Claim {
        claim(Occupant::File, Author::Context, path)
    }

    fn open(path: &str) -> Claim {
        claim(Occupant::Open, Author::Context, path)
    }

    fn sealed(path: &str) -> Claim {
        claim(Occupant::Sealed, Author::Context, path)
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
            "wants /workspace/a/b, but File \"/workspace/a\" already has /workspace/a",
        );
        refused(
            &[file("/workspace/a/b"), file("/workspace/a")],
            "wants /workspace/a, but File \"/workspace/a/b\" already has /workspace/a/b",
        );
        refused(&[open("/workspace/a"), open("/workspace/a")], "already has");
        refused(&[open("/workspace/a"), file("/workspace/a")], "already has");
        refused(
            &[sealed("/data"), file("/data/x/y")],
            "nothing can be put inside /data, which is read-only",
        );
        refused(
            &[file("/data/x/y"), sealed("/data")],
            "wants /data, but File \"/data/x/y\" has /data/x/y, and nothing can be put inside /data",
        );
    }

    #[test]
    fn reserved_places_are_refused() {
        refused(&[file("/")], "root directory");
        refused(&[file("/workspace")], "workspace directory itself");
        for path in [
            "/tools/opencode",
            "/proc/self/mem",
            "/sys/x",
            "/dev",
            "/skills/mine",
            "/plugins",
            "/git/repo",
            "/etc/ssl/certs/custom-ca/tls.crt",
            "/configmap-files/x",
            "/configmap-dir-0",
            "/kubeopencode",
        ] {
            refused(&[open(path)], "is reserved for KubeOpenCode");
        }
        for path in ["/etc", "/usr", "/bin"] {
            refused(&[open(path)], "hide the image's own");
        }
        refused(&[sealed("/tmp")], "has to stay writable");
    }

    #[test]
    fn what_kubernetes_can_do_is_fine() {
        let claims = [
            open("/workspace/a"),
            file("/workspace/a/b"),
            open("/workspace/a/c"),
            file("/workspace/ab"),
            file("/etc/app.conf"),
            sealed("/etc/app.d"),
            open("/tmp"),
            claim(Occupant::Open, Author::Pod, "/dev/shm"),
            claim(Occupant::Sealed, Author::Pod, "/etc/keys"),
            claim(Occupant::File, Author::Pod, "/etc/keys/extra"),
            claim(Occupant::Open, Author::Pod, "/skills/own"),
            claim(Occupant::File, Author::Ours, "/git/.gitconfig"),
        ];
        assert_eq!(check("/workspace", &claims), Ok(()));
    }
}
