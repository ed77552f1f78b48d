//! Reading sources and writing targets.

use std::{
    fs::{self, File, Permissions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
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
    let mut placed = place_file(roots, target)?;
    placed.write_all(content).map_err(Error::io("write", target))?;
    placed.finish(mode)
}

/// Makes a directory with its parents, unless a link leads it out of its place.
pub(super) fn directory(roots: &Roots, target: &Path) -> Result<(), Error> {
    check_existing(roots, target)?;
    create_directories(target)?;
    roots.confine(target)
}

/// Copies a directory with everything in it and returns the number of files. They get `mode`, or keep whether they can
/// be run. Names that start with `..` are
/// Kubernetes' own and are left out; links are followed as long as they stay within the source.
pub(super) fn tree(roots: &Roots, source: &Path, target: &Path, mode: Option<u32>) -> Result<usize, Error> {
    let mut tree = Tree {
        roots,
        root: source.canonicalize().map_err(Error::io("look at", source))?,
        mode: mode.map(|mode| mode & 0o777),
        count: 0,
    };
    tree.branch(source, target, 0)?;
    Ok(tree.count)
}

/// A directory that is being copied.
struct Tree<'a> {
    roots: &'a Roots,
    root: PathBuf,
    mode: Option<u32>,
    count: usize,
}

impl Tree<'_> {
    fn branch(&mut self, source: &Path, target: &Path, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Source {
                path: source.to_owned(),
                why: "its directories are nested too deeply",
            });
        }
        directory(self.roots, target)?;
        for entry in fs::read_dir(source).map_err(Error::io("list", source))? {
            let entry = entry.map_err(Error::io("list", source))?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b"..") {
                continue;
            }
            let (from, to) = (entry.path(), target.join(&name));
            let real = from.canonicalize().map_err(Error::io("look at", &from))?;
            if !real.starts_with(&self.root) {
                return Err(Error::Source {
                    path: from,
                    why: "a link in it leads out of its directory",
                });
            }
            let metadata = fs::metadata(&real).map_err(Error::io("look at", &from))?;
            if metadata.is_dir() {
                self.branch(&from, &to, depth + 1)?;
            } else if metadata.is_file() {
                let content = fs::read(&real).map_err(Error::io("read", &from))?;
                // A script stays one.
                let executable = metadata.permissions().mode() & 0o111;
                let mode = self.mode.unwrap_or(FILE_MODE | executable);
                write(self.roots, &to, &content, mode)?;
                self.count += 1;
            } else {
                return Err(Error::Source {
                    path: from,
                    why: "it is neither a file nor a directory",
                });
            }
        }
        Ok(())
    }
}

/// Puts a new file in place of an old one in one step.
pub(super) fn replace(
    target: &Path,
    mode: u32,
    fill: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), Error> {
    let mut placed = Placed::beside(target)?;
    fill(placed.file.as_file_mut()).map_err(Error::io("write", target))?;
    placed.finish(mode)
}

/// A file in the making: it stands beside its place under another name until it is whole, and goes with this value.
pub(crate) struct Placed {
    file: tempfile::NamedTempFile,
    target: PathBuf,
}

/// Begins a file whose content comes bit by bit, with the same checks as for a whole one.
pub(crate) fn place_file(roots: &Roots, target: &Path) -> Result<Placed, Error> {
    let parent = target.parent().unwrap_or(Path::new("/"));
    directory(roots, parent)?;
    if fs::symlink_metadata(target).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(refused(target, "there is a directory of that name"));
    }
    Placed::beside(target)
}

impl Placed {
    fn beside(target: &Path) -> Result<Self, Error> {
        let parent = target.parent().unwrap_or(Path::new("/"));
        let file = tempfile::Builder::new()
            .prefix(".kubeopencode-")
            .tempfile_in(parent)
            .map_err(Error::io("write to", parent))?;
        Ok(Self {
            file,
            target: target.to_owned(),
        })
    }

    /// The file is whole: it takes its place and its mode.
    pub(crate) fn finish(self, mode: u32) -> Result<(), Error> {
        let Self { file, target } = self;
        file.as_file()
            .set_permissions(Permissions::from_mode(mode))
            .map_err(Error::io("set the mode of", &target))?;
        file.persist(&target)
            .map_err(|error| Error::io("write", &target)(error.error))?;
        Ok(())
    }
}

impl Write for Placed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
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
