//! Why `git` could not do what it was asked: read from what it and `ssh` print in the C locale. Pure.

use koc_api::{GitUrl, InputFailureKind, names::secret_keys};

use crate::{git::access::Access, input_report::InputError, plain_text::shorten};

/// As much of a foreign sentence as fits into ours.
const QUOTE_CHARS: usize = 300;

/// What went wrong between us and the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The remote has no reference of that name.
    NoSuchReference,
    /// The remote does not hand out this commit by its id.
    CommitNotServed,
    NoSuchRepository,
    /// The remote asks for a user name and we have none for it; the text is where it asks.
    CredentialsWanted(String),
    CredentialsRefused,
    Forbidden,
    /// The server sends us elsewhere at a moment when `git` does not go.
    Redirected,
    /// The certificate does not prove the host's name.
    Certificate(String),
    HostKeyUnknown,
    HostKeyChanged,
    KeyUnusable,
    /// A way we do not allow, such as `file`.
    TransportRefused(String),
    /// The user id has no entry in the image's list of users, which `ssh` insists on.
    NoUserEntry(String),
    NoSsh,
    DiskFull,
    /// Network trouble, which may pass.
    Unreachable(String),
    /// The server has trouble or asks us to wait, which may pass.
    Busy(String),
    /// Something else; the last thing that was said.
    Other(String),
}

/// Reads one line, or says that it is not what it seemed.
type Reading = fn(&str) -> Option<Cause>;

/// Needles in the order in which they are looked for: the first that is found anywhere tells the cause. What is most
/// specific stands first, since `git` and `ssh` end with the same general sentences whatever has happened.
const NEEDLES: &[(&str, Reading)] = &[
    ("No space left on device", |_| Some(Cause::DiskFull)),
    ("Disk quota exceeded", |_| Some(Cause::DiskFull)),
    ("cannot run ssh: No such file", |_| Some(Cause::NoSsh)),
    ("ssh: not found", |_| Some(Cause::NoSsh)),
    ("ssh: command not found", |_| Some(Cause::NoSsh)),
    ("No user exists for uid", |line| {
        Some(Cause::NoUserEntry(line.to_owned()))
    }),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", |_| {
        Some(Cause::HostKeyChanged)
    }),
    ("Host key verification failed", |_| Some(Cause::HostKeyUnknown)),
    ("error in libcrypto", |_| Some(Cause::KeyUnusable)),
    ("invalid format", |_| Some(Cause::KeyUnusable)),
    ("Permission denied (", |_| Some(Cause::CredentialsRefused)),
    ("Too many authentication failures", |_| {
        Some(Cause::CredentialsRefused)
    }),
    ("Authentication failed for", |_| Some(Cause::CredentialsRefused)),
    ("could not read Username for '", |line| {
        Some(Cause::CredentialsWanted(quoted(line)))
    }),
    ("could not read Password for '", |line| {
        Some(Cause::CredentialsWanted(quoted(line)))
    }),
    ("transport '", |line| {
        line.ends_with("not allowed")
            .then(|| Cause::TransportRefused(quoted(line)))
    }),
    ("couldn't find remote ref", |_| Some(Cause::NoSuchReference)),
    ("not our ref", |_| Some(Cause::CommitNotServed)),
    ("unadvertised object", |_| Some(Cause::CommitNotServed)),
    ("Repository not found", |_| Some(Cause::NoSuchRepository)),
    ("does not appear to be a git repository", |_| {
        Some(Cause::NoSuchRepository)
    }),
    ("project you were looking for could not be found", |_| {
        Some(Cause::NoSuchRepository)
    }),
    ("repository '", |line| {
        line.ends_with("not found").then_some(Cause::NoSuchRepository)
    }),
    ("not valid: is this a git repository?", |_| {
        Some(Cause::NoSuchRepository)
    }),
    ("not allowed to download code", |_| Some(Cause::Forbidden)),
    ("returned error: 403", |_| Some(Cause::Forbidden)),
    ("returned error: 30", |_| Some(Cause::Redirected)),
    ("RPC failed; HTTP 30", |_| Some(Cause::Redirected)),
    ("returned error: 401", |_| Some(Cause::CredentialsRefused)),
    ("returned error: 404", |_| Some(Cause::NoSuchRepository)),
    ("returned error: 410", |_| Some(Cause::NoSuchRepository)),
    ("returned error: 408", busy),
    ("returned error: 429", busy),
    ("returned error: 5", busy),
    ("HTTP 429", busy),
    ("HTTP 5", busy),
    ("certificate", |line| Some(Cause::Certificate(line.to_owned()))),
    ("Could not resolve", unreachable),
    ("Temporary failure in name resolution", unreachable),
    ("Name or service not known", unreachable),
    ("Operation too slow", unreachable),
    ("timed out", unreachable),
    ("early EOF", unreachable),
    ("hung up unexpectedly", unreachable),
];

/// Endings of a connection without a better explanation; they are looked for when nothing else was found.
const BROKEN: &[&str] = &[
    "Failed to connect",
    "Could not connect",
    "Couldn't connect",
    "Connection refused",
    "Connection reset",
    "Connection closed",
    "Connection lost",
    "Network is unreachable",
    "No route to host",
    "Broken pipe",
    "RPC failed",
    "unexpected disconnect",
    "kex_exchange_identification",
    "unable to access",
    "Could not read from remote repository",
];

/// What was asked, for sentences about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub url: &'a GitUrl,
    /// The address the credentials belong to; for a submodule this is another one.
    pub home: &'a GitUrl,
    pub access: &'a Access,
}

impl Cause {
    /// Reads the lines that `git` left on standard error.
    pub(super) fn read(lines: &[String]) -> Self {
        for (needle, cause) in NEEDLES.iter().copied() {
            let mut found = lines.iter().filter(|line| line.contains(needle));
            if let Some(cause) = found.find_map(|line| cause(&said(line))) {
                return cause;
            }
        }
        let broken = |line: &&String| BROKEN.iter().any(|needle| line.contains(needle));
        if let Some(line) = lines.iter().find(broken) {
            return Self::Unreachable(said(line));
        }
        let last = lines
            .iter()
            .rfind(|line| line.starts_with("fatal: ") || line.starts_with("error: "))
            .or(lines.last());
        Self::Other(last.map_or_else(|| "it said nothing".to_owned(), |line| said(line)))
    }

    /// True when another attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_))
    }

    fn kind(&self) -> InputFailureKind {
        match self {
            Self::NoSuchReference | Self::CommitNotServed | Self::NoSuchRepository => {
                InputFailureKind::NotFound
            }
            Self::CredentialsWanted(_)
            | Self::CredentialsRefused
            | Self::Forbidden
            | Self::Certificate(_)
            | Self::HostKeyUnknown
            | Self::HostKeyChanged => InputFailureKind::AccessDenied,
            Self::KeyUnusable | Self::Redirected => InputFailureKind::InvalidInput,
            Self::TransportRefused(_) => InputFailureKind::Refused,
            Self::Unreachable(_) | Self::Busy(_) => InputFailureKind::Unreachable,
            Self::NoUserEntry(_) | Self::NoSsh | Self::DiskFull | Self::Other(_) => {
                InputFailureKind::Internal
            }
        }
    }

    /// The failure as it is told.
    pub(super) fn told(&self, asked: &Asked<'_>) -> InputError {
        InputError::new(self.kind(), self.sentence(asked))
    }

    fn sentence(&self, asked: &Asked<'_>) -> String {
        let Asked { url, home, access } = asked;
        let host = url.host();
        let foreign = !url.same_origin(home);
        match self {
            Self::NoSuchReference | Self::CommitNotServed => {
                format!("{url} does not have what was asked for")
            }
            Self::NoSuchRepository if matches!(access, Access::Public) || foreign => format!(
                "{url} does not exist, or can't be seen without credentials; check the address, or name a Secret in \
                 secretRef"
            ),
            Self::NoSuchRepository => {
                format!("{url} does not exist, or the given credentials may not see it; check both")
            }
            Self::CredentialsWanted(place) if foreign || !matches!(access, Access::Public) => format!(
                "{place} asks for a user name and password, but those in the Secret are for {} alone",
                home.origin()
            ),
            Self::CredentialsWanted(_) => format!(
                "{host} asks for a user name and password for {url} (many hosts do so for repositories that don't exist, \
                 too); check the address, and name a Secret with the key {} and, unless it is a token, {} in secretRef",
                secret_keys::PASSWORD,
                secret_keys::USERNAME
            ),
            Self::CredentialsRefused => match access {
                Access::Key { .. } if foreign => format!(
                    "{host} wants a key for {url}; the one in the Secret is for {} alone",
                    home.host()
                ),
                Access::Key { .. } => format!(
                    "{host} does not accept the key for {url}; check {} in the Secret, and that its public part may \
                     read the repository",
                    secret_keys::SSH_PRIVATE_KEY
                ),
                _ => format!(
                    "{host} does not accept the user name and password for {url}; check the Secret and whether the \
                     token has expired"
                ),
            },
            Self::Forbidden => format!(
                "{host} forbids reading {url} (HTTP 403); the token may lack the right to read the repository's contents"
            ),
            Self::Redirected => format!(
                "{host} sends us elsewhere for {url} after it has checked the credentials, and git does not take them \
                 there; write the address it leads to (a browser shows it)"
            ),
            Self::Certificate(said) => format!(
                "the certificate of {host} can't be verified ({said}); if it is of your own authority, add that to the \
                 Agent's caBundle"
            ),
            Self::HostKeyUnknown => format!(
                "the key of {host} is not among the known ones; add what `ssh-keyscan {}{host}` prints to the Secret's \
                 {} after comparing it with what the host's owner publishes",
                url.port().map(|port| format!("-p {port} ")).unwrap_or_default(),
                secret_keys::SSH_KNOWN_HOSTS
            ),
            Self::HostKeyChanged => format!(
                "the key of {host} is another than the Secret's {} says: somebody may be pretending to be that host; if \
                 its owner did change it, update the Secret",
                secret_keys::SSH_KNOWN_HOSTS
            ),
            Self::KeyUnusable => format!(
                "ssh can't read the private key; check that {} in the Secret is a whole key in OpenSSH's or PEM format",
                secret_keys::SSH_PRIVATE_KEY
            ),
            Self::TransportRefused(transport) => format!(
                "{url} leads to an address of the kind {transport:?}, which is not allowed; only https and ssh are, and \
                 http where the repository's own address is http"
            ),
            Self::NoUserEntry(said) => format!(
                "ssh does not run as a user id without an entry in /etc/passwd ({said}); use an image with such an \
                 entry, or an https address"
            ),
            Self::NoSsh => {
                "there is no ssh program in this image; use an image with an SSH client, or an https address"
                    .to_owned()
            }
            Self::DiskFull => "there is no space left for the clone; a smaller depth needs less".to_owned(),
            Self::Unreachable(said) => format!("{url} can't be reached: {said}"),
            Self::Busy(said) => format!("{url} can't be fetched at the moment: {said}"),
            Self::Other(said) => format!("git failed with {url}: {said}"),
        }
    }
}

/// A foreign line without its prefixes, as part of a sentence of ours.
fn said(line: &str) -> String {
    let mut line = line.trim();
    for prefix in ["fatal: ", "error: ", "remote: ", "ssh: "] {
        line = line.strip_prefix(prefix).unwrap_or(line);
    }
    // `unable to access 'https://host/x/': Could not resolve host: host` says the address once too often.
    if let Some((_, rest)) = line
        .strip_prefix("unable to access '")
        .and_then(|line| line.split_once("': "))
    {
        line = rest;
    }
    shorten(line.trim_end_matches('.'), QUOTE_CHARS)
}

/// What stands between the first two quotes.
fn quoted(line: &str) -> String {
    line.split('\'').nth(1).unwrap_or("the server").to_owned()
}

fn busy(line: &str) -> Option<Cause> {
    Some(Cause::Busy(line.to_owned()))
}

fn unreachable(line: &str) -> Option<Cause> {
    Some(Cause::Unreachable(line.to_owned()))
}

#[cfg(test)]
mod tests;
