//! The command line of bubblewrap.

use std::ffi::OsString;
use std::path::Path;

use super::init::SANDBOX_INIT;
use super::root::{INIT, Root, ids};
use crate::runtime::ContainerSpec;

/// All arguments. None of them is secret: environment and command go another way.
pub(crate) fn arguments(spec: &ContainerSpec, root: &Root, disable_userns: bool) -> Vec<OsString> {
    let (user, group) = ids(spec);
    let mut args = Arguments(Vec::new());
    args.words(&[
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]);
    args.words(&[
        "--die-with-parent",
        "--new-session",
        "--as-pid-1",
        "--cap-drop",
        "ALL",
        "--clearenv",
    ]);
    if disable_userns {
        args.words(&["--disable-userns"]);
    }
    args.words(&[
        "--uid",
        &user.to_string(),
        "--gid",
        &group.to_string(),
        "--hostname",
        &spec.hostname,
    ]);
    args.paths("--bind", &root.dir, Path::new("/"));
    for (place, host) in &root.binds {
        args.paths("--ro-bind", host, place);
    }
    args.words(&["--dev", "/dev", "--proc", "/proc"]);
    for mount in &spec.mounts {
        let how = if mount.read_only { "--ro-bind" } else { "--bind" };
        args.paths(how, &mount.host, Path::new(&mount.container));
    }
    if spec.read_only_root {
        args.words(&["--remount-ro", "/"]);
    }
    args.words(&["--chdir", "/", "--", INIT, SANDBOX_INIT]);
    args.0
}

struct Arguments(Vec<OsString>);

impl Arguments {
    fn words(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    fn paths(&mut self, how: &str, host: &Path, place: &Path) {
        self.0.extend([how.into(), host.into(), place.into()]);
    }
}
