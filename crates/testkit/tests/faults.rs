//! Every planned trouble, as a client meets it: in process and through the proxy.
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use koc_apiserver::{ApiServer, Storage};
use koc_testkit::faults::{Call, Ending, Fault, FaultProxy, Faults, Plan, Point, Verb};
use kube::api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

/// A server, and a client of it that meets what a script says.
struct World {
    _server: ApiServer,
    clean: Api<ConfigMap>,
    troubled: Api<ConfigMap>,
    faults: Faults,
    _proxy: Option<FaultProxy>,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    InProcess,
    Proxy,
}

const BOTH: [Way; 2] = [Way::InProcess, Way::Proxy];

fn point(verb: Verb, name: &str, nth: u64) -> Point {
    let call = Call {
        verb,
        resource: "configmaps".to_owned(),
        name: name.to_owned(),
    };
    Point { call, nth }
}

impl World {
    async fn new(way: Way, script: Vec<(Point, Fault)>) -> Self {
        let server = ApiServer::builder()
            .storage(Storage::Memory)
            .build()
            .await
            .unwrap();
        let client = Client::new(server.service(), "default");
        let faults = Faults::new(Plan::Script(script));
        let (troubled, proxy) = match way {
            Way::InProcess => (faults.retrying_client(client.clone()), None),
            Way::Proxy => {
                let proxy = FaultProxy::start(client.clone(), faults.clone()).await.unwrap();
                (proxy.client().unwrap(), Some(proxy))
            }
        };
        Self {
            _server: server,
            clean: Api::default_namespaced(client),
            troubled: Api::default_namespaced(troubled),
            faults,
            _proxy: proxy,
        }
    }

    async fn exists(&self, name: &str) -> bool {
        self.clean.get_opt(name).await.unwrap().is_some()
    }
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

async fn create(api: &Api<ConfigMap>, name: &str) -> kube::Result<ConfigMap> {
    api.create(&PostParams::default(), &map(name)).await
}

/// What a client sees of a creation: an HTTP code, or a broken connection.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Done,
    Code(u16, String),
    Broken,
}

fn seen<T>(result: kube::Result<T>) -> Seen {
    match result {
        Ok(_) => Seen::Done,
        Err(kube::Error::Api(status)) => Seen::Code(status.code, status.reason.clone()),
        Err(_) => Seen::Broken,
    }
}

#[tokio::test]
async fn a_write_meets_its_trouble_and_takes_effect_or_not() {
    let refused = |code, reason: &str| Seen::Code(code, reason.to_owned());
    for way in BOTH {
        for (fault, expected, exists) in [
            (Fault::Conflict, refused(409, "Conflict"), false),
            (Fault::Expired, refused(410, "Expired"), false),
            (Fault::ServerError, refused(500, "InternalError"), false),
            (Fault::CutBefore, Seen::Broken, false),
            (Fault::CutAfter, Seen::Broken, true),
            (Fault::Delay(Duration::from_millis(20)), Seen::Done, true),
        ] {
            let world = World::new(way, vec![(point(Verb::Create, "a", 0), fault)]).await;
            let outcome = seen(create(&world.troubled, "a").await);
            assert_eq!(outcome, expected, "{fault} {way:?}");
            assert_eq!(world.exists("a").await, exists, "{fault} {way:?}");
            // The next one passes, and so does what the script does not name.
            create(&world.troubled, "b").await.unwrap();
            let again = seen(create(&world.troubled, "a").await);
            let expected = if exists {
                refused(409, "AlreadyExists")
            } else {
                Seen::Done
            };
            assert_eq!(again, expected, "{fault} {way:?}");
            let told: Vec<_> = world.faults.injected().iter().map(ToString::to_string).collect();
            let code = if exists { " [server: 201]" } else { "" };
            assert_eq!(told, [format!("create configmaps a #0: {fault}{code}")]);
        }
    }
}

#[tokio::test]
async fn too_many_requests_are_tried_again_after_the_time_the_server_says() {
    for way in BOTH {
        let script = vec![(point(Verb::Create, "a", 0), Fault::TooManyRequests(1))];
        let world = World::new(way, script).await;
        let start = std::time::Instant::now();
        create(&world.troubled, "a").await.unwrap();
        assert!(start.elapsed() >= Duration::from_secs(1), "{way:?}");
        let asked: Vec<_> = world.faults.asked().iter().map(ToString::to_string).collect();
        assert_eq!(
            asked,
            [
                "create configmaps a #0: 429, Retry-After 1",
                "create configmaps a #1 [server: 201]"
            ]
        );
    }
}

#[tokio::test]
async fn a_client_without_retries_sees_too_many_requests_itself() {
    let world = World::new(Way::InProcess, Vec::new()).await;
    let script = vec![(point(Verb::List, "", 0), Fault::TooManyRequests(7))];
    let faults = Faults::new(Plan::Script(script));
    let client = faults.client(world.clean.clone().into_client());
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    match api.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) => {
            assert_eq!(status.code, 429);
            assert_eq!(status.details.unwrap().retry_after_seconds, 7);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_hanging_request_is_told_and_what_it_did_stays_done() {
    for (fault, exists) in [(Fault::HangBefore, false), (Fault::HangAfter, true)] {
        let script = vec![(point(Verb::Create, "a", 0), fault)];
        let world = World::new(Way::InProcess, script).await;
        tokio::select! {
            outcome = create(&world.troubled, "a") => panic!("answered: {outcome:?}"),
            () = world.faults.until_hung(1) => {}
        }
        world.faults.until_quiet().await;
        assert_eq!(world.faults.hung(), 1);
        assert_eq!(world.exists("a").await, exists, "{fault}");
    }
}

#[tokio::test]
async fn a_stale_list_shows_an_earlier_moment_and_its_version() {
    for way in BOTH {
        let script = vec![
            (point(Verb::List, "", 0), Fault::StaleList(1)),
            (point(Verb::List, "", 2), Fault::StaleList(1)),
            (point(Verb::List, "", 3), Fault::StaleList(100)),
        ];
        let world = World::new(way, script).await;
        let mut lists = Vec::new();
        let list = || async { world.troubled.list(&ListParams::default()).await.unwrap() };
        // Nothing is known of the past yet, so this one is as it should be.
        lists.push(list().await);
        for name in ["a", "b"] {
            create(&world.troubled, name).await.unwrap();
        }
        for _ in 0..4 {
            lists.push(list().await);
        }
        let names: Vec<String> = lists
            .iter()
            .map(|list| list.iter().map(ResourceExt::name_any).collect())
            .collect();
        assert_eq!(names, ["", "ab", "a", "", "ab"], "{way:?}");
        let revision = |index: usize| -> u64 {
            let list: &kube::core::ObjectList<ConfigMap> = &lists[index];
            list.metadata.resource_version.as_ref().unwrap().parse().unwrap()
        };
        assert!(revision(0) <= revision(3) && revision(3) < revision(2) && revision(2) < revision(1));
        assert_eq!(world.faults.injected().len(), 2, "the first one was none");
        // A watch from the old version brings what the list left out.
        let version = lists[3].metadata.resource_version.clone().unwrap();
        let stream = world
            .troubled
            .watch(&WatchParams::default(), &version)
            .await
            .unwrap();
        let next: Vec<_> = stream.take(2).try_collect().await.unwrap();
        assert!(
            next.iter().all(|event| matches!(event, WatchEvent::Added(_))),
            "{next:?}"
        );
    }
}

#[tokio::test]
async fn watches_break_expire_and_are_refused_and_a_watcher_still_sees_everything() {
    for way in BOTH {
        let script = vec![
            (point(Verb::List, "", 0), Fault::Expired),
            (point(Verb::Watch, "", 0), Fault::WatchCut(1, Ending::Torn)),
            (point(Verb::Watch, "", 1), Fault::WatchCut(1, Ending::Clean)),
            (point(Verb::Watch, "", 2), Fault::CutBefore),
            (point(Verb::Watch, "", 3), Fault::WatchExpired),
            (point(Verb::Watch, "", 4), Fault::Expired),
            (point(Verb::Watch, "", 5), Fault::WatchCut(0, Ending::Torn)),
        ];
        let count = script.len();
        let world = World::new(way, script).await;
        let writer = reflector::store::Writer::default();
        let store = writer.as_reader();
        let seen = reflector(
            writer,
            watcher(world.troubled.clone(), watcher::Config::default()).backoff(Soon),
        );
        let follow = tokio::spawn(seen.for_each(|_| std::future::ready(())));
        store.wait_until_ready().await.unwrap();
        let mut number = 0;
        let all_met = async {
            while world.faults.injected().len() < count {
                create(&world.clean, &format!("m{number}")).await.unwrap();
                if number > 0 && number % 3 == 0 {
                    let name = format!("m{}", number - 1);
                    world.clean.delete(&name, &DeleteParams::default()).await.unwrap();
                }
                number += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), all_met)
            .await
            .unwrap_or_else(|_| panic!("{way:?}: {:#?}", world.faults.asked()));
        let current = world.clean.list(&ListParams::default()).await.unwrap();
        let mut wanted: Vec<_> = current.iter().map(ResourceExt::name_any).collect();
        wanted.sort();
        let caught_up = async {
            loop {
                let mut names: Vec<_> = store.state().iter().map(|map| map.name_any()).collect();
                names.sort();
                if names == wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), caught_up)
            .await
            .unwrap_or_else(|_| panic!("{way:?}: {:#?}", world.faults.asked()));
        follow.abort();
    }
}

/// A watcher's patience for tests: as good as none.
struct Soon;

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(1))
    }
}

impl kube::runtime::utils::Backoff for Soon {
    fn reset(&mut self) {}
}

#[tokio::test]
async fn nobody_without_the_token_uses_the_rights_of_a_proxy() {
    let world = World::new(Way::InProcess, Vec::new()).await;
    let faults = Faults::new(Plan::Calm);
    let proxy = FaultProxy::start(world.clean.clone().into_client(), faults.clone())
        .await
        .unwrap();
    proxy.client().unwrap().apiserver_version().await.unwrap();
    let stranger = proxy.client_with_token("guessed").unwrap();
    let refused = stranger.apiserver_version().await;
    assert!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 401),
        "{refused:?}"
    );
    assert_eq!(faults.asked().len(), 1);
}
