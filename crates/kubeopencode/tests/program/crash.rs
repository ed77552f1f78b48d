//! SIGKILL at random points: every Task ends exactly once, no Pod runs twice, no process is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Api, ListParams, PostParams};
use kube::core::DynamicObject;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::machine::Machine;
use crate::up::{client, objects, ready};

const TASKS: usize = 200;
const KILLS: usize = 6;

/// A small generator: the seed is printed, and the same seed kills at the same points.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

#[tokio::test]
async fn every_task_ends_once_and_nothing_runs_twice_whenever_the_process_is_killed() {
    let seed = match std::env::var("KUBEOPENCODE_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
    };
    println!("seed {seed}; KUBEOPENCODE_TEST_SEED={seed} repeats these points");
    let mut random = Random(seed);
    // The points are numbers of changes seen, not moments: each lies somewhere in the work, however fast it is.
    let kills: Vec<usize> = (0..KILLS).map(|_| 20 + random.below(150)).collect();

    let machine = Machine::new();
    let records = machine.path("records");
    fs::create_dir(&records).unwrap();
    fs::set_permissions(&records, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut created = 0;
    for changes in kills {
        let running = machine.start(&["up", "--port", "0", "-o", "json"]);
        let client = client(&ready(&running)).await;
        let work = async {
            let create = create_from(&client, &records, &mut created);
            let count = count_changes(&client, changes);
            tokio::select! { biased; () = count => {} () = async { create.await; std::future::pending().await } => {} }
        };
        work.await;
        running.kill();
        machine.wait_until_no_process_is_left();
    }

    let running = machine.start(&["up", "--port", "0", "-o", "json"]);
    let client = client(&ready(&running)).await;
    create_from(&client, &records, &mut created).await;
    let tasks = wait_all_finished(&client).await;
    let interrupted = check(&client, &tasks, &records).await;
    println!(
        "{} Tasks completed, {interrupted} were interrupted by a kill and say so",
        TASKS - interrupted
    );
    running.interrupt();
    running.finish().check(0, &[]);
    machine.wait_until_no_process_is_left();
}

/// Creates what is not created yet. A creation whose answer was lost is found to exist.
async fn create_from(client: &Client, records: &Path, created: &mut usize) {
    let template = json!({
        "apiVersion": "kubeopencode.io/v1alpha1", "kind": "AgentTemplate", "metadata": {"name": "shell"},
        "spec": {
            "workspaceDir": "/workspace", "serviceAccountName": "default",
            "command": ["/bin/sh", "-c", "echo run >> /records/$TASK_NAME; read -t 0.05 _ </dev/zero 2>/dev/null; exit 0"],
            "podSpec": {
                "extraVolumes": [{"name": "records", "hostPath": {"path": records}}],
                "extraVolumeMounts": [{"name": "records", "mountPath": "/records"}],
            },
        },
    });
    let templates = objects(client, "kubeopencode.io", "v1alpha1", "AgentTemplate");
    create(&templates, template).await;
    let tasks = objects(client, "kubeopencode.io", "v1alpha1", "Task");
    while *created < TASKS {
        let name = format!("t{created}");
        let task = json!({
            "apiVersion": "kubeopencode.io/v1alpha1", "kind": "Task", "metadata": {"name": name},
            "spec": {"templateRef": {"name": "shell"}, "description": "none"},
        });
        create(&tasks, task).await;
        *created += 1;
    }
}

async fn create(api: &Api<DynamicObject>, object: Value) {
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    match api.create(&PostParams::default(), &object).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {}
        Err(error) => panic!("{error}"),
    }
}

/// Returns after so many changes of Tasks and Pods, or when all the work is done.
async fn count_changes(client: &Client, changes: usize) {
    let tasks = objects(client, "kubeopencode.io", "v1alpha1", "Task");
    let pods = objects(client, "", "v1", "Pod");
    let changed = |api| watcher(api, watcher::Config::default()).touched_objects().boxed();
    let mut stream = futures::stream::select(changed(tasks), changed(pods));
    let mut finished = BTreeSet::new();
    for _ in 0..changes {
        let object = stream.try_next().await.unwrap().unwrap();
        if is_finished(&object) {
            finished.insert(object.name_any());
        }
        if finished.len() == TASKS {
            return;
        }
    }
}

fn is_finished(object: &DynamicObject) -> bool {
    matches!(
        object.data["status"]["phase"].as_str(),
        Some("Completed" | "Failed")
    )
}

async fn wait_all_finished(client: &Client) -> BTreeMap<String, DynamicObject> {
    let api = objects(client, "kubeopencode.io", "v1alpha1", "Task");
    let mut stream = watcher(api, watcher::Config::default()).applied_objects().boxed();
    let mut finished = BTreeMap::new();
    while finished.len() < TASKS {
        let task = stream.try_next().await.unwrap().unwrap();
        if is_finished(&task) {
            finished.insert(task.name_any(), task);
        }
    }
    finished
}

/// Holds every Task to its promise. Returns how many were interrupted by a kill.
async fn check(client: &Client, tasks: &BTreeMap<String, DynamicObject>, records: &Path) -> usize {
    let events = objects(client, "events.k8s.io", "v1", "Event")
        .list(&ListParams::default())
        .await
        .unwrap();
    let mut interrupted = 0;
    for (name, task) in tasks {
        let runs = fs::read_to_string(records.join(name))
            .unwrap_or_default()
            .lines()
            .count();
        let status = &task.data["status"];
        match status["phase"].as_str() {
            Some("Completed") => assert_eq!(runs, 1, "{name} is Completed: {status}"),
            Some("Failed") => {
                interrupted += 1;
                assert!(runs <= 1, "{name} ran {runs} times");
                let reason = status["reason"].as_str().unwrap_or_default();
                assert_eq!(reason, "ContainerStatusUnknown", "{name}: {status}");
            }
            other => panic!("{name} is {other:?}"),
        }
        let endings = events.iter().filter(|event| {
            event.data["regarding"]["name"] == name.as_str()
                && matches!(event.data["reason"].as_str(), Some("Completed" | "Failed"))
        });
        assert_eq!(endings.count(), 1, "{name} ends once");
    }
    interrupted
}
