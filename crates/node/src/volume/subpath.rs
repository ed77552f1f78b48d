//! Finds a `subPath` inside a volume without ever leaving it.
//!
//! Programs in the Pod can put links into a volume and exchange them at any moment. The path is therefore
//! walked by the kernel in one step that refuses to leave the volume, and what it found is kept open and
//! mounted as such, never looked up a second time.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, open, openat2};

/// What a subPath led to.
pub(crate) struct Found {
    pub(crate) fd: OwnedFd,
    /// Where it is, for messages and for runtimes that cannot mount a handle.
    pub(crate) host: PathBuf,
}

/// Opens `sub` inside `root`; makes missing directories when `create`.
pub(crate) fn find(root: &Path, sub: &str, create: bool) -> io::Result<Found> {
    let sub = Path::new(sub);
    if !sub
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it must be relative and without ..",
        ));
    }
    let root = open(
        root,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let fd = match inside(&root, sub) {
        Err(rustix::io::Errno::NOENT) if create => {
            make(&root, sub)?;
            inside(&root, sub)?
        }
        other => other?,
    };
    let host = rustix::fs::readlinkat(CWD, format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new())?;
    let host = PathBuf::from(std::ffi::OsString::from(host.to_string_lossy().into_owned()));
    Ok(Found { fd, host })
}

/// Whether the way to `sub` inside `root` leads over a link, which could send a mount elsewhere.
pub(crate) fn has_link(root: &Path, sub: &Path) -> bool {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(root) = open(root, flags, Mode::empty()) else {
        return false;
    };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let found = openat2(root, sub, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve);
    matches!(found, Err(rustix::io::Errno::LOOP | rustix::io::Errno::XDEV))
}

fn inside(root: &OwnedFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let flags = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), flags)
}

fn make(root: &OwnedFd, path: &Path) -> rustix::io::Result<()> {
    let mut so_far = PathBuf::new();
    let mut parent = inside(root, Path::new("."))?;
    for part in path.components() {
        so_far.push(part);
        match inside(root, &so_far) {
            Ok(fd) => parent = fd,
            Err(rustix::io::Errno::NOENT) => {
                // The umask may take bits away; a subPath is for the Pod's programs to write to.
                mkdirat(&parent, Path::new(part.as_os_str()), Mode::from_raw_mode(0o777))?;
                parent = inside(root, &so_far)?;
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_sub_path_cannot_leave_its_volume() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("volume");
        fs::create_dir_all(root.join("in")).unwrap();
        fs::write(outer.path().join("secret"), "").unwrap();
        symlink("../secret", root.join("up")).unwrap();
        symlink("/etc", root.join("abs")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        symlink("in", root.join("fine")).unwrap();
        let cases = [
            ("in", true),
            ("fine", true),
            ("new/deeper", true),
            ("fine/more", true),
            ("", true),
            ("up", false),
            ("abs", false),
            ("abs/new", false),
            ("magic/etc", false),
            ("../secret", false),
            ("in/../../secret", false),
            ("/etc", false),
        ];
        for (sub, expected) in cases {
            assert_eq!(find(&root, sub, true).is_ok(), expected, "{sub}");
        }
        assert!(find(&root, "absent", false).is_err());
        assert!(root.join("new/deeper").is_dir());
        assert!(!outer.path().join("new").exists());
    }
}
