//! A cluster, the controllers that come and go in it, and the time they are told.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use koc_api::names::labels;
use koc_api::{AgentTemplate, KubeOpenCodeConfig, Task};
use koc_controller::Clock;
use koc_testkit::faults::{Faults, Plan};
use koc_testkit::{ClusterKind, TestCluster};
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, ResourceExt as _};

use crate::audit::Audit;
use crate::controllers::Controllers;

/// What a [`World::story`] begins with.
pub(crate) const STORY: &str = "the controllers asked:";

/// Whether the client of the controller repeats refused requests by itself, as clients of real clusters do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retries {
    ByController,
    ByClientToo,
}

pub(crate) struct World {
    cluster: TestCluster,
    pub(crate) faults: Faults,
    controllers: Arc<Controllers>,
    /// Seconds that the controllers' clock is ahead of when the world began. It stands still between steps.
    ahead: Arc<AtomicI64>,
    audit: Audit,
}

impl World {
    pub(crate) async fn new(ground: &TestCluster, plan: Plan, retries: Retries) -> Self {
        let cluster = ground.beside().await.unwrap();
        let faults = Faults::new(plan);
        let client = match retries {
            Retries::ByController => faults.client(cluster.client()),
            Retries::ByClientToo => faults.retrying_client(cluster.client()),
        };
        let ahead = Arc::new(AtomicI64::new(0));
        let (start, told) = (Timestamp::now(), ahead.clone());
        let clock = Clock::new(move || start + SignedDuration::from_secs(told.load(Ordering::Relaxed)));
        let audit = Audit::start(cluster.api());
        let controllers = Controllers::start(client, clock, faults.clone());
        Self {
            cluster,
            faults,
            controllers,
            ahead,
            audit,
        }
    }

    /// A client that meets no trouble: the users', the kubelet's, the test's.
    pub(crate) fn client(&self) -> Client {
        self.cluster.client()
    }

    pub(crate) fn namespace(&self) -> &str {
        self.cluster.namespace()
    }

    /// How long anything may take. Embedded this is time of the runtime: it passes while nobody has anything to do, and no
    /// faster.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(if self.is_embedded() { 7200 } else { 180 })
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.cluster.kind() == ClusterKind::Embedded
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        self.cluster.api()
    }

    /// Every deadline passes.
    pub(crate) fn a_day_passes(&self) {
        self.ahead.fetch_add(24 * 3600, Ordering::Relaxed);
    }

    /// Waits until the controller that runs has seen everything there is, and has nothing left to do.
    pub(crate) async fn settle(&self) {
        self.within("the controller did not come to rest", async {
            let mut successions = self.controllers.successions();
            loop {
                successions.mark_unchanged();
                let Some(view) = self.controllers.view() else {
                    _ = successions.changed().await;
                    continue;
                };
                let mut changes = view.changes();
                changes.mark_unchanged();
                if view.is_idle() && view.versions() == self.versions().await && view.is_idle() {
                    // It may have been killed while the cluster was being listed.
                    if self.controllers.view().is_some() && !successions.has_changed().unwrap_or(true) {
                        return;
                    }
                    continue;
                }
                tokio::select! {
                    _ = changes.changed() => {}
                    _ = successions.changed() => {}
                }
            }
        })
        .await;
    }

    /// What a controller that has seen everything would tell as its versions.
    async fn versions(&self) -> BTreeMap<String, String> {
        let client = self.client();
        let mut versions = BTreeMap::new();
        let ours = ListParams::default().labels(&format!("{}={}", labels::APP, labels::APP_VALUE));
        let all = ListParams::default();
        list::<Task>(&client, "task", &all, &mut versions).await;
        list::<AgentTemplate>(&client, "template", &all, &mut versions).await;
        list::<KubeOpenCodeConfig>(&client, "config", &all, &mut versions).await;
        list::<Pod>(&client, "pod", &ours, &mut versions).await;
        versions
    }

    /// The outcome of something that must come true; otherwise the test fails and tells what was asked of the server.
    pub(crate) async fn within<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        match tokio::time::timeout(self.patience(), work).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.cluster.check().unwrap();
                panic!("{what}\n{}", self.story());
            }
        }
    }

    /// What the controllers asked, and the trouble they met.
    pub(crate) fn story(&self) -> String {
        let asked: Vec<String> = self
            .faults
            .asked()
            .iter()
            .map(|asked| format!("  {asked}"))
            .collect();
        format!("{STORY}\n{}", asked.join("\n"))
    }

    /// Ends the world; tells what was against the rules at any time.
    pub(crate) async fn end(self) -> Vec<String> {
        let patience = self.patience();
        let Self {
            audit,
            cluster,
            controllers,
            ..
        } = self;
        let found = tokio::time::timeout(patience, audit.finish()).await.unwrap();
        controllers.end().await;
        drop(cluster);
        found
    }
}

async fn list<K>(client: &Client, kind: &str, params: &ListParams, versions: &mut BTreeMap<String, String>)
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::all(client.clone());
    for object in api.list_metadata(params).await.unwrap() {
        let key = format!(
            "{kind}/{}/{}",
            object.namespace().unwrap_or_default(),
            object.name_any()
        );
        versions.insert(key, object.resource_version().unwrap_or_default());
    }
}
