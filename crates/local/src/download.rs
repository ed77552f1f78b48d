//! Downloads that survive a broken connection, and are used only when their hash is right.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use sha2::{Digest as _, Sha512};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use crate::npm_registry::{HashWriter, Registry, RegistryError, Tarball};
use crate::terminal::{Terminal, Transfer};

/// A tarball is refused beyond this, so that a wrong server cannot fill the disk.
const MAX_TARBALL_BYTES: u64 = 1 << 30;

/// Why a download did not end in a usable file.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The registry did not give it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The file could not be kept.
    #[error("cannot write {}; free some space or make it writable", path.display())]
    Write {
        /// The unfinished file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Complete, but not what the registry announced.
    #[error(
        "{name} from {host} does not match its integrity hash and was thrown away; something between here and the \
         registry changes files: check the proxy or mirror, then run again"
    )]
    Integrity {
        /// Package and version.
        name: String,
        /// Host of the registry.
        host: String,
    },
    /// Larger than any OpenCode release.
    #[error(
        "{name} from {host} is larger than 1 GiB, which no OpenCode release is; check npm's `registry` setting"
    )]
    TooLarge {
        /// Package and version.
        name: String,
        /// Host of the registry.
        host: String,
    },
}

impl DownloadError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_transient())
    }
}

/// How often and how patiently to try again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    /// Tries without any progress before giving up.
    pub(crate) attempts: u32,
    /// Wait after the first failed try; doubles with each further one.
    pub(crate) first_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(500),
        }
    }
}

impl Retry {
    /// Waits after failed try number `attempt` (from 1), or says that enough is enough.
    pub(crate) async fn pause(
        &self,
        attempt: u32,
        terminal: &Terminal,
        error: &(dyn std::error::Error + Send + Sync),
    ) -> bool {
        if attempt >= self.attempts {
            return false;
        }
        let wait = self.first_wait * 2_u32.saturating_pow(attempt - 1);
        let reason = error
            .source()
            .map_or_else(|| error.to_string(), |source| root(source).to_string());
        terminal.note(&format!(
            "the npm registry has a problem ({reason}); try {} of {} in {:.1} s",
            attempt + 1,
            self.attempts,
            wait.as_secs_f64()
        ));
        tokio::time::sleep(wait).await;
        true
    }
}

fn root<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// Brings `tarball` to `part`, going on from what is there already.
///
/// # Errors
/// On any error but [`DownloadError::Integrity`] and [`DownloadError::TooLarge`] the part stays for the next run.
pub(crate) async fn download(
    registry: &Registry,
    tarball: &Tarball,
    part: &Path,
    retry: Retry,
    terminal: &Terminal,
) -> Result<(), DownloadError> {
    let mut attempt = 1;
    // What was put together from pieces may be damaged in ways that only the hash shows: then one clean try follows.
    let mut from_pieces = false;
    loop {
        let before = size(part).await;
        from_pieces |= before > 0;
        match transfer(registry, tarball, part, terminal).await {
            Ok(()) => {
                let intact = verify(part, tarball)
                    .await
                    .map_err(|source| write_error(part, source))?;
                if intact {
                    return Ok(());
                }
                remove(part).await?;
                if !std::mem::take(&mut from_pieces) {
                    return Err(DownloadError::Integrity {
                        name: tarball.name.clone(),
                        host: registry.host(),
                    });
                }
                terminal.note("the resumed download was damaged; starting over");
            }
            Err(error) if error.is_transient() => {
                if size(part).await > before {
                    attempt = 1;
                }
                if !retry.pause(attempt, terminal, &error).await {
                    return Err(error);
                }
                attempt += 1;
            }
            Err(error) => {
                if matches!(error, DownloadError::TooLarge { .. }) {
                    remove(part).await?;
                }
                return Err(error);
            }
        }
    }
}

async fn transfer(
    registry: &Registry,
    tarball: &Tarball,
    part: &Path,
    terminal: &Terminal,
) -> Result<(), DownloadError> {
    let here = size(part).await;
    let response = registry.get(tarball.url.clone(), &tarball.name, here).await?;
    let start = match response.status() {
        StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(here) => here,
        StatusCode::OK => 0,
        // Our part is as long as the file or longer, or the server counts strangely: the hash check or a new start decides.
        StatusCode::RANGE_NOT_SATISFIABLE if here > 0 => return Ok(()),
        StatusCode::PARTIAL_CONTENT => {
            remove(part).await?;
            return Err(unexpected(registry, tarball, StatusCode::BAD_GATEWAY));
        }
        status => return Err(unexpected(registry, tarball, status)),
    };
    let total = response.content_length().map(|rest| rest + start);
    let too_large = || DownloadError::TooLarge {
        name: tarball.name.clone(),
        host: registry.host(),
    };
    if total.is_some_and(|total| total > MAX_TARBALL_BYTES) {
        return Err(too_large());
    }
    let mut file = open_at(part, start)
        .await
        .map_err(|source| write_error(part, source))?;
    let mut progress = terminal.transfer(&format!("fetching {}", tarball.name), total);
    let copied = copy(registry, response, &mut file, start, &mut progress).await;
    // Whatever arrived counts for the next try.
    file.flush().await.map_err(|source| write_error(part, source))?;
    match copied? {
        Copied::All => Ok(()),
        Copied::Refused => Err(too_large()),
        Copied::DiskError(source) => Err(write_error(part, source)),
    }
}

enum Copied {
    All,
    Refused,
    DiskError(io::Error),
}

async fn copy(
    registry: &Registry,
    mut response: Response,
    file: &mut File,
    start: u64,
    progress: &mut Transfer,
) -> Result<Copied, RegistryError> {
    let mut done = start;
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|source| registry.unreachable(source))?
    {
        done += chunk.len() as u64;
        if done > MAX_TARBALL_BYTES {
            return Ok(Copied::Refused);
        }
        if let Err(error) = file.write_all(&chunk).await {
            return Ok(Copied::DiskError(error));
        }
        progress.set(done);
    }
    Ok(Copied::All)
}

/// The first byte's number in `Content-Range: bytes 100-199/200`.
fn range_start(response: &Response) -> Option<u64> {
    let text = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes ")?
        .split('-')
        .next()?
        .trim()
        .parse()
        .ok()
}

async fn open_at(part: &Path, start: u64) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(part)
        .await?;
    file.set_len(start).await?;
    file.seek(io::SeekFrom::Start(start)).await?;
    Ok(file)
}

async fn verify(part: &Path, tarball: &Tarball) -> io::Result<bool> {
    let part = part.to_owned();
    let integrity = tarball.integrity.clone();
    tokio::task::spawn_blocking(move || {
        let mut hash = HashWriter(Sha512::new());
        io::copy(&mut std::fs::File::open(part)?, &mut hash)?;
        Ok(integrity.matches(&hash.0.finalize()))
    })
    .await
    .map_err(io::Error::other)?
}

async fn size(part: &Path) -> u64 {
    tokio::fs::metadata(part)
        .await
        .map_or(0, |metadata| metadata.len())
}

async fn remove(part: &Path) -> Result<(), DownloadError> {
    match tokio::fs::remove_file(part).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(write_error(part, error)),
        _ => Ok(()),
    }
}

fn unexpected(registry: &Registry, tarball: &Tarball, status: StatusCode) -> DownloadError {
    RegistryError::Status {
        host: registry.host(),
        what: tarball.name.clone(),
        status,
    }
    .into()
}

fn write_error(part: &Path, source: io::Error) -> DownloadError {
    DownloadError::Write {
        path: part.to_owned(),
        source,
    }
}
