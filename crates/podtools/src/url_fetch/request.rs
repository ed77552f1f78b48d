//! What is asked for, checked before anything is sent.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use koc_api::InputFailureKind::InvalidInput;
use reqwest::{
    Certificate, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};

use crate::{
    context_init::Roots,
    input_report::InputError,
    url_fetch::{args::UrlFetchArgs, networks::Networks},
};

/// Headers that say how a message is sent; one from a manifest would contradict what really happens.
const OF_THE_TRANSPORT: [&str; 6] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
];

const FILE_MODE: u32 = 0o664;

/// One fetch.
pub(super) struct Request {
    pub(super) url: Url,
    /// For the host of `url` alone.
    pub(super) headers: HeaderMap,
    pub(super) target: PathBuf,
    pub(super) roots: Roots,
    pub(super) mode: u32,
    pub(super) timeout: Duration,
    pub(super) deadline: Duration,
    pub(super) max_bytes: u64,
    pub(super) insecure: bool,
    pub(super) networks: Networks,
    pub(super) authorities: Vec<Certificate>,
}

impl Request {
    pub(super) fn new(args: UrlFetchArgs) -> Result<Self, InputError> {
        let invalid = |sentence: String| InputError::new(InvalidInput, sentence);
        let url = address(&args.source).map_err(invalid)?;
        let headers = headers(&args).map_err(invalid)?;
        let networks = Networks::parse(&args.allowed_networks)
            .map_err(|why| invalid(format!("the administrator's allowedNetworks: {why}")))?;
        let roots = Roots::new(&args.workspace, None).map_err(|error| invalid(error.to_string()))?;
        let target = roots
            .file(&args.target)
            .map_err(|error| invalid(error.to_string()))?;
        let authorities = match &args.custom_ca {
            Some(path) => authorities(path).map_err(invalid)?,
            None => Vec::new(),
        };
        Ok(Self {
            url,
            headers,
            target,
            roots,
            mode: args.mode.map_or(FILE_MODE, |mode| mode & 0o777),
            timeout: Duration::from_secs(args.timeout.max(1)),
            deadline: Duration::from_secs(args.deadline.max(1)),
            max_bytes: args.max_bytes,
            insecure: matches!(args.insecure.as_str(), "true" | "1"),
            networks,
            authorities,
        })
    }
}

/// Reads an address that may be asked for.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("the address is not one: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{}:// cannot be fetched; use https://", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the address holds a user or a password, which everybody who sees the manifest can read; \
                    put them into a Secret and name it in url.secretRef"
                .to_owned(),
        );
    }
    Ok(url)
}

/// An address for people: without what could be secret.
pub(super) fn shown(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => shown_url(&url),
        Err(_) => "(no address)".to_owned(),
    }
}

/// The same of an address that was read: a query often holds a signature.
pub(super) fn shown_url(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = if url.query().is_some() { "?…" } else { "" };
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}{port}{}{query}", url.scheme(), url.path())
}

fn headers(args: &UrlFetchArgs) -> Result<HeaderMap, String> {
    let given: BTreeMap<String, String> = if args.headers.trim().is_empty() {
        BTreeMap::new()
    } else {
        // The error of the reader would repeat the text, and with it a secret.
        serde_json::from_str(&args.headers).map_err(|_| "url.headers is not an object of texts".to_owned())?
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &given {
        let parsed: HeaderName = name
            .parse()
            .map_err(|_| format!("{name:?} is no name of a header"))?;
        if OF_THE_TRANSPORT.contains(&parsed.as_str()) {
            return Err(format!("the header {name:?} is not for manifests; leave it out"));
        }
        headers.insert(
            parsed,
            secret_value(value).ok_or_else(|| {
                format!("the value of the header {name:?} holds a character that no header may have")
            })?,
        );
    }
    let authorization = match (&args.auth_token, &args.auth_username, &args.auth_password) {
        (Some(token), _, _) => Some(format!("Bearer {}", token.trim())),
        (None, Some(user), Some(password)) => {
            use base64::Engine as _;
            // A Secret made from a file often ends with a line break, which belongs to no password.
            let pair = format!(
                "{}:{}",
                user.trim_end_matches(['\r', '\n']),
                password.trim_end_matches(['\r', '\n'])
            );
            Some(format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(pair)
            ))
        }
        _ => None,
    };
    if let Some(value) = authorization {
        let value =
            secret_value(&value).ok_or("the Secret's token holds a character that no header may have")?;
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn authorities(path: &std::path::Path) -> Result<Vec<Certificate>, String> {
    let told = |why: String| format!("the certificate authorities in {} {why}", path.display());
    let pem = std::fs::read(path).map_err(|error| told(format!("cannot be read: {error}")))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(told("are no certificates in PEM format".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_fetched() {
        assert!(address("https://host/x?y=z").is_ok());
        for text in [
            "file:///etc/passwd",
            "ftp://h/x",
            "https://",
            "x",
            "https://u:hunter2@h/x",
            "https://u@h/x",
        ] {
            let error = address(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_query() {
        assert_eq!(shown("https://h:8443/a/b?sig=hunter2#x"), "https://h:8443/a/b?…");
        assert_eq!(shown("https://u:hunter2@h/a"), "https://h/a");
        assert_eq!(shown("nothing"), "(no address)");
    }
}
