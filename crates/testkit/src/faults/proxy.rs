//! The same trouble on the network: a reverse proxy in front of any server that a client reaches.

use std::net::SocketAddr;

use anyhow::Context as _;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use kube::config::Config;
use kube::{Client, client};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tower::{BoxError, Service as _};

use super::layer::AnswerBody;
use super::record::Faults;

/// Listens on loopback and passes requests on to where a client leads, with that client's rights. A cut connection is a cut
/// connection here, and a torn watch a torn stream. It ends when it is dropped.
///
/// It speaks plain HTTP/1.1; the way from it to the server is as secure as the client behind it. Since it lends out that
/// client's rights, it asks for a token that [`client`](Self::client) knows. Upgraded connections (exec, attach) are refused.
pub struct FaultProxy {
    addr: SocketAddr,
    token: String,
    namespace: String,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts to listen on any free port.
    ///
    /// # Errors
    /// When loopback can't be listened on.
    pub async fn start(upstream: Client, faults: Faults) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let token = koc_apiserver::Token::random().secret().to_owned();
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
        let namespace = upstream.default_namespace().to_owned();
        let accepting = tokio::spawn(accept(listener, upstream, faults, bearer));
        Ok(Self {
            addr,
            token,
            namespace,
            accepting,
        })
    }

    /// A client as the product makes it for a cluster, retries included, that reaches the server through the proxy.
    ///
    /// # Errors
    /// When the client can't be made.
    pub fn client(&self) -> anyhow::Result<Client> {
        self.client_with_token(&self.token)
    }

    /// The same with another token, which the proxy does not know.
    ///
    /// # Errors
    /// When the client can't be made.
    pub fn client_with_token(&self, token: &str) -> anyhow::Result<Client> {
        let uri = format!("http://{}", self.addr).parse()?;
        let mut config = Config::new(uri);
        config.default_namespace = self.namespace.clone();
        config.auth_info.token = Some(token.to_owned().into());
        client::ClientBuilder::try_from(config)
            .map(client::ClientBuilder::build)
            .context("no client for the proxy")
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, upstream: Client, faults: Faults, bearer: HeaderValue) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let Ok((stream, _)) = accepted else {
            continue;
        };
        let (upstream, faults, bearer) = (upstream.clone(), faults.clone(), bearer.clone());
        connections.spawn(async move {
            let serve =
                service_fn(move |request| pass(upstream.clone(), faults.clone(), bearer.clone(), request));
            // An error means that the connection was cut, which is what the proxy is for.
            _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), serve)
                .await;
        });
    }
}

/// One request. An error makes hyper cut the connection without an answer.
async fn pass(
    upstream: Client,
    faults: Faults,
    bearer: HeaderValue,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, BoxError> {
    let (mut parts, body) = request.into_parts();
    if parts.headers.get(AUTHORIZATION) != Some(&bearer) {
        return Ok(bare(StatusCode::UNAUTHORIZED));
    }
    if parts.headers.contains_key(http::header::UPGRADE) {
        return Ok(bare(StatusCode::NOT_IMPLEMENTED));
    }
    for name in [AUTHORIZATION, HOST] {
        parts.headers.remove(name);
    }
    let body = body.collect().await?.to_bytes();
    let request = Request::from_parts(parts, Body::from(body));
    faults.layer().around(upstream).call(request).await
}

fn bare(code: StatusCode) -> Response<AnswerBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response
}
