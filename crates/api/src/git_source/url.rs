//! The address of a repository.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// As many as the schema of a manifest allows.
const MAX_BYTES: usize = 2048;

/// How a repository is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GitTransport {
    /// HTTP with TLS.
    Https,
    /// HTTP without: everybody on the way can read and change what is sent.
    Http,
    /// SSH.
    Ssh,
}

/// The address of a repository: `https://…`, `http://…`, `ssh://…` or `git@host:path`. It holds no credentials, no
/// blanks and no control characters, and it cannot be an option. Scheme and host are in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GitUrl {
    text: String,
    transport: GitTransport,
    user: Option<String>,
    host: String,
    port: Option<u16>,
    path: String,
}

/// Why an address is not accepted. The texts don't repeat the address, since it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GitUrlError {
    /// Nothing at all.
    #[error(
        "the repository's address is empty; write https://host/path, ssh://git@host/path or git@host:path"
    )]
    Empty,
    /// Longer than a manifest may have it.
    #[error("the repository's address is longer than 2048 bytes")]
    TooLong,
    /// Bytes that end up in logs, files and command lines.
    #[error("the repository's address holds a blank or a control character; write it as %20 and so on")]
    Character,
    /// An option in the place of an address.
    #[error("the repository's address, or a part of it, begins with a dash, as an option does")]
    Dash,
    /// Another way than those we allow.
    #[error(
        "the repository's address is not of a kind that is allowed; write https://host/path, ssh://git@host/path or \
         git@host:path (file://, git://, ext:: and paths of a machine are refused)"
    )]
    Transport,
    /// A user name or a password.
    #[error(
        "the repository's address holds a user name or password, where everybody who may read the manifest sees it; \
         remove it there, put it into a Secret with the keys username and password, and name the Secret in secretRef"
    )]
    Credentials,
    /// The same for SSH, where a user name is no secret.
    #[error(
        "the repository's address holds a password; SSH takes a key: put it into a Secret with the key ssh-privatekey, \
         and name the Secret in secretRef"
    )]
    SshPassword,
    /// No host, or none that can be one.
    #[error(
        "the repository's address names no valid host; write it in ASCII, as in https://host.example/path"
    )]
    Host,
    /// Not a number from 1 to 65535.
    #[error("the port in the repository's address is not a number from 1 to 65535")]
    Port,
    /// A user name that SSH would not take for one.
    #[error(
        "the user name in the repository's address may hold only letters, digits and . _ - and begins with a letter or digit"
    )]
    User,
    /// No path, or one that can't name a repository.
    #[error("the repository's address names no repository on its host, as /team/project.git would")]
    Path,
    /// `?` or `#`.
    #[error(
        "the repository's address has a part after ? or #, which git has no use for; credentials belong into a Secret \
         named in secretRef"
    )]
    Query,
    /// A relative address that climbs above its base.
    #[error("the relative address of the submodule leads above the host of its repository")]
    AboveHost,
}

impl GitUrl {
    /// The address as `git` is given it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How the repository is reached.
    pub fn transport(&self) -> GitTransport {
        self.transport
    }

    /// The host in lower case; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if the address names one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port that is spoken to.
    pub fn effective_port(&self) -> u16 {
        self.port.unwrap_or(match self.transport {
            GitTransport::Https => 443,
            GitTransport::Http => 80,
            GitTransport::Ssh => 22,
        })
    }

    /// The address up to its path, such as `https://host:8443`: what credentials belong to.
    pub fn origin(&self) -> String {
        let scheme = match self.transport {
            GitTransport::Https => "https",
            GitTransport::Http => "http",
            GitTransport::Ssh => "ssh",
        };
        let authority = authority(&self.host, self.port);
        format!("{scheme}://{authority}")
    }

    /// The user name, which only SSH addresses have.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// True when both are the same place for credentials: way, host and port.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.transport == other.transport
            && self.host == other.host
            && self.effective_port() == other.effective_port()
    }

    /// The address that a submodule of this repository has: its own, or one relative to this (`../other.git`).
    ///
    /// # Errors
    ///
    /// When the text is not an address we accept, or leads above this one's host.
    pub fn submodule(&self, text: &str) -> Result<Self, GitUrlError> {
        if !text.starts_with("./") && !text.starts_with("../") {
            return text.parse();
        }
        let base = self.path.trim_end_matches('/');
        let mut parts: Vec<&str> = base.split('/').collect();
        // The path of ssh:// and https:// begins with a slash, whose empty front is not a directory to leave.
        let least = usize::from(base.starts_with('/'));
        let mut rest = text;
        loop {
            if let Some(after) = rest.strip_prefix("../") {
                if parts.len() <= least {
                    return Err(GitUrlError::AboveHost);
                }
                parts.pop();
                rest = after;
            } else if let Some(after) = rest.strip_prefix("./") {
                rest = after;
            } else {
                break;
            }
        }
        parts.push(rest);
        let path = parts.join("/");
        // The path is the end of the text in every form.
        let front = &self.text[..self.text.len() - self.path.len()];
        format!("{front}{path}").parse()
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for GitUrl {
    type Err = GitUrlError;

    fn from_str(text: &str) -> Result<Self, GitUrlError> {
        if text.is_empty() {
            return Err(GitUrlError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(GitUrlError::TooLong);
        }
        if text.starts_with('-') {
            return Err(GitUrlError::Dash);
        }
        if text.contains(|character: char| character.is_control() || character.is_whitespace()) {
            return Err(GitUrlError::Character);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return scp_like(text);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "https" => http(GitTransport::Https, rest),
            "http" => http(GitTransport::Http, rest),
            "ssh" => ssh(rest),
            // `git@host:a://b` is a path with colons, however odd.
            _ if scheme.contains('@') => scp_like(text),
            _ => Err(GitUrlError::Transport),
        }
    }
}

/// What follows `https://`.
fn http(transport: GitTransport, rest: &str) -> Result<GitUrl, GitUrlError> {
    // Before anything else is looked at: a password may hold any character, slashes and question marks included.
    if rest.contains('@')
        && rest
            .split('/')
            .next()
            .is_some_and(|authority| authority.contains('@'))
    {
        return Err(GitUrlError::Credentials);
    }
    if rest.contains(['?', '#']) {
        return Err(GitUrlError::Query);
    }
    let (authority_text, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let (host, port) = host_and_port(authority_text)?;
    if path.trim_matches('/').is_empty() {
        return Err(GitUrlError::Path);
    }
    if has_encoded_control(path) {
        return Err(GitUrlError::Character);
    }
    let mut url = GitUrl {
        text: String::new(),
        transport,
        user: None,
        host,
        port,
        path: path.to_owned(),
    };
    url.text = format!("{}{path}", url.origin());
    Ok(url)
}

/// What follows `ssh://`.
fn ssh(rest: &str) -> Result<GitUrl, GitUrlError> {
    let (authority_text, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let (user, host_text) = match authority_text.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => return Err(GitUrlError::SshPassword),
        Some((user, host)) => (Some(user_name(user)?), host),
        None => (None, authority_text),
    };
    let (host, port) = host_and_port(host_text)?;
    if path.trim_matches('/').is_empty() {
        return Err(GitUrlError::Path);
    }
    if has_encoded_control(path) {
        return Err(GitUrlError::Character);
    }
    let front = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    Ok(GitUrl {
        text: format!("ssh://{front}{}{path}", authority(&host, port)),
        transport: GitTransport::Ssh,
        user,
        host,
        port,
        path: path.to_owned(),
    })
}

/// `git@host:path`. Without a user name it could as well be a path, or a helper program such as `ext::`.
fn scp_like(text: &str) -> Result<GitUrl, GitUrlError> {
    let (user, rest) = text.split_once('@').ok_or(GitUrlError::Transport)?;
    if user.contains(['/', '\\']) {
        return Err(GitUrlError::Transport);
    }
    if user.contains(':') {
        return Err(GitUrlError::SshPassword);
    }
    let user = user_name(user)?;
    let end = if rest.starts_with('[') {
        rest.find(']')
            .map(|bracket| bracket + 1)
            .ok_or(GitUrlError::Host)?
    } else {
        rest.find(':').ok_or(GitUrlError::Path)?
    };
    let (host_text, path) = rest.split_at(end);
    let path = path.strip_prefix(':').ok_or(GitUrlError::Path)?;
    let (host, None) = host_and_port(host_text)? else {
        return Err(GitUrlError::Host);
    };
    if path.starts_with('-') {
        return Err(GitUrlError::Dash);
    }
    if path.starts_with(':') || path.trim_matches('/').is_empty() {
        return Err(GitUrlError::Path);
    }
    Ok(GitUrl {
        text: format!("{user}@{}:{path}", authority(&host, None)),
        transport: GitTransport::Ssh,
        user: Some(user),
        host,
        port: None,
        path: path.to_owned(),
    })
}

fn user_name(text: &str) -> Result<String, GitUrlError> {
    let valid = text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if valid {
        Ok(text.to_owned())
    } else {
        Err(GitUrlError::User)
    }
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), GitUrlError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(GitUrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| GitUrlError::Host)?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return Err(GitUrlError::Host),
        };
        (address.to_string(), port)
    } else {
        let (host, port) = text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port)));
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if host.starts_with('-') {
            return Err(GitUrlError::Dash);
        }
        if host.len() > 253 || !host.split('.').all(label) {
            return Err(GitUrlError::Host);
        }
        (host.to_ascii_lowercase(), port)
    };
    let port = match port {
        None => None,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => match port.parse::<u16>() {
            Ok(number @ 1..) => Some(number),
            _ => return Err(GitUrlError::Port),
        },
        Some(_) => return Err(GitUrlError::Port),
    };
    Ok((host, port))
}

fn authority(host: &str, port: Option<u16>) -> String {
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// `%00` to `%1f` and `%7f`, which programs turn back into control characters.
fn has_encoded_control(path: &str) -> bool {
    path.as_bytes().windows(3).any(|three| {
        let value = |byte: u8| char::from(byte).to_digit(16);
        matches!(
            (three[0], value(three[1]), value(three[2])),
            (b'%', Some(0 | 1), Some(_)) | (b'%', Some(7), Some(15))
        )
    })
}

#[cfg(test)]
mod tests;
