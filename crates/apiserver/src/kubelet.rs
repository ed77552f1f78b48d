//! Logs, exec, attach and port-forward: the server checks what it knows, the Pod's node does the rest.
//!
//! The very same HTTP request goes on to the node's router with a rewritten path, so that an upgrade of the
//! connection passes through untouched.

use std::collections::HashMap;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::{Method, Uri};
use parking_lot::RwLock;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::api::Api;
use crate::error::ApiError;
use crate::kind::Kind;
use crate::query::Query;
use crate::refusal;

/// The nodes that answer for their Pods.
#[derive(Default)]
pub(crate) struct Kubelets {
    routers: RwLock<HashMap<String, Router>>,
}

impl Kubelets {
    /// Sends requests for Pods of this node to this router from now on.
    pub(crate) fn register(&self, node: &str, router: Router) {
        self.routers.write().insert(node.into(), router);
    }

    fn of(&self, node: &str) -> Option<Router> {
        self.routers.read().get(node).cloned()
    }
}

/// Checks the request against the Pod and hands it to the node.
pub(crate) async fn connect(
    api: &Api,
    kind: &Kind,
    namespace: &str,
    name: &str,
    subresource: &str,
    mut request: Request,
) -> Result<Response, ApiError> {
    let is_allowed = match subresource {
        "log" => *request.method() == Method::GET,
        _ => matches!(*request.method(), Method::GET | Method::POST),
    };
    if !is_allowed {
        return Err(refusal::method_not_allowed());
    }
    let pod = api.get(kind, namespace, name)?;
    let raw = request.uri().query().unwrap_or_default().to_owned();
    let query = Query::parse(&raw);
    let container = match subresource {
        "portforward" => String::new(),
        _ => container(&pod.value, name, query.get("container"))?,
    };
    let node = pod.value["spec"]["nodeName"].as_str().unwrap_or_default();
    if node.is_empty() {
        return match subresource {
            // A Pod that waits for its node has no log yet, which is not an error to a real server either.
            "log" => Ok(Response::new(axum::body::Body::empty())),
            _ => Err(refusal::bad_request(format!(
                "pod {name} does not have a host assigned"
            ))),
        };
    }
    if subresource != "log" {
        let phase = pod.value["status"]["phase"].as_str().unwrap_or_default();
        if matches!(phase, "Succeeded" | "Failed") {
            return Err(refusal::bad_request(format!(
                "cannot {subresource} into a container in a completed pod; current phase is {phase}"
            )));
        }
    }
    let Some(router) = api.kubelets.of(node) else {
        return Err(refusal::unavailable(format!(
            "pod {namespace}/{name} runs on node {node}, which is not connected to this server: no {subresource} until it is"
        )));
    };
    let path = match subresource {
        "log" => format!("/containerLogs/{namespace}/{name}/{container}"),
        "portforward" => format!("/portForward/{namespace}/{name}"),
        other => format!("/{other}/{namespace}/{name}/{container}"),
    };
    let path = if raw.is_empty() {
        path
    } else {
        format!("{path}?{raw}")
    };
    *request.uri_mut() = path
        .parse::<Uri>()
        .map_err(|error| refusal::bad_request(error.to_string()))?;
    match router.oneshot(request).await {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

/// The container asked for, or the default one.
fn container(pod: &Value, name: &str, asked: Option<&str>) -> Result<String, ApiError> {
    let names = |field: &str| -> Vec<String> {
        let list = pod["spec"][field].as_array().into_iter().flatten();
        list.filter_map(|container| container["name"].as_str().map(str::to_owned))
            .collect()
    };
    let (main, init, ephemeral) = (
        names("containers"),
        names("initContainers"),
        names("ephemeralContainers"),
    );
    if let Some(asked) = asked {
        if main
            .iter()
            .chain(&init)
            .chain(&ephemeral)
            .any(|known| known == asked)
        {
            return Ok(asked.into());
        }
        return Err(refusal::bad_request(format!(
            "container {asked} is not valid for pod {name}"
        )));
    }
    let preferred = pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].as_str();
    if let Some(preferred) = preferred.filter(|preferred| main.iter().any(|known| known == preferred)) {
        return Ok(preferred.into());
    }
    match main.as_slice() {
        [only] => Ok(only.clone()),
        _ => {
            let mut message = format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                main.join(" ")
            );
            if !init.is_empty() {
                message.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            Err(refusal::bad_request(message))
        }
    }
}
