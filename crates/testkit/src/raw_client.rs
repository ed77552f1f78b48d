//! Plain HTTP requests to an API server, with nothing between a test and the wire.
//!
//! Requests go over TLS and HTTP/1.1 exactly as written: no header is added but `host`, `authorization` and the length,
//! no path is tidied up, no redirect followed, no body unpacked.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use koc_apiserver::Token;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An answer may take this long to begin, and a whole body to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// Sends requests as they are. Clones share nothing but the settings; each request has a connection of its own, so that
/// no answer depends on the request before it.
#[derive(Clone)]
pub struct RawClient {
    address: String,
    ca_pem: String,
    tls: TlsConnector,
    token: Option<Token>,
}

impl std::fmt::Debug for RawClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawClient(https://{})", self.address)
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// The code.
    pub status: StatusCode,
    /// All headers, as they came.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

impl RawAnswer {
    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none; the error shows it.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{} with a body that is no JSON: {}", self.status, self.text()))
    }
}

/// An answer whose body is still coming, such as a watch or a log.
#[derive(Debug)]
pub struct RawStream {
    /// The code.
    pub status: StatusCode,
    /// All headers, as they came.
    pub headers: HeaderMap,
    body: Incoming,
    buffer: Vec<u8>,
}

impl RawStream {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn chunk(&mut self) -> anyhow::Result<Option<Bytes>> {
        if !self.buffer.is_empty() {
            return Ok(Some(std::mem::take(&mut self.buffer).into()));
        }
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.context("the body broke off")?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The next line without its end; `None` when the body has ended. What follows the last line break is a line too.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn line(&mut self) -> anyhow::Result<Option<String>> {
        let mut line = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if let Some(end) = chunk.iter().position(|&byte| byte == b'\n') {
                line.extend_from_slice(&chunk[..end]);
                self.buffer = chunk[end + 1..].to_vec();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            line.extend_from_slice(&chunk);
        }
        Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()))
    }
}

impl RawClient {
    /// A client of the server at `127.0.0.1:port`, which shows a certificate of this authority.
    ///
    /// # Errors
    /// When the authority's certificate can't be read.
    pub fn new(port: u16, ca_pem: &str, token: Option<Token>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            address: format!("127.0.0.1:{port}"),
            ca_pem: ca_pem.to_owned(),
            tls: TlsConnector::from(Arc::new(config)),
            token,
        })
    }

    /// The same server with another token, or without any.
    #[must_use]
    pub fn with_token(&self, token: Option<Token>) -> Self {
        Self {
            token,
            ..self.clone()
        }
    }

    /// `https://127.0.0.1:…`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// A kubeconfig for programs such as kubectl. It holds the token: write it with mode 0600.
    #[must_use]
    pub fn kubeconfig(&self, namespace: &str) -> Option<String> {
        let token = self.token.as_ref()?;
        Some(koc_apiserver::kubeconfig(
            "test",
            &self.base_url(),
            &self.ca_pem,
            token,
            namespace,
        ))
    }

    /// Sends a request and reads the whole answer. `path` may hold a query.
    ///
    /// # Errors
    /// When no answer comes within 90 seconds or it breaks off. Codes are never errors.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> anyhow::Result<RawAnswer> {
        let about = format!("{method} {path}");
        let answer = self.open(method, path, headers, body).await?;
        let body = tokio::time::timeout(PATIENCE, answer.body.collect())
            .await
            .with_context(|| format!("{about}: the body did not end; `open` reads endless ones"))?
            .with_context(|| format!("{about}: the body broke off"))?;
        Ok(RawAnswer {
            status: answer.status,
            headers: answer.headers,
            body: body.to_bytes(),
        })
    }

    /// Sends a request and returns as soon as the answer begins: for watches and logs.
    ///
    /// # Errors
    /// When no answer begins within 90 seconds.
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> anyhow::Result<RawStream> {
        let about = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).context(about)?;
        let (head, body) = self.request(request).await?.into_parts();
        Ok(RawStream {
            status: head.status,
            headers: head.headers,
            body,
            buffer: Vec::new(),
        })
    }

    /// Sends a request whose URI is a path with or without query, and returns as soon as the answer begins.
    ///
    /// # Errors
    /// When no answer begins within 90 seconds.
    pub async fn request(&self, mut request: Request<Bytes>) -> anyhow::Result<Response<Incoming>> {
        let about = format!("{} {}", request.method(), request.uri());
        let headers = request.headers_mut();
        if !headers.contains_key(HOST) {
            headers.insert(HOST, self.address.parse()?);
        }
        if let Some(token) = &self.token
            && !headers.contains_key(AUTHORIZATION)
        {
            let mut value: http::HeaderValue = format!("Bearer {}", token.secret()).parse()?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if request.body().is_empty() && request.method() != Method::GET {
            request.headers_mut().entry(CONTENT_LENGTH).or_insert(0.into());
        }
        let answer = async {
            let mut connection = self.connect().await?;
            anyhow::Ok(connection.send_request(request.map(Full::new)).await?)
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .with_context(|| format!("{about}: no answer from {} in {PATIENCE:?}", self.address))?
            .with_context(|| format!("{about}: {} gave no answer", self.address))
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("127.0.0.1")?;
        let stream = self.tls.connect(name, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // How a connection ends shows in the answer that was read from it.
            _ = connection.with_upgrades().await;
        });
        Ok(sender)
    }
}
