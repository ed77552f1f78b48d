//! Repositories by HTTP or HTTPS.

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request as HttpRequest, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::{authority::Authority, backend, sources::Sources};

/// What a server does besides serving. May be changed while it runs.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// User and password that everybody must give.
    pub password: Option<(String, String)>,
    /// This status for so many requests from now on.
    pub failures: Option<(u16, u32)>,
    /// No request is ever answered whose body holds this. `command=fetch` is in every request for objects.
    pub hang: Option<String>,
    /// Requests, once they have given the right password if there is one, are sent to another server: its address
    /// without a path.
    pub redirect: Option<String>,
}

/// A request that a server got.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method, path and query.
    pub line: String,
    /// What it brought as `Authorization`.
    pub authorization: Option<String>,
    /// The body, as far as it is text.
    pub body: String,
}

/// A server for the repositories of a directory.
#[derive(Debug)]
pub struct HttpServer {
    scheme: &'static str,
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<Request>>,
}

impl HttpServer {
    /// Starts a server without TLS.
    ///
    /// # Errors
    ///
    /// When there is no port.
    pub async fn plain(sources: &Sources) -> anyhow::Result<Self> {
        Self::start(sources, None).await
    }

    /// Starts a server with a certificate for `localhost` and `127.0.0.1`.
    ///
    /// # Errors
    ///
    /// When there is no port or no certificate.
    pub async fn encrypted(sources: &Sources, authority: &Authority) -> anyhow::Result<Self> {
        let acceptor = authority.acceptor(&["localhost", "127.0.0.1"])?;
        Self::start(sources, Some(acceptor)).await
    }

    async fn start(sources: &Sources, acceptor: Option<TlsAcceptor>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            root: sources.path().to_owned(),
            behaviour: Mutex::default(),
            requests: Mutex::default(),
        });
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let task = tokio::spawn(accept(listener, acceptor, Arc::clone(&shared)));
        Ok(Self {
            scheme,
            port,
            shared,
            task,
        })
    }

    /// The server's address without a path, by the name `127.0.0.1`.
    pub fn origin(&self) -> String {
        self.origin_as("127.0.0.1")
    }

    /// The same by another name.
    pub fn origin_as(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.port)
    }

    /// The address of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.origin())
    }

    /// Changes what the server does.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock());
    }

    /// The requests that came so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move { connection(stream, acceptor, shared).await });
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    match acceptor {
        // Who does not trust the certificate goes away.
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, shared).await;
            }
        }
        None => serve(stream, shared).await,
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { shared.answer(request).await }
    });
    // A client that goes away is no failure of the server.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Shared {
    async fn answer(&self, request: HttpRequest<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let authorization = value(&parts.headers, header::AUTHORIZATION.as_str());
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        self.requests.lock().push(Request {
            line: format!("{} {target}", parts.method),
            authorization: authorization.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        let behaviour = {
            let mut behaviour = self.behaviour.lock();
            let now = behaviour.clone();
            if let Some((_, left)) = &mut behaviour.failures {
                *left = left.saturating_sub(1);
            }
            now
        };
        if let Some((status, 1..)) = behaviour.failures {
            return Ok(empty(StatusCode::from_u16(status)?));
        }
        if let Some((user, password)) = &behaviour.password {
            let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            if authorization.as_deref() != Some(expected.as_str()) {
                let mut response = empty(StatusCode::UNAUTHORIZED);
                let challenge = HeaderValue::from_static("Basic realm=\"gitkit\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                return Ok(response);
            }
        }
        if let Some(origin) = &behaviour.redirect {
            let mut response = empty(StatusCode::FOUND);
            let place = HeaderValue::from_str(&format!("{origin}{target}"))?;
            response.headers_mut().insert(header::LOCATION, place);
            return Ok(response);
        }
        let holds = |text: String| {
            body.windows(text.len().max(1))
                .any(|part| part == text.as_bytes())
        };
        if behaviour.hang.is_some_and(holds) {
            std::future::pending::<()>().await;
        }
        backend::answer(&self.root, parts.uri.path(), &parts, body).await
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
