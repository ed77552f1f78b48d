//! Brings the objects of a manifest to an API server, in an order in which they can stand on each other.

use http::header::WARNING;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use koc_api::names::group;
use kube::Client;
use kube::api::{Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::core::request::Request as Verb;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, Status};
use kube::discovery::{self, Scope};
use serde_json::Value;

use crate::manifest::{Document, Origin};

/// An object the API server did not take.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// No such kind.
    #[error("{origin}: there is no kind {kind} in {api_version} here; check apiVersion and kind")]
    UnknownKind {
        /// Where the object stands.
        origin: Origin,
        /// Its kind.
        kind: String,
        /// Its apiVersion.
        api_version: String,
    },
    /// The server refuses it.
    #[error("{origin}: {title} was refused: {message}")]
    Refused {
        /// Where the object stands.
        origin: Origin,
        /// Kind and name.
        title: String,
        /// The server's words.
        message: String,
    },
    /// The server could not be talked to.
    #[error("{origin}: {title} could not be sent to the API server")]
    Transport {
        /// Where the object stands.
        origin: Origin,
        /// Kind and name.
        title: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What became of one object.
#[derive(Debug)]
pub struct Applied {
    /// The object as the server has it now.
    pub object: DynamicObject,
    /// What the server had to remark, such as unknown fields.
    pub warnings: Vec<String>,
    /// Whether it was not there before.
    pub created: bool,
}

/// Sorts so that what others refer to comes first and Tasks come last.
pub(crate) fn in_order_of_dependency(documents: &mut [Document]) {
    documents.sort_by_key(|document| match document.kind() {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "KubeOpenCodeConfig" => 3,
        "AgentTemplate" => 4,
        "Agent" => 5,
        "CronTask" => 8,
        "Task" => 9,
        _ => 2,
    });
}

/// Applies `document` as the user's, to `namespace` where it names none itself.
///
/// # Errors
/// Names the place in the manifest and what the server said.
pub(crate) async fn apply(
    client: &Client,
    document: &Document,
    namespace: &str,
) -> Result<Applied, ApplyError> {
    let (resource, namespaced) = resource_of(client, document).await?;
    let mut value = document.value.clone();
    let own = document.text("/metadata/namespace").to_owned();
    let namespace = namespaced.then(|| if own.is_empty() { namespace.to_owned() } else { own });
    match &namespace {
        Some(namespace) => value["metadata"]["namespace"] = Value::from(namespace.as_str()),
        None => {
            if let Some(metadata) = value["metadata"].as_object_mut() {
                metadata.remove("namespace");
            }
        }
    }
    let request = request(&resource, namespace.as_deref(), document, &value)
        .map_err(|error| transport(document, error))?;
    let (parts, body) = client
        .send(request.map(Body::from))
        .await
        .map_err(|error| transport(document, error))?
        .into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| transport(document, error))?
        .to_bytes();
    if !parts.status.is_success() {
        let message = serde_json::from_slice::<Status>(&body)
            .map(|status| status.message)
            .unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned());
        return Err(ApplyError::Refused {
            origin: document.origin.clone(),
            title: document.title(),
            message,
        });
    }
    Ok(Applied {
        object: serde_json::from_slice(&body).map_err(|error| transport(document, error))?,
        warnings: warnings(&parts.headers),
        created: parts.status == StatusCode::CREATED,
    })
}

async fn resource_of(client: &Client, document: &Document) -> Result<(ApiResource, bool), ApplyError> {
    let (api_version, kind) = (document.text("/apiVersion"), document.kind());
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    match discovery::pinned_kind(client, &GroupVersionKind::gvk(group, version, kind)).await {
        Ok((resource, capabilities)) => Ok((resource, capabilities.scope == Scope::Namespaced)),
        Err(kube::Error::Discovery(_)) => Err(unknown_kind(document)),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(unknown_kind(document)),
        Err(error) => Err(transport(document, error)),
    }
}

fn unknown_kind(document: &Document) -> ApplyError {
    ApplyError::UnknownKind {
        origin: document.origin.clone(),
        kind: document.kind().to_owned(),
        api_version: document.text("/apiVersion").to_owned(),
    }
}

/// A server-side apply; for a generated name, which cannot be applied, a create.
fn request(
    resource: &ApiResource,
    namespace: Option<&str>,
    document: &Document,
    value: &Value,
) -> Result<Request<Vec<u8>>, kube::core::request::Error> {
    let verb = Verb::new(<DynamicObject as kube::Resource>::url_path(resource, namespace));
    let name = document.text("/metadata/name");
    if name.is_empty() {
        let params = PostParams {
            field_manager: Some(group::USER_FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let body = serde_json::to_vec(value).map_err(kube::core::request::Error::SerializeBody)?;
        verb.create(&params, body)
    } else {
        let params = PatchParams::apply(group::USER_FIELD_MANAGER)
            .force()
            .validation_warn();
        verb.patch(name, &params, &Patch::Apply(value))
    }
}

fn transport(document: &Document, source: impl std::error::Error + Send + Sync + 'static) -> ApplyError {
    ApplyError::Transport {
        origin: document.origin.clone(),
        title: document.title(),
        source: Box::new(source),
    }
}

/// The texts of `Warning: 299 - "text"` headers.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let text = |header: &str| {
        let quoted = header.splitn(3, ' ').nth(2)?.trim();
        let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
        Some(inner.replace("\\\"", "\"").replace("\\\\", "\\"))
    };
    headers
        .get_all(WARNING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|header| text(header).unwrap_or_else(|| header.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_come_last_and_what_they_need_first() {
        let kinds = [
            "Task",
            "AgentTemplate",
            "Secret",
            "CronTask",
            "Namespace",
            "ConfigMap",
            "Agent",
        ];
        let mut documents: Vec<Document> = kinds
            .iter()
            .enumerate()
            .map(|(line, kind)| Document {
                origin: Origin {
                    file: "f".to_owned(),
                    line,
                },
                value: serde_json::json!({"kind": kind}),
            })
            .collect();
        in_order_of_dependency(&mut documents);
        let order: Vec<_> = documents.iter().map(Document::kind).collect();
        assert_eq!(
            order,
            [
                "Namespace",
                "Secret",
                "ConfigMap",
                "AgentTemplate",
                "Agent",
                "CronTask",
                "Task"
            ]
        );
    }

    #[test]
    fn warnings_are_unwrapped() {
        let mut headers = HeaderMap::new();
        for value in [r#"299 - "unknown field \"spec.x\"""#, "odd"] {
            headers.append(WARNING, value.parse().unwrap());
        }
        assert_eq!(warnings(&headers), [r#"unknown field "spec.x""#, "odd"]);
    }
}
