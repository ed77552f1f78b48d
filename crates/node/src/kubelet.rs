//! The routes a kubelet serves.

mod channel;
mod exec;
mod follow;
mod logs;
mod port_forward;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::handle::{Context, LiveContainer, PodHandle};

/// All routes. Callers must have authorized the request.
pub(crate) fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/containerLogs/{namespace}/{pod}/{container}", get(logs::logs))
        .route(
            "/exec/{namespace}/{pod}/{container}",
            get(exec::exec).post(exec::exec),
        )
        .route(
            "/attach/{namespace}/{pod}/{container}",
            get(exec::attach).post(exec::attach),
        )
        .route(
            "/portForward/{namespace}/{pod}",
            get(port_forward::forward).post(port_forward::forward),
        )
        .with_state(context)
}

/// A refusal, answered as a Kubernetes `Status`.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let reason = if self.0 == StatusCode::NOT_FOUND {
            "NotFound"
        } else {
            "BadRequest"
        };
        let status = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.1, "reason": reason, "code": self.0.as_u16(),
        });
        (self.0, axum::Json(status)).into_response()
    }
}

fn pod(context: &Context, namespace: &str, name: &str) -> Result<Arc<PodHandle>, Refusal> {
    let missing = || {
        Refusal(
            StatusCode::NOT_FOUND,
            format!("pod {namespace}/{name} is not on this node"),
        )
    };
    context.find(namespace, name).ok_or_else(missing)
}

fn known(pod: &PodHandle, container: &str) -> Result<(), Refusal> {
    if pod.containers.iter().any(|c| c == container) {
        return Ok(());
    }
    let all = pod.containers.join(", ");
    Err(Refusal(
        StatusCode::BAD_REQUEST,
        format!("pod {} has no container {container}; it has {all}", pod.pod),
    ))
}

fn live(pod: &PodHandle, container: &str) -> Result<LiveContainer, Refusal> {
    known(pod, container)?;
    let idle = || {
        Refusal(
            StatusCode::BAD_REQUEST,
            format!("container {container} of pod {} is not running", pod.pod),
        )
    };
    pod.running(container).ok_or_else(idle)
}

/// A yes-or-no query parameter.
fn flag(query: &[(String, String)], name: &str) -> bool {
    query
        .iter()
        .any(|(key, value)| key == name && matches!(value.as_str(), "true" | "1"))
}

fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.as_str())
}

/// A number in the query.
fn number(query: &[(String, String)], name: &str) -> Result<Option<u64>, Refusal> {
    let bad = || {
        Refusal(
            StatusCode::BAD_REQUEST,
            format!("{name} must be a whole number, not negative"),
        )
    };
    parameter(query, name)
        .map(|text| text.parse().map_err(|_| bad()))
        .transpose()
}
