//! Where the product keeps its files on this machine, and that only one process at a time uses them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

/// The file whose lock says that the directory is in use. It holds the process id of the user.
const LOCK_FILE: &str = "lock";
/// Directories of single runs start like this.
const RUN_PREFIX: &str = "run-";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Neither flag nor environment says where to put files.
    #[error("there is no place for data: HOME is not set; name a directory with --data-dir")]
    NoHome,
    /// The directory cannot be made or written.
    #[error("cannot use the data directory {}; make it writable, or name another with --data-dir", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody else works there.
    #[error(
        "kubeopencode already runs on {} ({holder}); stop it first, or name another directory with --data-dir",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The other process, in words.
        holder: String,
    },
}

/// Standard places of this user, after the XDG base directory specification.
#[derive(Clone, Debug)]
pub struct Places {
    /// For what must last.
    pub data: PathBuf,
    /// For what can be fetched again.
    pub cache: PathBuf,
}

impl Places {
    /// Reads `XDG_DATA_HOME`, `XDG_CACHE_HOME` and `HOME`.
    ///
    /// # Errors
    /// Fails when none of them says where to put files.
    pub fn from_env() -> Result<Self, DataDirError> {
        let home = absolute("HOME");
        let place = |variable, below_home: &str| {
            absolute(variable)
                .or_else(|| Some(home.as_ref()?.join(below_home)))
                .map(|base| base.join("kubeopencode"))
                .ok_or(DataDirError::NoHome)
        };
        Ok(Self {
            data: place("XDG_DATA_HOME", ".local/share")?,
            cache: place("XDG_CACHE_HOME", ".cache")?,
        })
    }
}

/// A relative path in one of these variables is to be ignored, says the specification.
fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// A directory that belongs to this process alone until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Keeps the lock; the system frees it when the process ends, however it ends.
    _lock: File,
    /// Removes the directory again, where it was made for one run.
    temporary: Option<TempDir>,
}

impl DataDir {
    /// Makes the directory where needed, readable for this user only, and takes its lock.
    ///
    /// # Errors
    /// Fails when the directory cannot be written or another process holds it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        make_private(path).map_err(|source| unusable(path, source))?;
        let path = fs::canonicalize(path).map_err(|source| unusable(path, source))?;
        Ok(Self {
            _lock: lock(&path)?,
            path,
            temporary: None,
        })
    }

    /// A fresh directory below `data` that goes away with this value, unless [`Self::keep`] is called. Directories that
    /// killed runs left behind are removed on the way.
    ///
    /// # Errors
    /// Fails when the directory cannot be written.
    pub fn for_one_run(data: &Path) -> Result<Self, DataDirError> {
        let runs = data.join("runs");
        make_private(&runs).map_err(|source| unusable(&runs, source))?;
        sweep(&runs);
        let temporary = tempfile::Builder::new()
            .prefix(RUN_PREFIX)
            .tempdir_in(&runs)
            .map_err(|source| unusable(&runs, source))?;
        let path = fs::canonicalize(temporary.path()).map_err(|source| unusable(&runs, source))?;
        Ok(Self {
            _lock: lock(&path)?,
            path,
            temporary: Some(temporary),
        })
    }

    /// Leaves the directory of one run where it is.
    pub fn keep(&mut self) {
        if let Some(temporary) = &mut self.temporary {
            temporary.disable_cleanup(true);
        }
    }

    /// The directory, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let file = path.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(&file)
        .map_err(|source| unusable(path, source))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let holder = match pid.trim().parse::<u32>() {
                Ok(pid) => format!("process {pid}"),
                Err(_) => "another process".to_owned(),
            };
            return Err(DataDirError::InUse {
                path: path.to_owned(),
                holder,
            });
        }
        Err(errno) => return Err(unusable(path, errno.into())),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(|source| unusable(path, source))?;
    Ok(file)
}

/// Removes directories of runs whose process is gone. What cannot be removed is left for another time.
fn sweep(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    for entry in entries.flatten() {
        let is_run = entry.file_name().to_string_lossy().starts_with(RUN_PREFIX);
        // A run kept on request has no lock file: see `DataDir::drop`.
        let Ok(file) = OpenOptions::new().write(true).open(entry.path().join(LOCK_FILE)) else {
            continue;
        };
        if is_run && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.temporary.is_some() {
            // Without it the next run's sweep takes a kept directory for one to keep.
            let _ = fs::remove_file(self.path.join(LOCK_FILE));
        }
    }
}

fn unusable(path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Unusable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_instance_is_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(&folder.path().join("d")).unwrap();
        let error = DataDir::open(first.path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("(process {})", std::process::id())),
            "{error}"
        );
        let path = first.path().to_owned();
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn data_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(&folder.path().join("a/b")).unwrap();
        assert_eq!(
            fs::metadata(data.path()).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[test]
    fn an_unusable_place_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = DataDir::open(&folder.path().join("file/d")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot use the data directory") && text.contains("--data-dir"),
            "{text}"
        );
    }

    #[test]
    fn a_run_leaves_nothing_unless_kept_and_killed_runs_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let path = {
            let run = DataDir::for_one_run(folder.path()).unwrap();
            run.path().to_owned()
        };
        assert!(!path.exists());

        let mut kept = DataDir::for_one_run(folder.path()).unwrap();
        kept.keep();
        let kept_path = kept.path().to_owned();
        drop(kept);

        let killed = folder.path().join("runs/run-killed");
        fs::create_dir_all(&killed).unwrap();
        fs::write(killed.join(LOCK_FILE), "1").unwrap();
        let running = DataDir::for_one_run(folder.path()).unwrap();
        let other = DataDir::for_one_run(folder.path()).unwrap();
        assert!(kept_path.exists() && running.path().exists() && other.path().exists());
        assert!(!killed.exists());
    }
}
