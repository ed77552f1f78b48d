//! One package of an npm registry: where its tarball is and what it must hash to.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, NoProxy, Proxy, Response, StatusCode, Url};
use serde::Deserialize;

use crate::npmrc::{DEFAULT_REGISTRY, NpmConfig};

/// Follows this many redirects and no more.
const MAX_REDIRECTS: usize = 5;
/// The document of a package with all its versions stays far below this.
const MAX_DOCUMENT_BYTES: usize = 64 << 20;

/// A registry that does not give what was asked of it. Hosts are named; addresses are not, since they can hold passwords.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The HTTP client cannot be set up, mostly because the system has no certificates to trust.
    #[error(
        "cannot set up https for the npm registry; install the package ca-certificates, or set npm's `cafile`"
    )]
    Client(#[source] reqwest::Error),
    /// The file of npm's `cafile` setting is missing or holds no certificate.
    #[error("cannot use the certificates in {} (npm's `cafile` setting); correct or remove the setting", path.display())]
    Cafile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A proxy address of the npm configuration is malformed.
    #[error("npm's `{setting}` setting is no proxy address; see it with `npm config get {setting}`")]
    Proxy {
        /// The setting's name.
        setting: &'static str,
    },
    /// No connection, or it broke.
    #[error(
        "the npm registry {host} cannot be reached; check the network and proxy, or name a program of your own with --opencode PATH"
    )]
    Unreachable {
        /// Host of the request.
        host: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// An answer other than success.
    #[error("the npm registry {host} answered {status} for {what}{}", advice(*status))]
    Status {
        /// Host of the request.
        host: String,
        /// Package, version or tarball asked for.
        what: String,
        /// The answer.
        status: StatusCode,
    },
    /// The registry knows the package but not this version.
    #[error(
        "the npm registry {host} has no version {version} of {package}; choose another with --opencode-version, or name a program of your own with --opencode PATH"
    )]
    NoSuchVersion {
        /// Host of the registry.
        host: String,
        /// The package.
        package: String,
        /// The version.
        version: String,
    },
    /// A redirect that is not followed.
    #[error("the npm registry {host} redirects {why}, which is not followed; check npm's `registry` setting")]
    Redirect {
        /// Host that answered with the redirect.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An answer that is no npm document.
    #[error(
        "the npm registry {host} gave no usable answer for {what}: {why}; check npm's `registry` setting"
    )]
    Malformed {
        /// Host of the registry.
        host: String,
        /// Package and version asked for.
        what: String,
        /// What is missing or broken.
        why: String,
    },
}

impl RegistryError {
    /// Whether the same request may well succeed a little later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => is_transient_status(*status),
            _ => false,
        }
    }
}

fn is_transient_status(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        )
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "; log in with `npm login`, or name a program of your own with --opencode PATH"
        }
        StatusCode::NOT_FOUND => {
            "; check npm's `registry` setting, or name a program of your own with --opencode PATH"
        }
        _ => "; try again later, or name a program of your own with --opencode PATH",
    }
}

/// A SHA-512 digest as npm writes it (`sha512-<base64>`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Integrity([u8; 64]);

impl Integrity {
    fn parse(text: &str) -> Option<Self> {
        let encoded = text
            .split_whitespace()
            .find_map(|part| part.strip_prefix("sha512-"))?;
        // Options may follow the digest behind a question mark.
        let encoded = encoded.split('?').next()?;
        STANDARD.decode(encoded).ok()?.try_into().ok().map(Self)
    }

    pub(crate) fn matches(&self, digest: &[u8]) -> bool {
        self.0 == digest
    }

    /// A few characters of it that may stand in a file name.
    pub(crate) fn short(&self) -> String {
        self.0[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Where a version's tarball is and what it must hash to.
#[derive(Clone, Debug)]
pub(crate) struct Tarball {
    pub(crate) url: Url,
    pub(crate) integrity: Integrity,
    /// Package and version, for messages.
    pub(crate) name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    dist: Dist,
}

#[derive(Deserialize)]
struct Dist {
    tarball: String,
    integrity: Option<String>,
}

#[derive(Deserialize)]
struct Package {
    versions: std::collections::BTreeMap<String, serde_json::Value>,
}

/// A registry as the user's npm configuration describes it.
#[derive(Debug)]
pub(crate) struct Registry {
    http: reqwest::Client,
    config: NpmConfig,
}

impl Registry {
    pub(crate) fn new(config: NpmConfig) -> Result<Self, RegistryError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("kubeopencode/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(30))
            // Redirects are followed by hand: each hop gets only the credentials written for it.
            .redirect(Policy::none());
        if let Some(path) = &config.cafile {
            builder = builder.tls_certs_merge(read_certificates(path)?);
        }
        let no_proxy = config.noproxy.as_deref().and_then(NoProxy::from_string);
        if let Some(proxy) = &config.http_proxy {
            let proxy = Proxy::http(proxy.reveal()).map_err(|_| RegistryError::Proxy { setting: "proxy" })?;
            builder = builder.proxy(proxy.no_proxy(no_proxy.clone()));
        }
        if let Some(proxy) = &config.https_proxy {
            let proxy = Proxy::https(proxy.reveal()).map_err(|_| RegistryError::Proxy {
                setting: "https-proxy",
            })?;
            builder = builder.proxy(proxy.no_proxy(no_proxy));
        }
        let http = builder
            .build()
            .map_err(|source| RegistryError::Client(source.without_url()))?;
        Ok(Self { http, config })
    }

    /// Host (and port) of the registry, for messages.
    pub(crate) fn host(&self) -> String {
        host(&self.config.registry)
    }

    /// Looks one version up. Asks for the version's own document first, which is small; registries that do not serve it
    /// are asked for the package's.
    pub(crate) async fn tarball(&self, package: &str, version: &str) -> Result<Tarball, RegistryError> {
        let name = format!("{package}@{version}");
        match self
            .document::<Version>(&format!("{package}/{version}"), &name)
            .await
        {
            Ok(found) if found.version == version => return self.locate(&name, found.dist),
            Err(error) if error.is_transient() => return Err(error),
            Ok(_) | Err(_) => {}
        }
        let mut all: Package = self.document(package, package).await?;
        let Some(found) = all.versions.remove(version) else {
            return Err(RegistryError::NoSuchVersion {
                host: self.host(),
                package: package.to_owned(),
                version: version.to_owned(),
            });
        };
        let found: Version =
            serde_json::from_value(found).map_err(|error| self.malformed(&name, error.to_string()))?;
        self.locate(&name, found.dist)
    }

    fn locate(&self, name: &str, dist: Dist) -> Result<Tarball, RegistryError> {
        let url = Url::parse(&dist.tarball)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| self.malformed(name, "its tarball has no http(s) address".to_owned()))?;
        let integrity = dist
            .integrity
            .as_deref()
            .and_then(Integrity::parse)
            .ok_or_else(|| self.malformed(name, "it states no sha512 integrity hash".to_owned()))?;
        Ok(Tarball {
            url: self.own_address(url),
            integrity,
            name: name.to_owned(),
        })
    }

    /// A mirror that passes the public registry's documents on unchanged still means its own copy of the tarball: npm
    /// reads it the same way.
    fn own_address(&self, url: Url) -> Url {
        let public = Url::parse(DEFAULT_REGISTRY).ok();
        let same_host = |other: &Url| other.host_str() == url.host_str();
        if public.as_ref().is_none_or(|public| !same_host(public)) || same_host(&self.config.registry) {
            return url;
        }
        self.config
            .registry
            .join(url.path().trim_start_matches('/'))
            .unwrap_or(url)
    }

    async fn document<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        what: &str,
    ) -> Result<T, RegistryError> {
        let url = self
            .config
            .registry
            .join(path)
            .map_err(|error| self.malformed(what, format!("the address is malformed ({error})")))?;
        let mut response = self.get(url, what, 0).await?;
        if !response.status().is_success() {
            return Err(RegistryError::Status {
                host: self.host(),
                what: what.to_owned(),
                status: response.status(),
            });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|source| self.unreachable(source))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_DOCUMENT_BYTES {
                return Err(self.malformed(what, "the document is larger than 64 MiB".to_owned()));
            }
        }
        serde_json::from_slice(&body).map_err(|error| self.malformed(what, error.to_string()))
    }

    /// Requests `url` from byte `offset` on, following redirects. Any status may come back.
    pub(crate) async fn get(&self, url: Url, what: &str, offset: u64) -> Result<Response, RegistryError> {
        let mut url = url;
        for _ in 0..=MAX_REDIRECTS {
            let accept = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
            let mut request = self.http.get(url.clone()).header(ACCEPT, accept);
            if offset > 0 {
                request = request.header(RANGE, format!("bytes={offset}-"));
            }
            if let Some(secret) = self.config.authorization(&url) {
                let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| {
                    self.malformed(what, "npm's stored credentials hold a line break".to_owned())
                })?;
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
            let response = request
                .send()
                .await
                .map_err(|source| RegistryError::Unreachable {
                    host: host(&url),
                    source: source.without_url(),
                })?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            url = next_hop(&url, &response)?;
        }
        Err(RegistryError::Redirect {
            host: host(&url),
            why: "more than five times in a row",
        })
    }

    pub(crate) fn unreachable(&self, source: reqwest::Error) -> RegistryError {
        RegistryError::Unreachable {
            host: self.host(),
            source: source.without_url(),
        }
    }

    fn malformed(&self, what: &str, why: String) -> RegistryError {
        RegistryError::Malformed {
            host: self.host(),
            what: what.to_owned(),
            why,
        }
    }
}

fn next_hop(from: &Url, response: &Response) -> Result<Url, RegistryError> {
    let refuse = |why| RegistryError::Redirect {
        host: host(from),
        why,
    };
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok());
    let to = location
        .and_then(|text| from.join(text).ok())
        .ok_or_else(|| refuse("to no readable address"))?;
    match (from.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => Ok(to),
        ("https", "http") => Err(refuse("from https to plain http")),
        _ => Err(refuse("to something other than http(s)")),
    }
}

fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or("(no host)");
    url.port()
        .map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn read_certificates(path: &std::path::Path) -> Result<Vec<Certificate>, RegistryError> {
    let fail = |source: Box<dyn std::error::Error + Send + Sync>| RegistryError::Cafile {
        path: path.to_owned(),
        source,
    };
    let pem = std::fs::read(path).map_err(|error| fail(error.into()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| fail(error.into()))?;
    if certificates.is_empty() {
        return Err(fail("it holds no certificate".into()));
    }
    Ok(certificates)
}

/// Feeds a hash from a reader.
pub(crate) struct HashWriter<H>(pub(crate) H);

impl<H: sha2::Digest> Write for HashWriter<H> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_sha512_digest_counts() {
        let digest = STANDARD.encode([7_u8; 64]);
        let cases = [
            (format!("sha512-{digest}"), true),
            (format!("sha1-abc sha512-{digest}"), true),
            (format!("sha512-{digest}?x"), true),
            (format!("sha1-{digest}"), false),
            ("sha512-AAAA".to_owned(), false),
            (String::new(), false),
        ];
        for (text, expected) in cases {
            assert_eq!(Integrity::parse(&text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn a_mirror_serves_its_own_copy() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let cases = [
            (
                "https://mirror.example/npm/",
                "p/-/p-1.tgz",
                "https://mirror.example/npm/p/-/p-1.tgz",
            ),
            (
                "https://mirror.example",
                "p/-/p-1.tgz",
                "https://mirror.example/p/-/p-1.tgz",
            ),
        ];
        for (registry, path, expected) in cases {
            let rc = format!("registry={registry}");
            let registry = Registry::new(NpmConfig::resolve(&Default::default(), &[&rc]).unwrap()).unwrap();
            let url = Url::parse(DEFAULT_REGISTRY).unwrap().join(path).unwrap();
            assert_eq!(registry.own_address(url).as_str(), expected);
        }
    }
}
