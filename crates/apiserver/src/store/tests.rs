use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const RESOURCE: &str = "things";

fn thing(name: &str, value: u64) -> Value {
    json!({"metadata": {"name": name}, "value": value})
}

type Seen = BTreeMap<String, (u64, u64)>;

fn picture(snapshot: &Snapshot) -> Seen {
    let entry = |(key, object): &(Key, Arc<Object>)| {
        (
            key.name.to_string(),
            (object.revision, object.value["value"].as_u64().unwrap()),
        )
    };
    snapshot.objects.iter().map(entry).collect()
}

/// Follows events until `last` is reached, checking that nothing is lost, repeated or out of order.
async fn follow(mut watch: Watch, mut seen: Seen, last: u64) -> Seen {
    let mut reached = watch.cursor();
    while reached < last {
        for event in watch.next().await.unwrap() {
            assert!(
                event.revision > reached,
                "revision {} came after {reached}",
                event.revision
            );
            reached = event.revision;
            assert_eq!(
                event.object.value["metadata"]["resourceVersion"],
                event.revision.to_string()
            );
            let name = event.key.name.to_string();
            let before = seen.get(&name).map(|(revision, _)| *revision);
            assert_eq!(
                event.previous.as_ref().map(|o| o.revision),
                before,
                "an event of {name} is missing"
            );
            match event.change {
                Change::Deleted => {
                    seen.remove(&name);
                }
                Change::Added | Change::Modified => {
                    let value = event.object.value["value"].as_u64().unwrap();
                    seen.insert(name, (event.revision, value));
                }
            }
        }
    }
    seen
}

/// One writer's script: names and whether to put or remove them.
type Script = Vec<(u8, bool)>;

async fn write_all(store: Arc<Store>, script: Script) -> Vec<u64> {
    let mut revisions = Vec::new();
    for (step, (name, put)) in script.into_iter().enumerate() {
        let name = format!("thing-{name}");
        let key = Key::new("", name.as_str());
        let write = match (store.get(RESOURCE, "", &name), put) {
            (None, true) => Write::create(RESOURCE, key, thing(&name, step as u64)),
            (Some(object), true) => Write::replace(RESOURCE, key, object.revision, thing(&name, step as u64)),
            (Some(object), false) => Write::remove(RESOURCE, key, object.revision),
            (None, false) => continue,
        };
        match store.write(write).await {
            Ok(event) => revisions.push(event.revision),
            Err(WriteError::Exists | WriteError::Missing | WriteError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
    revisions
}

async fn list_then_watch_is_gapless(store: Store, scripts: Vec<Script>) {
    let store = Arc::new(store);
    let writers: Vec<_> = scripts
        .into_iter()
        .map(|script| tokio::spawn(write_all(store.clone(), script)))
        .collect();
    let mut starts = Vec::new();
    for _ in 0..5 {
        let snapshot = store.list(RESOURCE, None);
        starts.push((store.watch(RESOURCE, snapshot.revision), picture(&snapshot)));
        tokio::task::yield_now().await;
    }
    let mut revisions = Vec::new();
    for writer in writers {
        let own = writer.await.unwrap();
        assert!(own.is_sorted(), "a writer saw the revision fall");
        revisions.extend(own);
    }
    revisions.sort_unstable();
    let count = revisions.len() as u64;
    assert_eq!(
        revisions,
        (1..=count).collect::<Vec<_>>(),
        "every revision belongs to one write"
    );
    let end = picture(&store.list(RESOURCE, None));
    for (watch, seen) in starts {
        assert_eq!(follow(watch, seen, count).await, end);
    }
    let beginning = follow(store.watch(RESOURCE, 0), Seen::new(), count).await;
    assert_eq!(beginning, end);
    for at in [0, count / 3, count / 2, count] {
        let undone = picture(&store.list_at(RESOURCE, None, at).unwrap());
        let replayed = follow_until(&store, at).await;
        assert_eq!(undone, replayed, "the list at revision {at}");
    }
}

async fn follow_until(store: &Store, last: u64) -> Seen {
    if last == 0 {
        return Seen::new();
    }
    let mut seen = Seen::new();
    let mut watch = store.watch(RESOURCE, 0);
    loop {
        for event in watch.next().await.unwrap() {
            if event.revision > last {
                return seen;
            }
            match event.change {
                Change::Deleted => seen.remove(&*event.key.name),
                _ => seen.insert(
                    event.key.name.to_string(),
                    (event.revision, event.object.value["value"].as_u64().unwrap()),
                ),
            };
            if event.revision == last {
                return seen;
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .unwrap()
}

fn scripts() -> impl Strategy<Value = Vec<Script>> {
    let script = proptest::collection::vec((0u8..6, prop::bool::weighted(0.7)), 0..60);
    proptest::collection::vec(script, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn in_memory_a_list_and_the_watch_after_it_lose_and_repeat_nothing(scripts in scripts()) {
        runtime().block_on(list_then_watch_is_gapless(Store::memory(8192), scripts));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn on_disk_a_list_and_the_watch_after_it_lose_and_repeat_nothing(scripts in scripts()) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("db"), 8192).unwrap();
        runtime().block_on(list_then_watch_is_gapless(store, scripts));
    }
}

async fn put(store: &Store, name: &str) -> Result<u64, WriteError> {
    let key = Key::new("", name);
    store
        .write(Write::create(RESOURCE, key, thing(name, 0)))
        .await
        .map(|event| event.revision)
}

#[tokio::test]
async fn a_slow_watcher_is_cut_off_and_the_writer_is_not_blocked() {
    let store = Store::memory(10);
    let mut slow = store.watch(RESOURCE, 0);
    let mut late = store.watch(RESOURCE, 0);
    for at in 0..25 {
        put(&store, &format!("thing-{at}")).await.unwrap();
        if at == 4 {
            assert_eq!(slow.next().await.unwrap().len(), 5);
        }
    }
    assert_eq!(slow.next().await.unwrap_err(), Gone);
    assert_eq!(late.next().await.unwrap_err(), Gone);
    assert!(!store.watch(RESOURCE, 14).is_possible());
    assert!(store.watch(RESOURCE, 15).is_possible());
    assert_eq!(store.watch(RESOURCE, 15).next().await.unwrap().len(), 10);
    assert!(store.list_at(RESOURCE, None, 3).is_err());
}

#[tokio::test]
async fn writes_check_what_they_expect() {
    let store = Store::memory(10);
    let key = || Key::new("", "a");
    assert!(matches!(
        store.write(Write::remove(RESOURCE, key(), 1)).await,
        Err(WriteError::Missing)
    ));
    assert_eq!(put(&store, "a").await.unwrap(), 1);
    assert!(matches!(put(&store, "a").await, Err(WriteError::Exists)));
    let stale = Write::replace(RESOURCE, key(), 7, thing("a", 1));
    assert!(matches!(store.write(stale).await, Err(WriteError::Conflict)));
    assert_eq!(
        store
            .write(Write::replace(RESOURCE, key(), 1, thing("a", 1)))
            .await
            .unwrap()
            .revision,
        2
    );
    assert_eq!(
        store
            .write(Write::remove(RESOURCE, key(), 2))
            .await
            .unwrap()
            .revision,
        3
    );
}

#[tokio::test]
async fn a_reopened_database_goes_on_where_it_stopped_and_is_honest_about_its_past() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let store = Store::open(&path, 100).unwrap();
    for name in ["a", "b", "c"] {
        put(&store, name).await.unwrap();
    }
    store
        .write(Write::remove(RESOURCE, Key::new("", "b"), 2))
        .await
        .unwrap();
    assert!(matches!(Store::open(&path, 100), Err(OpenError::InUse { .. })));
    drop(store);
    let store = Store::open(&path, 100).unwrap();
    let seen = picture(&store.list(RESOURCE, None));
    assert_eq!(seen, [("a".to_owned(), (1, 0)), ("c".to_owned(), (3, 0))].into());
    assert_eq!(store.revision(), 4);
    assert!(!store.watch(RESOURCE, 3).is_possible());
    assert!(!store.watch("never-written", 3).is_possible());
    assert!(store.watch(RESOURCE, 4).is_possible());
    assert_eq!(put(&store, "d").await.unwrap(), 5);
}

#[tokio::test]
async fn concurrent_writes_share_commits_and_all_get_their_answer() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&directory.path().join("db"), 10_000).unwrap());
    let writes = (0..500).map(|at| {
        let store = store.clone();
        async move { put(&store, &format!("thing-{at}")).await.unwrap() }
    });
    let mut revisions = futures::future::join_all(writes).await;
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=500).collect::<Vec<_>>());
    store.close();
    assert!(matches!(put(&store, "late").await, Err(WriteError::Storage(_))));
}

#[tokio::test]
async fn the_database_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("db"), 10).unwrap();
    put(&store, "a").await.unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{:?}",
            entry.path()
        );
    }
}
