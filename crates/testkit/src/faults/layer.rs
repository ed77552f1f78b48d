//! Trouble as a tower layer: around the service of a `kube::Client`, in process.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::{BoxError, Layer, Service, ServiceExt as _};

use super::call::{Call, Verb};
use super::fault::Fault;
use super::record::{Faults, Ticket};
use super::watch_body::WatchBody;

/// The body of an answer.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

type Answer = Result<Response<AnswerBody>, BoxError>;

/// See [`Faults::layer`].
#[derive(Debug, Clone)]
pub struct FaultLayer(Faults);

impl FaultLayer {
    pub(super) fn new(faults: Faults) -> Self {
        Self(faults)
    }

    /// Around a whole client, with its authentication and its address.
    pub(super) fn around(
        &self,
        upstream: Client,
    ) -> FaultService<
        impl Service<
            Request<Body>,
            Response = Response<Body>,
            Error = kube::Error,
            Future = impl Future<Output = Result<Response<Body>, kube::Error>> + Send + use<>,
        > + Clone
        + Send
        + use<>,
    > {
        self.layer(tower::service_fn(move |request| {
            let upstream = upstream.clone();
            async move { upstream.send(request).await }
        }))
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = FaultService<S>;

    fn layer(&self, inner: S) -> FaultService<S> {
        FaultService {
            inner,
            faults: self.0.clone(),
        }
    }
}

/// A service whose answers suffer. Requests that upgrade their connection pass unharmed.
#[derive(Debug, Clone)]
pub struct FaultService<S> {
    inner: S,
    faults: Faults,
}

impl<S, B> Service<Request<Body>> for FaultService<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // The inner service is asked when a request really goes to it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (inner, faults) = (self.inner.clone(), self.faults.clone());
        Box::pin(async move {
            if request.headers().contains_key(UPGRADE) {
                return ask(inner, request).await;
            }
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await?;
            let call = Call::of(&parts.method, &parts.uri, &body);
            suffer(inner, faults, call, parts, body).await
        })
    }
}

async fn suffer<S, B>(inner: S, faults: Faults, call: Call, mut parts: Parts, body: Bytes) -> Answer
where
    S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let verb = call.verb;
    let ticket = faults.decide(call);
    let fault = ticket.fault;
    match fault {
        Some(Fault::Delay(by)) => tokio::time::sleep(by).await,
        Some(Fault::StaleList(_)) => parts.uri = at_revision(&parts.uri, ticket.revision)?,
        Some(Fault::Conflict) => {
            let text =
                "the object has been modified; please apply your changes to the latest version and try again";
            return refuse(409, "Conflict", text, None);
        }
        Some(Fault::Expired) => return refuse(410, "Expired", "too old resource version", None),
        Some(Fault::TooManyRequests(seconds)) => {
            let text = "the server has received too many requests and has asked us to try again later";
            return refuse(429, "TooManyRequests", text, Some(seconds));
        }
        Some(Fault::ServerError) => {
            return refuse(500, "InternalError", "Internal error occurred", None);
        }
        Some(Fault::WatchExpired) => {
            let status = status(410, "Expired", "too old resource version", None);
            let event = format!("{}\n", json!({"type": "ERROR", "object": status}));
            return Ok(answer(200, event.into()));
        }
        Some(Fault::CutBefore) => return Err(cut()),
        Some(Fault::HangBefore) => return hang(&faults).await,
        Some(Fault::CutAfter | Fault::HangAfter | Fault::WatchCut(..)) | None => {}
    }
    let request = Request::from_parts(parts, Body::from(body));
    if verb == Verb::Watch {
        let answer = ask(inner, request).await?;
        faults.answered(&ticket, answer.status().as_u16(), None);
        return Ok(match fault {
            Some(Fault::WatchCut(after, ending)) if answer.status().is_success() => {
                answer.map(|body| WatchBody::new(body, after, ending).boxed_unsync())
            }
            _ => answer,
        });
    }
    // On its own, as behind a network: a client that goes away takes nothing back.
    let reached = tokio::spawn(reach(inner, faults.clone(), ticket, request));
    let answer = reached.await??;
    match fault {
        Some(Fault::CutAfter) => Err(cut()),
        Some(Fault::HangAfter) => hang(&faults).await,
        _ => Ok(answer),
    }
}

/// Asks the server, and notes what it said.
async fn reach<S, B>(inner: S, faults: Faults, ticket: Ticket, request: Request<Body>) -> Answer
where
    S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let _under_way = faults.begin();
    let (parts, body) = ask(inner, request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    faults.answered(&ticket, parts.status.as_u16(), revision_of(&body));
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    Ok(Response::from_parts(parts, body))
}

async fn ask<S, B>(inner: S, request: Request<Body>) -> Answer
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let answer = inner.oneshot(request).await.map_err(Into::into)?;
    Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
}

async fn hang(faults: &Faults) -> Answer {
    faults.hangs();
    std::future::pending().await
}

/// The same list as it was at a revision. A list that names a version or a page itself is left as it is.
fn at_revision(uri: &Uri, revision: Option<u64>) -> Result<Uri, BoxError> {
    let query = uri.query().unwrap_or_default();
    let names = |name: &str| query.split('&').any(|pair| pair.starts_with(name));
    let Some(revision) = revision.filter(|_| !names("resourceVersion=") && !names("continue=")) else {
        return Ok(uri.clone());
    };
    let query = format!("{query}&resourceVersion={revision}&resourceVersionMatch=Exact");
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{}?{}", uri.path(), query.trim_start_matches('&')).parse()?);
    Ok(Uri::from_parts(parts)?)
}

/// The revision that an object or list was answered at.
fn revision_of(body: &[u8]) -> Option<u64> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok()
}

fn cut() -> BoxError {
    io::Error::new(
        io::ErrorKind::ConnectionReset,
        "the connection was cut, as planned",
    )
    .into()
}

fn refuse(code: u16, reason: &str, message: &str, retry_after: Option<u32>) -> Answer {
    let mut answer = answer(
        code,
        status(code, reason, message, retry_after).to_string().into(),
    );
    if let Some(seconds) = retry_after {
        answer
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(answer)
}

fn status(code: u16, reason: &str, message: &str, retry_after: Option<u32>) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "code": code, "message": format!("{message} (planned fault)"),
        "details": {"retryAfterSeconds": retry_after.unwrap_or_default()},
    })
}

fn answer(code: u16, body: Bytes) -> Response<AnswerBody> {
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}
