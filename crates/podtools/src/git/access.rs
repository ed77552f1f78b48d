//! The credentials of one repository, as they come from a Secret.

use std::fmt;

use koc_api::{
    GitTransport, GitUrl, InputFailureKind,
    names::{env, secret_keys},
};

use crate::{git::key, input_report::InputError, redact::Redactor};

/// The user name where a Secret holds a token alone. GitHub's application tokens need exactly this one, GitLab, Gitea
/// and others accept any; Bitbucket wants its own.
const TOKEN_USER: &str = "x-access-token";
const BITBUCKET: (&str, &str) = ("bitbucket.org", "x-token-auth");

/// The credentials that fit the address. Does not print them.
pub(super) enum Access {
    /// Nothing; what is asked for is public.
    Public,
    /// For HTTP.
    Password { user: String, password: String },
    /// For SSH.
    Key { key: String, known_hosts: String },
}

/// What the environment says.
#[derive(Default)]
pub(super) struct Secrets {
    pub username: String,
    pub password: String,
    pub ssh_key: String,
    pub known_hosts: String,
}

impl Secrets {
    /// Reads this process's environment.
    pub(super) fn from_env() -> Self {
        let read = |name: &str| std::env::var(name).unwrap_or_default();
        Self {
            username: read(env::GIT_USERNAME),
            password: read(env::GIT_PASSWORD),
            ssh_key: read(env::GIT_SSH_KEY),
            known_hosts: read(env::GIT_SSH_KNOWN_HOSTS),
        }
    }

    /// Teaches the redactor what must not be printed, however short it is.
    pub(super) fn hide_in(&self, redactor: &mut Redactor) {
        for secret in self.password.lines().chain(self.ssh_key.lines()) {
            // Marks and paths are no secrets, and their replacement would hide what is wrong.
            if !secret.trim().is_empty() && !secret.starts_with("-----") && !secret.starts_with('/') {
                redactor.add(secret.trim());
            }
        }
    }
}

impl Access {
    /// The credentials for this address; those for another transport are left alone.
    ///
    /// # Errors
    ///
    /// When what the transport needs is missing or cannot be used.
    pub(super) fn new(url: &GitUrl, secrets: Secrets) -> Result<Self, InputError> {
        let Secrets {
            username,
            password,
            ssh_key,
            known_hosts,
        } = secrets;
        match url.transport() {
            GitTransport::Https | GitTransport::Http => password_access(url, &username, &password),
            GitTransport::Ssh => key_access(url, &ssh_key, known_hosts),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Public => "Public",
            Self::Password { .. } => "Password(hidden)",
            Self::Key { .. } => "Key(hidden)",
        })
    }
}

fn password_access(url: &GitUrl, username: &str, password: &str) -> Result<Access, InputError> {
    // `kubectl create secret --from-file` keeps the line end of the file, which is never part of the password.
    let line = |text: &str| {
        let text = text.strip_suffix('\n').unwrap_or(text);
        text.strip_suffix('\r').unwrap_or(text).to_owned()
    };
    let (user, password) = (line(username), line(password));
    if password.is_empty() {
        if user.is_empty() {
            return Ok(Access::Public);
        }
        return Err(wrong(&format!(
            "has a {} but no {}; a token belongs into {1}",
            secret_keys::USERNAME,
            secret_keys::PASSWORD
        )));
    }
    // Git hands credentials on line by line.
    if user.contains(char::is_control) || password.contains(char::is_control) {
        return Err(wrong(
            "holds a line break or another control character within its username or password",
        ));
    }
    let user = if !user.is_empty() {
        user
    } else if url.host() == BITBUCKET.0 {
        BITBUCKET.1.to_owned()
    } else {
        TOKEN_USER.to_owned()
    };
    Ok(Access::Password { user, password })
}

fn key_access(url: &GitUrl, ssh_key: &str, known_hosts: String) -> Result<Access, InputError> {
    if ssh_key.trim().is_empty() {
        return Err(InputError::new(
            InputFailureKind::AccessDenied,
            format!(
                "{url} is reached by SSH, which needs a key: name a Secret with the keys {} and {} in secretRef",
                secret_keys::SSH_PRIVATE_KEY,
                secret_keys::SSH_KNOWN_HOSTS
            ),
        ));
    }
    if known_hosts.trim().is_empty() {
        // Without it, whoever sits between could pretend to be the host and hand out any code.
        return Err(InputError::new(
            InputFailureKind::AccessDenied,
            format!(
                "the host {host} can't be told from an impostor: add its public keys to the Secret under the key {}, as \
                 `ssh-keyscan {port}{host}` prints them (compare them with what the host's owner publishes)",
                secret_keys::SSH_KNOWN_HOSTS,
                host = url.host(),
                port = url.port().map(|port| format!("-p {port} ")).unwrap_or_default(),
            ),
        ));
    }
    let text = ssh_key.trim();
    let key = if text.starts_with('/') && !text.contains('\n') {
        // The path of a mounted Secret. It is read here, because a volume's mode is often one that ssh refuses.
        std::fs::read_to_string(text).map_err(|error| {
            InputError::new(
                InputFailureKind::Internal,
                format!("the SSH key in {text} cannot be read: {error}"),
            )
        })?
    } else {
        ssh_key.to_owned()
    };
    let key = key::repaired(&key).map_err(|why| {
        wrong(&format!(
            "can't be used: its {} {why}",
            secret_keys::SSH_PRIVATE_KEY
        ))
    })?;
    Ok(Access::Key { key, known_hosts })
}

fn wrong(what: &str) -> InputError {
    InputError::new(
        InputFailureKind::InvalidInput,
        format!("the Secret named in secretRef {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----";

    fn access(
        url: &str,
        username: &str,
        password: &str,
        ssh_key: &str,
        known_hosts: &str,
    ) -> Result<Access, InputError> {
        let secrets = Secrets {
            username: username.to_owned(),
            password: password.to_owned(),
            ssh_key: ssh_key.to_owned(),
            known_hosts: known_hosts.to_owned(),
        };
        Access::new(&url.parse().unwrap(), secrets)
    }

    #[test]
    fn a_token_alone_gets_a_user_name() {
        for (url, username, password, expected) in [
            ("https://h/x", "", "tok\n", ("x-access-token", "tok")),
            ("https://bitbucket.org/a/b", "", "tok", ("x-token-auth", "tok")),
            ("https://bitbucket.org/a/b", "me", "tok", ("me", "tok")),
            ("https://h/x", "me\r\n", "p:w@/ %\r\n", ("me", "p:w@/ %")),
        ] {
            let Ok(Access::Password { user, password }) = access(url, username, password, KEY, "h k") else {
                panic!("{url}");
            };
            assert_eq!((user.as_str(), password.as_str()), expected);
        }
        assert!(matches!(
            access("https://h/x", "", "", "", ""),
            Ok(Access::Public)
        ));
    }

    #[test]
    fn a_line_break_in_a_password_injects_nothing() {
        for (username, password) in [
            ("a\nhost=evil", "x"),
            ("a", "x\nhost=evil"),
            ("a", "x\0"),
            ("me", ""),
        ] {
            let error = access("https://h/x", username, password, "", "").unwrap_err();
            assert_eq!(error.kind, InputFailureKind::InvalidInput);
            assert!(!error.sentence.contains("evil"), "{error}");
        }
    }

    #[test]
    fn ssh_without_a_key_or_known_hosts_fails_closed() {
        for (key, known_hosts, expected) in [
            ("", "h k", "ssh-privatekey"),
            (KEY, "", "ssh-keyscan -p 2222 h"),
            (KEY, " \n", "ssh-known-hosts"),
        ] {
            let error = access("ssh://git@h:2222/x", "", "", key, known_hosts).unwrap_err();
            assert_eq!(error.kind, InputFailureKind::AccessDenied);
            assert!(error.sentence.contains(expected), "{error}");
        }
        let error = access("git@h:x", "", "", "hunter2", "h k").unwrap_err();
        assert!(!error.sentence.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_key_may_be_given_by_its_path() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), KEY).unwrap();
        let Ok(Access::Key { key, .. }) = access("git@h:x", "", "", file.path().to_str().unwrap(), "h k")
        else {
            panic!("no key");
        };
        assert_eq!(key, format!("{KEY}\n"));
        let error = access("git@h:x", "", "", "/does/not/exist", "h k").unwrap_err();
        assert!(error.sentence.contains("/does/not/exist"), "{error}");
    }

    #[test]
    fn access_does_not_print_its_secrets() {
        let access = access("https://h/x", "me", "hunter2", "", "").unwrap();
        assert!(!format!("{access:?}").contains("hunter2"));
    }
}
