//! The bearer token that opens the server over TCP.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

/// A secret; it shows itself to no one but [`Token::secret`]'s caller.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// A new random token of 244 random bits, as 64 hexadecimal digits.
    #[must_use]
    pub fn random() -> Self {
        Self(format!(
            "{}{}",
            uuid::Uuid::new_v4().simple(),
            uuid::Uuid::new_v4().simple()
        ))
    }

    /// The token kept in a file, made with mode 0600 if it is missing.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds fewer than 32 characters.
    pub fn load_or_create(path: &Path) -> std::io::Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) if text.trim().len() >= 32 => Ok(Self(text.trim().to_owned())),
            Ok(_) => Err(std::io::Error::new(
                ErrorKind::InvalidData,
                format!(
                    "{} holds no token; remove the file to get a new one",
                    path.display()
                ),
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let token = Self::random();
                let mut file = std::fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)?;
                file.write_all(token.0.as_bytes())?;
                file.sync_all()?;
                Ok(token)
            }
            Err(error) => Err(error),
        }
    }

    /// The secret itself, for a kubeconfig.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration where a guess goes wrong: digests are compared, all of them.
    pub(crate) fn matches(&self, guess: &str) -> bool {
        let (ours, theirs) = (Sha256::digest(&self.0), Sha256::digest(guess));
        ours.iter()
            .zip(theirs.iter())
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
    }
}
