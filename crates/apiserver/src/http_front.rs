//! The front door: from an HTTP request to a verb, and from its outcome to a response.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WARNING};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use crate::api::Api;
use crate::call::{Call, Identity};
use crate::error::ApiError;
use crate::kind::Kind;
use crate::query::Query;
use crate::route::{Place, Route};
use crate::verbs::{self, Answer, Sub};
use crate::{discovery, kubelet, media, refusal, review};

/// The largest body a request may have: three mebibytes, as with a real server.
const BODY_LIMIT: usize = 3 << 20;

/// Answers one request; never fails, since failures are answers too.
pub(crate) async fn handle(api: Api, request: Request) -> Response {
    match dispatch(api, request).await {
        Ok(response) => response,
        Err(error) => refuse(&error),
    }
}

/// A refusal as a response.
pub(crate) fn refuse(error: &ApiError) -> Response {
    let mut response = respond(&Answer::json(error.code, &error.to_status()), &[]);
    let seconds = error
        .details
        .as_ref()
        .and_then(|details| details.get("retryAfterSeconds"))
        .and_then(|s| s.as_u64());
    if let Some(seconds) = seconds {
        response
            .headers_mut()
            .insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An answer as a response, with its warnings.
fn respond(answer: &Answer, warnings: &[String]) -> Response {
    let mut response = Response::new(Body::from(answer.body.clone()));
    *response.status_mut() = StatusCode::from_u16(answer.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    for warning in warnings {
        let quoted = warning
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace(|c: char| c.is_control(), " ");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            headers.append(WARNING, value);
        }
    }
    response
}

async fn dispatch(api: Api, request: Request) -> Result<Response, ApiError> {
    match Route::parse(request.uri().path()) {
        Route::Root(segments) => {
            only_get(request.method())?;
            discovery::root(&api, &segments, &request)
        }
        Route::GroupVersion { group, version } => {
            only_get(request.method())?;
            let list = discovery::group_version(&api, &group, &version)?;
            Ok(respond(&Answer::json(200, &list), &[]))
        }
        Route::Resource(place) => resource(api, place, request).await,
    }
}

fn only_get(method: &Method) -> Result<(), ApiError> {
    if matches!(*method, Method::GET | Method::HEAD) {
        Ok(())
    } else {
        Err(refusal::method_not_allowed())
    }
}

async fn resource(api: Api, place: Place, request: Request) -> Result<Response, ApiError> {
    let identity = request
        .extensions()
        .get::<Identity>()
        .cloned()
        .unwrap_or_default();
    if review::is_review(&place) {
        let (parts, body) = read(request).await?;
        let answer = review::answer(&parts, &place, &body, &identity)?;
        return Ok(respond(&answer, &[]));
    }
    let kind = api
        .kinds()
        .at(&place.group, &place.version, &place.resource)
        .cloned()
        .ok_or_else(refusal::no_such_path)?;
    if !kind.namespaced && place.namespace.is_some() {
        return Err(refusal::no_such_path());
    }
    if let (Some(subresource), Some(name)) = (&place.subresource, &place.name)
        && kind.subresources.connect.contains(&subresource.as_str())
    {
        let namespace = place.namespace.as_deref().unwrap_or_default();
        return kubelet::connect(&api, &kind, namespace, name, subresource, request).await;
    }
    let (parts, body) = read(request).await?;
    let mut call = Call {
        api,
        kind,
        namespace: place.namespace.clone().unwrap_or_default(),
        name: place.name.clone().unwrap_or_default(),
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        form: media::form(&parts.headers)?,
        headers: parts.headers,
        warnings: Vec::new(),
    };
    if parts.method == Method::GET && place.subresource.is_none() && call.query.flag("watch") {
        return verbs::watch(call);
    }
    let answer = Box::pin(verb(&mut call, &place, &parts.method, &body)).await?;
    Ok(respond(&answer, &call.warnings))
}

/// Chooses the verb by method, name and subresource.
async fn verb(call: &mut Call, place: &Place, method: &Method, body: &Bytes) -> Result<Answer, ApiError> {
    let kind: Arc<Kind> = call.kind.clone();
    if call.kind.namespaced
        && call.namespace.is_empty()
        && (!call.name.is_empty() || *method == Method::DELETE)
    {
        return Err(refusal::no_such_path());
    }
    let sub = match place.subresource.as_deref() {
        None => Sub::Main,
        Some("status") if kind.subresources.status => Sub::Status,
        Some("scale") if kind.subresources.scale.is_some() => return verbs::scale(call, method, body).await,
        Some("finalize") if kind.plural == "namespaces" && kind.group.is_empty() => {
            if *method != Method::PUT {
                return Err(refusal::method_not_allowed());
            }
            Sub::Finalize
        }
        Some(other) if kind.group.is_empty() => {
            return match (kind.plural.as_str(), other, method) {
                ("pods", "eviction", &Method::POST) => verbs::evict(call, body).await,
                ("pods", "binding", &Method::POST) => verbs::bind(call, body).await,
                ("serviceaccounts", "token", &Method::POST) => review::service_account_token(call, body),
                ("pods", "eviction" | "binding", _) | ("serviceaccounts", "token", _) => {
                    Err(refusal::method_not_allowed())
                }
                _ => Err(refusal::no_such_path()),
            };
        }
        Some(_) => return Err(refusal::no_such_path()),
    };
    match (method, call.name.is_empty()) {
        (&Method::GET | &Method::HEAD, false) => verbs::get(call),
        (&Method::GET | &Method::HEAD, true) => verbs::list(call),
        (&Method::POST, true) => verbs::create(call, body).await,
        (&Method::PUT, false) => verbs::update(call, body, sub).await,
        (&Method::PATCH, false) => verbs::patch(call, body, sub).await,
        (&Method::DELETE, false) if sub == Sub::Main => verbs::delete(call, body).await,
        // Emptying the cluster of namespaces in one request is not offered, as with a real server.
        (&Method::DELETE, true) if kind.plural != "namespaces" => verbs::delete_collection(call, body).await,
        _ => Err(refusal::method_not_allowed()),
    }
}

/// Takes the whole body, up to the limit.
async fn read(request: Request) -> Result<(Parts, Bytes), ApiError> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        if source.is_some_and(|source| source.is::<http_body_util::LengthLimitError>()) {
            refusal::too_large_body(BODY_LIMIT)
        } else {
            refusal::bad_request(format!("the body of the request could not be read: {error}"))
        }
    })?;
    Ok((parts, body))
}
