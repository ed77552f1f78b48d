//! The server as a tower service, without a network.
//!
//! Most requests are plain calls. A request that upgrades its connection needs a real HTTP connection on both
//! ends, because clients take the upgraded stream from hyper; such a request goes through a pipe in memory.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::header::{HOST, UPGRADE};
use http::{HeaderValue, Request, Response, Uri};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tower::{BoxError, Service};

use crate::api::Api;
use crate::http_front;

/// Bytes in flight in each direction of an upgraded connection.
const PIPE: usize = 64 << 10;

/// See [`crate::ApiServer::service`].
#[derive(Clone)]
pub struct LocalService {
    api: Api,
}

impl std::fmt::Debug for LocalService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalService")
    }
}

impl LocalService {
    pub(crate) fn new(api: Api) -> Self {
        Self { api }
    }
}

impl<B> Service<Request<B>> for LocalService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let api = self.api.clone();
        let request = request.map(Body::new);
        if request.headers().contains_key(UPGRADE) {
            Box::pin(through_pipe(api, request))
        } else {
            Box::pin(async move { Ok(http_front::handle(api, request).await) })
        }
    }
}

async fn through_pipe(api: Api, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let serve = service_fn(move |request: Request<hyper::body::Incoming>| {
        let api = api.clone();
        async move { Ok::<_, Infallible>(http_front::handle(api, request.map(Body::new)).await) }
    });
    tokio::spawn(async move {
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), serve);
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "an in-process connection ended early");
        }
    });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "an in-process connection ended early");
        }
    });
    // HTTP/1 wants the path alone in the request line, and a host.
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    *request.uri_mut() = path.parse::<Uri>()?;
    request
        .headers_mut()
        .entry(HOST)
        .or_insert(HeaderValue::from_static("localhost"));
    let response = sender.send_request(request).await?;
    Ok(response.map(Body::new))
}
