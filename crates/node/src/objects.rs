//! The ConfigMaps and Secrets that Pods refer to.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use kube::{Api, ResourceExt};
use serde::de::DeserializeOwned;

use crate::container::env::{Missing, Sources};

/// Something a Pod waits for: an object, and the version of it that was not enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Awaited {
    pub(crate) object: Object,
    pub(crate) name: String,
    pub(crate) seen: Option<String>,
}

/// The kinds a Pod can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    ConfigMap,
    Secret,
    Claim,
}

/// Fetches everything named. The outer error is the API server's.
pub(crate) async fn fetch(
    client: &kube::Client,
    namespace: &str,
    maps: &BTreeSet<String>,
    secrets: &BTreeSet<String>,
) -> Result<Sources, kube::Error> {
    let map_api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let secret_api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let maps = futures::future::try_join_all(maps.iter().map(|n| get(&map_api, n)));
    let secrets = futures::future::try_join_all(secrets.iter().map(|n| get(&secret_api, n)));
    let (maps, secrets) = futures::future::try_join(maps, secrets).await?;
    Ok(Sources {
        config_maps: maps.into_iter().collect(),
        secrets: secrets.into_iter().collect(),
    })
}

async fn get<K>(api: &Api<K>, name: &str) -> Result<(String, Option<K>), kube::Error>
where
    K: kube::Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    Ok((name.to_owned(), api.get_opt(name).await?))
}

/// What must change before `sources` can be enough.
pub(crate) fn awaited(missing: &Missing, sources: &Sources) -> Awaited {
    fn seen<K: ResourceExt>(table: &BTreeMap<String, Option<K>>, name: &str) -> Option<String> {
        table.get(name)?.as_ref()?.resource_version()
    }
    match missing {
        Missing::ConfigMap(name) => Awaited {
            object: Object::ConfigMap,
            seen: seen(&sources.config_maps, name),
            name: name.clone(),
        },
        Missing::Secret(name) => Awaited {
            object: Object::Secret,
            seen: seen(&sources.secrets, name),
            name: name.clone(),
        },
    }
}

impl Awaited {
    /// Resolves when the object is there in another version than the one seen.
    pub(crate) async fn change(&self, client: kube::Client, namespace: &str) {
        match self.object {
            Object::ConfigMap => self.watch::<ConfigMap>(Api::namespaced(client, namespace)).await,
            Object::Secret => self.watch::<Secret>(Api::namespaced(client, namespace)).await,
            Object::Claim => {
                self.watch::<PersistentVolumeClaim>(Api::namespaced(client, namespace))
                    .await
            }
        }
    }

    async fn watch<K>(&self, api: Api<K>)
    where
        K: kube::Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    {
        let mut versions = Box::pin(kube::runtime::watcher::watch_object(api, &self.name));
        while let Some(next) = versions.next().await {
            match next {
                Ok(Some(object)) if object.resource_version() != self.seen => return,
                Ok(_) => {}
                // The watch is tried again; a pause keeps a broken server from being flooded.
                Err(_) => tokio::time::sleep(std::time::Duration::from_secs(1)).await,
            }
        }
    }
}
