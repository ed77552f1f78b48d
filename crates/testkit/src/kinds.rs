//! Making kinds known to an API server, and knowing which of them live in namespaces.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use http::Method;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;

use crate::RawClient;

/// How long a server may take until it serves a kind.
const PATIENCE: Duration = Duration::from_secs(120);

/// Creates the definition and waits until its kind is served.
pub(crate) async fn install(client: &Client, crd: &CustomResourceDefinition) -> anyhow::Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = crd.name_any();
    crds.create(&PostParams::default(), crd)
        .await
        .with_context(|| format!("the definition {name} was refused"))?;
    let established = await_condition(crds, &name, conditions::is_crd_established());
    tokio::time::timeout(PATIENCE, established)
        .await
        .with_context(|| format!("{name} was never established"))??;
    Ok(())
}

/// Resources that live in namespaces, by group and plural name.
#[derive(Debug, Default)]
pub(crate) struct Namespaced(HashSet<(String, String)>);

impl Namespaced {
    /// Asks the server for its own kinds and adds these.
    pub(crate) async fn ask(raw: &RawClient, crds: &[CustomResourceDefinition]) -> anyhow::Result<Self> {
        let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let mut known = HashSet::new();
        for path in ["/api", "/apis"] {
            let answer = raw.send(Method::GET, path, &[("accept", accept)], "").await?;
            collect(&answer.json()?, &mut known);
        }
        for crd in crds.iter().filter(|crd| crd.spec.scope == "Namespaced") {
            known.insert((crd.spec.group.clone(), crd.spec.names.plural.clone()));
        }
        Ok(Self(known))
    }

    /// The path that shows one namespace where `path` shows them all; `None` for every other path.
    pub(crate) fn narrowed(&self, path: &str, namespace: &str) -> Option<String> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (group, version, plural) = match parts[..] {
            ["api", version, plural] => ("", version, plural),
            ["apis", group, version, plural] => (group, version, plural),
            _ => return None,
        };
        let known = self.0.contains(&(group.to_owned(), plural.to_owned()));
        known.then(|| match group {
            "" => format!("/api/{version}/namespaces/{namespace}/{plural}"),
            group => format!("/apis/{group}/{version}/namespaces/{namespace}/{plural}"),
        })
    }
}

/// Takes what lives in namespaces out of an `APIGroupDiscoveryList`.
fn collect(list: &Value, known: &mut HashSet<(String, String)>) {
    let array = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    for group in array(list, "items") {
        let name = group["metadata"]["name"].as_str().unwrap_or_default();
        let versions = array(&group, "versions");
        for resource in versions.iter().flat_map(|version| array(version, "resources")) {
            if resource["scope"] == "Namespaced"
                && let Some(plural) = resource["resource"].as_str()
            {
                known.insert((name.to_owned(), plural.to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Namespaced, collect};
    use serde_json::json;

    #[test]
    fn only_collections_across_namespaces_are_narrowed() {
        let list = json!({"items": [
            {"metadata": {}, "versions": [{"resources": [
                {"resource": "pods", "scope": "Namespaced"}, {"resource": "nodes", "scope": "Cluster"},
            ]}]},
            {"metadata": {"name": "x.io"}, "versions": [{"resources": [{"resource": "tasks", "scope": "Namespaced"}]}]},
        ]});
        let mut namespaced = Namespaced::default();
        collect(&list, &mut namespaced.0);
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(namespaced.narrowed(path, "n").as_deref(), expected, "{path}");
        };
        check("/api/v1/pods", Some("/api/v1/namespaces/n/pods"));
        check("/apis/x.io/v1/tasks", Some("/apis/x.io/v1/namespaces/n/tasks"));
        check("/api/v1/nodes", None);
        check("/apis/x.io/v1/pods", None);
        check("/api/v1/namespaces/m/pods", None);
        check("/api/v1/namespaces/m/pods/p", None);
        check("/version", None);
        check("/", None);
    }
}
