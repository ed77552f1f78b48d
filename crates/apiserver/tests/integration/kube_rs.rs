//! kube-rs's own machinery works against the server.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::finalizer::{Event as Finalized, finalizer};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{Controller, WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use crate::support::{CRDS, pod, server, widget_crd};

fn map(name: &str) -> ConfigMap {
    let metadata = ObjectMeta {
        name: Some(name.into()),
        ..ObjectMeta::default()
    };
    ConfigMap {
        metadata,
        data: Some(BTreeMap::from([("a".into(), "1".into())])),
        ..ConfigMap::default()
    }
}

async fn within<T>(what: &str, future: Pin<Box<dyn Future<Output = T> + '_>>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .unwrap_or_else(|_| panic!("{what} never happened"))
}

#[tokio::test]
async fn typed_requests_round_trip() {
    let server = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    let mut made = maps.create(&PostParams::default(), &map("a")).await.unwrap();
    made.data = Some(BTreeMap::from([("a".into(), "2".into())]));
    let replaced = maps.replace("a", &PostParams::default(), &made).await.unwrap();
    assert_ne!(replaced.resource_version(), made.resource_version());
    let stale = maps
        .replace("a", &PostParams::default(), &made)
        .await
        .unwrap_err();
    assert!(matches!(stale, kube::Error::Api(status) if status.is_conflict()));
    let params = PatchParams::apply("manager").force();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"b": "3"}});
    let applied = maps.patch("a", &params, &Patch::Apply(&config)).await.unwrap();
    assert_eq!(applied.data.unwrap().len(), 2);
    assert_eq!(
        maps.list_metadata(&ListParams::default())
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    assert!(maps.get_opt("nothing").await.unwrap().is_none());
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none());
    assert_eq!(server.client().apiserver_version().await.unwrap().major, "1");
}

async fn collects(config: watcher::Config) {
    let server = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    maps.create(&PostParams::default(), &map("early")).await.unwrap();
    let (reader, writer) = reflector::store();
    let stream = watcher(maps.clone(), config).reflect(writer).applied_objects();
    let names = tokio::spawn(
        stream
            .take(2)
            .map_ok(|map| map.name_any())
            .try_collect::<Vec<_>>(),
    );
    reader.wait_until_ready().await.unwrap();
    maps.create(&PostParams::default(), &map("late")).await.unwrap();
    assert_eq!(
        within("the second map", Box::pin(names)).await.unwrap().unwrap(),
        ["early", "late"]
    );
    assert_eq!(reader.state().len(), 2);
}

#[tokio::test]
async fn watcher_and_reflector_follow_by_list_and_watch() {
    collects(watcher::Config::default()).await;
}

#[tokio::test]
async fn watcher_and_reflector_follow_in_pages() {
    collects(watcher::Config {
        page_size: Some(1),
        ..watcher::Config::default()
    })
    .await;
}

#[tokio::test]
async fn watcher_and_reflector_follow_by_streaming_lists() {
    collects(watcher::Config::default().streaming_lists()).await;
}

#[tokio::test]
async fn a_controller_reconciles_what_it_watches_and_what_it_owns() {
    let server = server().await;
    let client = server.client();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    async fn reconcile(owner: Arc<ConfigMap>, client: Arc<Client>) -> Result<Action, kube::Error> {
        use kube::Resource as _;
        if owner.labels().get("role").map(String::as_str) != Some("owner") {
            return Ok(Action::await_change());
        }
        let pods: Api<Pod> = Api::default_namespaced(Client::clone(&client));
        let mut child = pod("child", None);
        child["metadata"]["ownerReferences"] = json!([owner.controller_owner_ref(&()).unwrap()]);
        pods.patch(
            "child",
            &PatchParams::apply("controller").force(),
            &Patch::Apply(&child),
        )
        .await?;
        Ok(Action::await_change())
    }
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let running = Controller::new(maps.clone(), watcher::Config::default())
        .owns(pods.clone(), watcher::Config::default())
        .run(reconcile, |_, error, _| panic!("{error}"), Arc::new(client))
        .for_each(|_| async {});
    let running = tokio::spawn(running);
    let mut owner = map("owner");
    owner.metadata.labels = Some(BTreeMap::from([("role".into(), "owner".into())]));
    maps.create(&PostParams::default(), &owner).await.unwrap();
    let exists = |object: Option<&Pod>| object.is_some();
    within(
        "the child",
        Box::pin(await_condition(pods.clone(), "child", exists)),
    )
    .await
    .unwrap();
    let first = pods.get("child").await.unwrap().uid().unwrap();
    pods.delete("child", &DeleteParams::default()).await.unwrap();
    let replaced = |object: Option<&Pod>| object.is_some_and(|pod| pod.uid().is_some_and(|uid| uid != first));
    within(
        "the second child",
        Box::pin(await_condition(pods.clone(), "child", replaced)),
    )
    .await
    .unwrap();
    running.abort();
}

#[tokio::test]
async fn the_finalizer_helper_adds_waits_and_removes() {
    let server = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    maps.create(&PostParams::default(), &map("a")).await.unwrap();
    let step = async || {
        let object = Arc::new(maps.get("a").await.unwrap());
        let seen = finalizer(&maps, "example.com/guard", object, async |event| match event {
            Finalized::Apply(_) => Ok::<_, kube::Error>(Action::await_change()),
            Finalized::Cleanup(_) => Ok(Action::requeue(Duration::from_secs(1))),
        });
        seen.await.unwrap()
    };
    step().await;
    assert_eq!(maps.get("a").await.unwrap().finalizers(), ["example.com/guard"]);
    step().await;
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(maps.get("a").await.unwrap().metadata.deletion_timestamp.is_some());
    step().await;
    assert!(maps.get_opt("a").await.unwrap().is_none());
}

#[tokio::test]
async fn the_recorder_publishes_and_repeats_events() {
    let server = server().await;
    let client = server.client();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let object = maps.create(&PostParams::default(), &map("a")).await.unwrap();
    let recorder = Recorder::new(client.clone(), Reporter::from("tester"));
    let event = Event {
        type_: EventType::Normal,
        reason: "Tested".into(),
        note: Some("it works".into()),
        action: "Testing".into(),
        secondary: None,
    };
    use kube::Resource as _;
    for _ in 0..2 {
        recorder.publish(&event, &object.object_ref(&())).await.unwrap();
    }
    let core: Api<k8s_openapi::api::core::v1::Event> = Api::default_namespaced(client);
    let found = core
        .list(&ListParams::default().fields("involvedObject.name=a"))
        .await
        .unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].message.as_deref(), Some("it works"));
    assert_eq!(
        found.items[0].series.as_ref().and_then(|series| series.count),
        Some(2)
    );
}

#[tokio::test]
async fn waiting_for_conditions_works() {
    let server = server().await;
    let client = server.client();
    server.made(CRDS, &widget_crd()).await;
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let established = await_condition(crds, "widgets.example.com", conditions::is_crd_established());
    within("the definition is established", Box::pin(established))
        .await
        .unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let made = maps.create(&PostParams::default(), &map("a")).await.unwrap();
    let uid = made.uid().unwrap();
    let gone = await_condition(maps.clone(), "a", conditions::is_deleted(&uid));
    let params = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        ..DeleteParams::default()
    };
    let (gone, deleted) = tokio::join!(
        within("the map is gone", Box::pin(gone)),
        maps.delete("a", &params)
    );
    gone.unwrap();
    deleted.unwrap();
}
