//! A server to send requests to, whichever it is.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use koc_apiserver::ApiServer;
use koc_testkit::{ClusterKind, RealServer};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// How long anything may take before the test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The controllers whose work the cases look at, and none that would change what a case has just written.
const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,serviceaccount-controller";

/// One of the two servers.
pub(crate) enum Server {
    Embedded(ApiServer),
    Real(Box<RealServer>),
}

impl Server {
    pub(crate) async fn embedded() -> anyhow::Result<Self> {
        Ok(Self::Embedded(ApiServer::builder().build().await?))
    }

    /// A running kube-apiserver, if this run is to use one.
    pub(crate) async fn real() -> anyhow::Result<Option<Self>> {
        if ClusterKind::of_this_run()? == ClusterKind::Embedded {
            return Ok(None);
        }
        let found = Box::pin(RealServer::start_with(Vec::new(), CONTROLLERS)).await?;
        Ok(Some(Self::Real(Box::new(found))))
    }

    /// Ends the server.
    pub(crate) async fn stop(self) {
        match self {
            Self::Embedded(server) => server.shutdown().await,
            Self::Real(server) => drop(server),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Real(_) => "real",
        }
    }

    /// Sends a request and returns its answer with the body still to come.
    pub(crate) async fn send(&self, request: Request<String>) -> anyhow::Result<Response<Body>> {
        match self {
            Self::Embedded(server) => {
                let sent = server.service().oneshot(request.map(Body::from));
                let answer = tokio::time::timeout(PATIENCE, sent)
                    .await
                    .context("no answer came in time")?;
                answer.map_err(|error| anyhow::anyhow!("{error}"))
            }
            Self::Real(server) => {
                let answer = server.raw().request(request.map(Bytes::from)).await?;
                Ok(answer.map(Body::new))
            }
        }
    }

    /// Sends JSON and returns the code and the body of the answer.
    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<(u16, String)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("user-agent", "setup/1.0")
            .body(body.map(Value::to_string).unwrap_or_default())?;
        let (head, body) = self.send(request).await?.into_parts();
        Ok((head.status.as_u16(), text(body).await?))
    }

    /// Makes an object that a case needs.
    async fn make(&self, path: &str, object: &Value) -> anyhow::Result<()> {
        let (code, answer) = self.call("POST", path, Some(object)).await?;
        ensure!(
            code == 201,
            "{}: POST {path} answered {code}: {answer}",
            self.name()
        );
        Ok(())
    }

    pub(crate) async fn make_namespace(&self, name: &str) -> anyhow::Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.make("/api/v1/namespaces", &object).await?;
        // Pods are refused without it.
        let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        tokio::time::timeout(PATIENCE, self.until_found(&account))
            .await
            .context("the namespace got no service account")?
    }

    /// Registers definitions and waits until what they define can be listed.
    pub(crate) async fn define(&self, definitions: &[Value]) -> anyhow::Result<()> {
        const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        for definition in definitions {
            self.make(PATH, definition).await?;
        }
        for definition in definitions {
            let spec = &definition["spec"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            for version in spec["versions"].as_array().into_iter().flatten() {
                if version["served"] != json!(true) {
                    continue;
                }
                let path = format!(
                    "/apis/{}/{}/{}",
                    text(&spec["group"]),
                    text(&version["name"]),
                    text(&spec["names"]["plural"])
                );
                tokio::time::timeout(PATIENCE, self.until_found(&path))
                    .await
                    .with_context(|| format!("{} was never served", path))??;
            }
        }
        Ok(())
    }

    async fn until_found(&self, path: &str) -> anyhow::Result<()> {
        while self.call("GET", path, None).await?.0 != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// A whole body as text.
pub(crate) async fn text(body: Body) -> anyhow::Result<String> {
    let bytes = tokio::time::timeout(PATIENCE, body.collect())
        .await
        .context("the body did not end in time")??
        .to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
