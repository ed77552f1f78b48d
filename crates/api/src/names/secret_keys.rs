//! Keys of Secrets.

/// User name, for Git and URL contexts.
pub const USERNAME: &str = "username";
/// Password, for Git and URL contexts.
pub const PASSWORD: &str = "password";
/// Bearer token, for URL contexts and share links.
pub const TOKEN: &str = "token";
/// Private key, for Git.
pub const SSH_PRIVATE_KEY: &str = "ssh-privatekey";
/// Keys of known hosts, for Git.
pub const SSH_KNOWN_HOSTS: &str = "ssh-known-hosts";
