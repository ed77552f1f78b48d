//! Reading sources and writing targets.

use std::{
    fs::{self, File, Permissions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use crate::context_init::{
    DIR_MODE, FILE_MODE,
    error::Error,
    place::{Roots, refused},
};

/// A ConfigMap volume has one level; a deeper tree than this is a loop.
const MAX_DEPTH: usize = 32;

/// The content of a source file, or `None` where it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Makes a directory and its parents. Only what did not exist gets our mode.
pub(super) fn create_directories(directory: &Path) -> Result<(), Error> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        create_directories(parent)?;
    }
    match fs::create_dir(directory) {
        // The process's umask takes bits away that the agent's user id needs.
        Ok(()) => set_mode(directory, DIR_MODE),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        Err(error) => Err(Error::io("create the directory", directory)(error)),
    }
}

/// Writes a file as a whole: a reader sees the old or the new content, and a link in its place is replaced and not
/// followed.
pub(super) fn write(roots: &Roots, target: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let parent = target.parent().unwrap_or(Path::new("/"));
    check_existing(roots, parent)?;
    create_directories(parent)?;
    roots.confine(parent)?;
    if fs::symlink_metadata(target).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(refused(target, "there is a directory of that name"));
    }
    replace(target, mode, |file| file.write_all(content))
}

/// Copies a directory with everything in it and returns the number of files. Names that start with `..` are
/// Kubernetes' own and are left out; links are followed as long as they stay within the source.
pub(super) fn tree(roots: &Roots, source: &Path, target: &Path) -> Result<usize, Error> {
    let real = source.canonicalize().map_err(Error::io("look at", source))?;
    let mut count = 0;
    branch(roots, &real, source, target, 0, &mut count)?;
    Ok(count)
}

fn branch(
    roots: &Roots,
    root: &Path,
    source: &Path,
    target: &Path,
    depth: usize,
    count: &mut usize,
) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Source {
            path: source.to_owned(),
            why: "its directories are nested too deeply",
        });
    }
    check_existing(roots, target)?;
    create_directories(target)?;
    roots.confine(target)?;
    for entry in fs::read_dir(source).map_err(Error::io("list", source))? {
        let entry = entry.map_err(Error::io("list", source))?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b"..") {
            continue;
        }
        let (from, to) = (entry.path(), target.join(&name));
        let real = from.canonicalize().map_err(Error::io("look at", &from))?;
        if !real.starts_with(root) {
            return Err(Error::Source {
                path: from,
                why: "a link in it leads out of its directory",
            });
        }
        let metadata = fs::metadata(&real).map_err(Error::io("look at", &from))?;
        if metadata.is_dir() {
            branch(roots, root, &from, &to, depth + 1, count)?;
        } else if metadata.is_file() {
            let content = fs::read(&real).map_err(Error::io("read", &from))?;
            // A script stays one.
            let executable = metadata.permissions().mode() & 0o111;
            write(roots, &to, &content, FILE_MODE | executable)?;
            *count += 1;
        } else {
            return Err(Error::Source {
                path: from,
                why: "it is neither a file nor a directory",
            });
        }
    }
    Ok(())
}

/// Puts a new file in place of an old one in one step.
pub(super) fn replace(
    target: &Path,
    mode: u32,
    fill: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), Error> {
    let parent = target.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new()
        .prefix(".kubeopencode-")
        .tempfile_in(parent)
        .map_err(Error::io("write to", parent))?;
    fill(file.as_file_mut()).map_err(Error::io("write", target))?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))
        .map_err(Error::io("set the mode of", target))?;
    file.persist(target)
        .map_err(|error| Error::io("write", target)(error.error))?;
    Ok(())
}

/// Copies what a reader yields.
pub(super) fn fill_from(mut source: impl Read) -> impl FnOnce(&mut File) -> std::io::Result<()> {
    move |file| std::io::copy(&mut source, file).map(drop)
}

/// The deepest existing ancestor must be confined before anything is created below it, else the creation itself
/// would already go through the link.
fn check_existing(roots: &Roots, directory: &Path) -> Result<(), Error> {
    let mut existing = directory;
    while !existing.is_dir() {
        if fs::symlink_metadata(existing).is_ok() {
            return Err(refused(existing, "there is something that is not a directory"));
        }
        let Some(parent) = existing.parent() else {
            return Ok(());
        };
        existing = parent;
    }
    // The root itself may be missing still; then its own ancestors are nobody's business.
    match roots.confine(existing) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("set the mode of", path))
}
