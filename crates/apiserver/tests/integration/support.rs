//! A server in memory and a way to send it requests.

use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use koc_apiserver::ApiServer;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) struct Server {
    pub(crate) api: ApiServer,
}

pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// Code and reason of a refusal, code and empty text of a success.
    pub(crate) fn verdict(&self) -> (u16, &str) {
        let reason = self.body["reason"]
            .as_str()
            .filter(|_| self.body["kind"] == "Status");
        (self.code, reason.unwrap_or_default())
    }

    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

pub(crate) async fn server() -> Server {
    Server {
        api: ApiServer::builder().build().await.unwrap(),
    }
}

impl Server {
    pub(crate) fn client(&self) -> kube::Client {
        kube::Client::new(self.api.service(), "default")
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("user-agent", "test/1.0");
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        self.raw(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> Reply {
        let response = self.api.service().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Reply {
            code: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "", Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, "application/json", body.to_string())
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send("PUT", path, "application/json", body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, dialect: &str, body: &Value) -> Reply {
        let suffix = if dialect == "apply-patch" { "yaml" } else { "json" };
        self.send(
            "PATCH",
            path,
            &format!("application/{dialect}+{suffix}"),
            body.to_string(),
        )
        .await
    }

    pub(crate) async fn delete(&self, path: &str, options: Value) -> Reply {
        self.send("DELETE", path, "application/json", options.to_string())
            .await
    }

    /// Creates, and insists on success.
    pub(crate) async fn made(&self, path: &str, body: &Value) -> Value {
        let reply = self.post(path, body).await;
        assert_eq!(reply.code, 201, "{}", reply.body);
        reply.body
    }

    /// Waits until a GET answers as wanted, woken by writes.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Reply) -> bool) -> Reply {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let reply = self.get(path).await;
            if wanted(&reply) {
                return reply;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{path} stayed {} {}",
                reply.code,
                reply.body
            );
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn until_gone(&self, path: &str) {
        self.until(path, |reply| reply.code == 404).await;
    }

    /// The lines of a watch, as they come.
    pub(crate) async fn watch(&self, path: &str) -> Lines {
        self.watch_as(path, "application/json").await
    }

    pub(crate) async fn watch_as(&self, path: &str, accept: &str) -> Lines {
        let request = Request::builder()
            .uri(path)
            .header("accept", accept)
            .body(Body::empty())
            .unwrap();
        let response = self.api.service().oneshot(request).await.unwrap();
        Lines {
            code: response.status().as_u16(),
            body: response.into_body(),
            buffer: Vec::new(),
        }
    }
}

pub(crate) struct Lines {
    pub(crate) code: u16,
    body: Body,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next line; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(std::time::Duration::from_secs(20), self.body.frame()).await;
            let frame = frame.expect("the watch has something to say")?;
            self.buffer
                .extend_from_slice(&frame.unwrap().into_data().unwrap_or_default());
        }
    }

    /// Type and name of the next event.
    pub(crate) async fn event(&mut self) -> (String, String) {
        let line = self.next().await.expect("the watch goes on");
        let name = line["object"]["metadata"]["name"].as_str().unwrap_or_default();
        (
            line["type"].as_str().unwrap_or_default().to_owned(),
            name.to_owned(),
        )
    }
}

pub(crate) fn config_map(name: &str) -> Value {
    serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

pub(crate) fn pod(name: &str, node: Option<&str>) -> Value {
    let mut pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "busybox"}]},
    });
    if let Some(node) = node {
        pod["spec"]["nodeName"] = node.into();
    }
    pod
}

pub(crate) const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// The definition of `widgets.example.com`, with status, scale, defaults and a rule.
pub(crate) fn widget_crd() -> Value {
    serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
                },
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "spec": {
                            "type": "object",
                            "properties": {
                                "size": {"type": "integer", "default": 3, "minimum": 1},
                                "replicas": {"type": "integer"},
                                "color": {"type": "string", "enum": ["red", "blue"]},
                                "fixed": {"type": "string", "x-kubernetes-validations": [
                                    {"rule": "self == oldSelf", "message": "fixed cannot be changed"},
                                ]},
                            },
                        },
                        "status": {
                            "type": "object",
                            "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}},
                        },
                    },
                }},
            }],
        },
    })
}

pub(crate) const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

/// Registers the widgets and waits until they are served.
pub(crate) async fn with_widgets(server: &Server) {
    server.made(CRDS, &widget_crd()).await;
    server
        .until(&format!("{CRDS}/widgets.example.com"), |reply| {
            reply.body["status"]["conditions"].as_array().is_some_and(|list| {
                list.iter()
                    .any(|c| c["type"] == "Established" && c["status"] == "True")
            })
        })
        .await;
}
