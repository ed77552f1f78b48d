//! A private SSH key as it comes from a Secret. Pure.

use base64::{Engine, engine::general_purpose::STANDARD};

/// What OpenSSH's own format begins with.
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// The key in the form `ssh` reads: lines end as on Unix, the last one ends, too. Secrets made by hand often lack that,
/// and `ssh` then says no more than "error in libcrypto".
///
/// # Errors
///
/// A sentence that says why `ssh` could not use it. It does not repeat the key.
pub(super) fn repaired(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty");
    }
    if !text.starts_with("-----BEGIN ") {
        return Err(if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
            "is the public key; the private one begins with -----BEGIN"
        } else if text.starts_with("PuTTY-User-Key-File") {
            "is in PuTTY's format; export it in OpenSSH's format"
        } else {
            "is not a private key, which begins with -----BEGIN"
        });
    }
    if text.starts_with("-----BEGIN PUBLIC") || text.starts_with("-----BEGIN CERTIFICATE") {
        return Err("is not a private key");
    }
    if is_encrypted(text) {
        return Err("has a passphrase, which nobody can type here; store it without one (ssh-keygen -p)");
    }
    let mut repaired: String = text
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    repaired.shrink_to_fit();
    Ok(repaired)
}

fn is_encrypted(text: &str) -> bool {
    if text.starts_with("-----BEGIN ENCRYPTED ") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return true;
    }
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect();
    // The name of the cipher stands at the front, so the rest need not be read, or be right.
    let front: String = body.chars().take(64).collect();
    let Ok(bytes) = STANDARD.decode(front) else {
        return false;
    };
    bytes
        .strip_prefix(MAGIC)
        .is_some_and(|rest| !rest.starts_with(b"\0\0\0\x04none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_repaired() {
        let right = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
        for text in [
            right.to_owned(),
            right.trim_end().to_owned(),
            right.replace('\n', "\r\n"),
            format!("\n  {right}\n\n"),
        ] {
            assert_eq!(repaired(&text).unwrap(), right, "{text:?}");
        }
    }

    #[test]
    fn what_ssh_could_not_use_is_told() {
        let encrypted = STANDARD
            .encode(b"openssh-key-v1\0\0\0\0\x0aaes256-ctr\0\0\0\x06bcrypt and so on, long enough to be cut");
        for (text, expected) in [
            (String::new(), "empty"),
            ("hello".to_owned(), "not a private key"),
            ("ssh-ed25519 AAAA me".to_owned(), "public"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA".to_owned(), "not a private key"),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA".to_owned(),
                "passphrase",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n".to_owned(),
                "passphrase",
            ),
            (
                format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{encrypted}"),
                "passphrase",
            ),
            ("PuTTY-User-Key-File-3: x".to_owned(), "PuTTY"),
        ] {
            let why = repaired(&text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }
}
