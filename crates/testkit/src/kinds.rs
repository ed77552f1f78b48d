//! Making kinds known to an API server, and knowing which of them live in namespaces.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use http::Method;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;

use crate::RawClient;

/// How long a server may take until it serves a kind.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where a server tells its kinds, and in which form.
const DISCOVERY: [&str; 2] = ["/api", "/apis"];
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

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
    listable(client, crd).await
}

/// Waits until the kind's objects can be listed: a kube-apiserver refuses that for a moment after it has established the
/// kind. It tells nobody when the moment is over, so it is asked.
async fn listable(client: &Client, crd: &CustomResourceDefinition) -> anyhow::Result<()> {
    let names = &crd.spec.names;
    let began = Instant::now();
    for version in crd.spec.versions.iter().filter(|version| version.served) {
        let kind = GroupVersionKind::gvk(&crd.spec.group, &version.name, &names.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, &names.plural);
        let objects: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        while let Err(error) = objects.list(&ListParams::default().limit(1)).await {
            if began.elapsed() > PATIENCE {
                let name = crd.name_any();
                return Err(error).with_context(|| format!("{name} is established and still not listed"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// Resources that live in namespaces, by group and plural name.
#[derive(Debug, Default)]
pub(crate) struct Namespaced(HashSet<(String, String)>);

impl Namespaced {
    /// Asks a server that knows all its kinds by now.
    pub(crate) async fn of(client: &Client) -> anyhow::Result<Self> {
        let mut known = HashSet::new();
        for path in DISCOVERY {
            let request = http::Request::get(path).header(http::header::ACCEPT, AGGREGATED);
            let list: Value = client.request(request.body(Vec::new())?).await?;
            collect(&list, &mut known);
        }
        Ok(Self(known))
    }

    /// Asks the server for its own kinds and adds these.
    pub(crate) async fn ask(raw: &RawClient, crds: &[CustomResourceDefinition]) -> anyhow::Result<Self> {
        let mut known = HashSet::new();
        for path in DISCOVERY {
            let answer = raw.send(Method::GET, path, &[("accept", AGGREGATED)], "").await?;
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
