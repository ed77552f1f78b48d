//! The OpenCode program: the user's own, or the npm package's, fetched once and cached.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::OnceCell;

use crate::download::{DownloadError, Retry, download};
use crate::npm_registry::{Registry, RegistryError};
use crate::npmrc::{NpmConfig, NpmrcError};
use crate::platform::{Platform, UnsupportedPlatform};
use crate::terminal::Terminal;

/// The version of the npm package `opencode-ai` this release was tested with.
pub const OPENCODE_VERSION: &str = "1.18.33";
/// The one file of a platform package that is used.
const PROGRAM_IN_PACKAGE: &str = "package/bin/opencode";
/// No OpenCode program is larger; an archive that claims so is refused before it fills the disk.
const MAX_PROGRAM_BYTES: u64 = 1 << 30;

/// Why there is no OpenCode program.
#[derive(Debug, thiserror::Error)]
pub enum OpenCodeError {
    /// `--opencode` names something that cannot be run.
    #[error("--opencode {}: {why}; give the path of an OpenCode program", path.display())]
    OwnProgram {
        /// As given.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// `--opencode-version` is no version.
    #[error("--opencode-version {version}: not a version number such as {OPENCODE_VERSION}")]
    Version {
        /// As given.
        version: String,
    },
    /// Nothing to fetch for this machine.
    #[error(transparent)]
    Platform(#[from] UnsupportedPlatform),
    /// The npm configuration cannot be used.
    #[error(transparent)]
    Npmrc(#[from] NpmrcError),
    /// The registry could not say where the package is.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The package could not be fetched.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The cache directory cannot be used.
    #[error("cannot write the cache in {}; make it writable, or set XDG_CACHE_HOME to a directory that is", path.display())]
    Cache {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The tarball's hash was right, but it holds no program.
    #[error(
        "the npm package {package} holds no usable OpenCode program: {why}; choose another with --opencode-version"
    )]
    Archive {
        /// Package and version.
        package: String,
        /// What is wrong.
        why: String,
    },
}

/// Where the program comes from.
#[derive(Clone, Debug)]
pub enum OpenCodeSource {
    /// The user's own program.
    Own(PathBuf),
    /// The npm package in this version, cached under this directory.
    Npm {
        /// Version of `opencode-ai`.
        version: String,
        /// The product's cache directory.
        cache: PathBuf,
    },
}

impl OpenCodeSource {
    /// Checks what can be checked without the network.
    ///
    /// # Errors
    /// Fails when the program given is no executable file, or the version no version.
    pub fn new(own: Option<&Path>, version: &str, cache: &Path) -> Result<Self, OpenCodeError> {
        if let Some(path) = own {
            return check_executable(path).map(Self::Own);
        }
        // The version becomes part of a path and of an address.
        let valid = version.starts_with(|c: char| c.is_ascii_digit())
            && version.len() <= 64
            && version
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
        if !valid {
            return Err(OpenCodeError::Version {
                version: version.to_owned(),
            });
        }
        Ok(Self::Npm {
            version: version.to_owned(),
            cache: cache.to_owned(),
        })
    }
}

fn check_executable(path: &Path) -> Result<PathBuf, OpenCodeError> {
    let fail = |why: String| OpenCodeError::OwnProgram {
        path: path.to_owned(),
        why,
    };
    let path_now = fs::canonicalize(path).map_err(|error| fail(error.to_string()))?;
    let metadata = fs::metadata(&path_now).map_err(|error| fail(error.to_string()))?;
    if !metadata.is_file() {
        return Err(fail("this is not a file".to_owned()));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(fail("the file is not executable".to_owned()));
    }
    Ok(path_now)
}

/// Gives the program's path; the first caller waits for the download, and those who come meanwhile wait with it.
#[derive(Debug)]
pub struct OpenCodeProgram {
    source: OpenCodeSource,
    retry: Retry,
    terminal: Terminal,
    ready: OnceCell<PathBuf>,
}

impl OpenCodeProgram {
    /// Nothing is fetched before [`Self::path`] is asked.
    #[must_use]
    pub fn new(source: OpenCodeSource, terminal: Terminal) -> Self {
        Self {
            source,
            retry: Retry::default(),
            terminal,
            ready: OnceCell::new(),
        }
    }

    /// The program's path, fetching it first where needed. A failure is not remembered: the next call tries again.
    ///
    /// # Errors
    /// Says in one sentence what failed and what to do; see [`OpenCodeError`].
    pub async fn path(&self) -> Result<&Path, OpenCodeError> {
        self.ready
            .get_or_try_init(|| async {
                match &self.source {
                    OpenCodeSource::Own(path) => check_executable(path),
                    OpenCodeSource::Npm { version, cache } => {
                        self.provide(version, cache, Platform::detect(), NpmConfig::from_system)
                            .await
                    }
                }
            })
            .await
            .map(PathBuf::as_path)
    }

    async fn provide(
        &self,
        version: &str,
        cache: &Path,
        platform: Platform,
        npm_config: impl FnOnce() -> Result<NpmConfig, NpmrcError>,
    ) -> Result<PathBuf, OpenCodeError> {
        let package = platform.package()?;
        let folder = cache.join("opencode").join(version).join(&package);
        let program = folder.join("opencode");
        // The program appears under this name by a rename only, so that whoever sees it sees it whole.
        if program.is_file() {
            return Ok(program);
        }
        fs::create_dir_all(&folder).map_err(|source| cache_error(&folder, source))?;
        let _lock = self.lock(&folder).await?;
        if program.is_file() {
            return Ok(program);
        }
        let config = npm_config()?;
        if config.wanted_lax_tls {
            self.terminal.warn(
                "npm's strict-ssl=false is not obeyed; name the registry's certificate with npm's `cafile`",
            );
        }
        let registry = Registry::new(config)?;
        self.terminal.note(&format!(
            "OpenCode {version} is not here yet; fetching {package} from {}",
            registry.host()
        ));
        let tarball = self.look_up(&registry, &package, version).await?;
        let part = folder.join(format!("{}.tgz.part", tarball.integrity.short()));
        download(&registry, &tarball, &part, self.retry, &self.terminal).await?;
        let (from, to) = (part.clone(), program.clone());
        let unpacked = tokio::task::spawn_blocking(move || extract(&from, &to)).await;
        let unpacked = unpacked.unwrap_or_else(|error| Err(io::Error::other(error)));
        // A tarball that does not unpack today would not tomorrow.
        let _ = fs::remove_file(&part);
        unpacked.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                OpenCodeError::Archive {
                    package: tarball.name.clone(),
                    why: error.to_string(),
                }
            }
            _ => cache_error(&folder, error),
        })?;
        self.terminal.good(&format!("OpenCode {version} is ready"));
        Ok(program)
    }

    async fn look_up(
        &self,
        registry: &Registry,
        package: &str,
        version: &str,
    ) -> Result<crate::npm_registry::Tarball, OpenCodeError> {
        let mut attempt = 1;
        loop {
            match registry.tarball(package, version).await {
                Err(error) if error.is_transient() => {
                    if !self.retry.pause(attempt, &self.terminal, &error).await {
                        return Err(error.into());
                    }
                    attempt += 1;
                }
                other => return Ok(other?),
            }
        }
    }

    /// Two commands that start together fetch once: the second waits for the first.
    async fn lock(&self, folder: &Path) -> Result<File, OpenCodeError> {
        let fail = |source: io::Error| cache_error(folder, source);
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join("lock"))
            .map_err(fail)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(file);
        }
        self.terminal
            .note("another kubeopencode is fetching OpenCode; waiting for it");
        let waiting = tokio::task::spawn_blocking(move || {
            loop {
                match flock(&file, FlockOperation::LockExclusive) {
                    Err(rustix::io::Errno::INTR) => {}
                    Err(errno) => return Err(io::Error::from(errno)),
                    Ok(()) => return Ok(file),
                }
            }
        });
        waiting
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(fail)
    }
}

fn cache_error(path: &Path, source: io::Error) -> OpenCodeError {
    OpenCodeError::Cache {
        path: path.to_owned(),
        source,
    }
}

/// Takes the one program out of the tarball. Nothing else of it touches the disk, so no entry's name, type or link can.
fn extract(tarball: &Path, program: &Path) -> io::Result<()> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let folder = program
        .parent()
        .ok_or_else(|| invalid("the cache has no folder"))?;
    let mut archive = tar::Archive::new(GzDecoder::new(io::BufReader::new(File::open(tarball)?)));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path_bytes().as_ref() != PROGRAM_IN_PACKAGE.as_bytes() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(invalid("its bin/opencode is no ordinary file"));
        }
        let size = entry.header().size()?;
        if size == 0 || size > MAX_PROGRAM_BYTES {
            return Err(invalid("its bin/opencode is empty or larger than 1 GiB"));
        }
        let mut unfinished = tempfile::NamedTempFile::new_in(folder)?;
        if io::copy(&mut entry, &mut unfinished)? != size {
            return Err(invalid("its bin/opencode is cut short"));
        }
        unfinished
            .as_file()
            .set_permissions(fs::Permissions::from_mode(0o755))?;
        unfinished.as_file().sync_all()?;
        unfinished.persist(program).map_err(|error| error.error)?;
        return Ok(());
    }
    Err(invalid("it has no bin/opencode"))
}

#[cfg(test)]
#[path = "opencode_package/tests.rs"]
mod tests;
