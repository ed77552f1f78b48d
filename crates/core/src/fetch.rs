//! A file that is fetched over HTTP when the Pod starts.

use std::collections::BTreeMap;

use koc_api::SecretText;

/// One download. Header values may be secret: they reach the program that fetches by its environment only.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fetch {
    /// What a person calls it, for sentences: `url context "rules"`.
    pub(crate) who: String,
    pub(crate) source: String,
    pub(crate) headers: BTreeMap<String, SecretText>,
    /// Name of the Secret with a token, or with user and password.
    pub(crate) secret: Option<String>,
    /// Whether any certificate is accepted.
    pub(crate) insecure: bool,
    /// Seconds one attempt may take.
    pub(crate) timeout_seconds: i32,
    /// Permission bits, where the author chose them.
    pub(crate) mode: Option<i32>,
    /// Normalised absolute path at which the worker finds it.
    pub(crate) path: String,
}
