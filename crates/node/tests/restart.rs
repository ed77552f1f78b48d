//! A node process that is killed at any moment and started again.
#![expect(clippy::unwrap_used, reason = "a failing step of a test should stop it there")]

#[path = "support/cluster.rs"]
#[expect(dead_code, reason = "shared by several test programs")]
mod cluster;
#[path = "support/sandboxes.rs"]
#[expect(dead_code, reason = "shared by several test programs")]
mod sandboxes;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use koc_apiserver::{ApiServer, Storage};
use koc_node::{Node, NodeOptions};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const DIR: &str = "KOC_NODE_TEST_DIR";
/// Enough to be in every stage of their lives when the process dies.
const PODS: usize = 12;

/// Not a test: the process that is killed. It runs a server and a node on the directory it is told, makes the
/// Pods if they are not there, and says when all of them have ended.
#[tokio::test]
async fn the_process_that_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let dir = Path::new(&dir);
    let server = ApiServer::builder()
        .storage(Storage::Sqlite(dir.join("state.db")))
        .build()
        .await
        .unwrap();
    let client = Client::new(server.service(), "default");
    let mut options = NodeOptions::new(cluster::NODE, dir.join("node"));
    options.schedule = true;
    let node = Arc::new(Node::new(client.clone(), options, sandboxes::sandbox()).unwrap());
    server.register_kubelet(cluster::NODE, node.kubelet_router());
    tokio::spawn(node.run(CancellationToken::new()));
    let pods: Api<Pod> = Api::default_namespaced(client);
    for i in 0..PODS {
        let name = format!("p{i}");
        // One line per start, in a file nobody but this Pod writes to; then some time to be killed in.
        let script = format!("echo started >> /out/{name}; sleep 0.{}; exit {}", i % 4, i % 2);
        let pod = json!({
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "volumes": [{"name": "out", "hostPath": {"path": dir.join("out"), "type": "DirectoryOrCreate"}}],
                "containers": [{
                    "name": "c", "image": "host", "command": ["/bin/sh", "-c", script],
                    "volumeMounts": [{"name": "out", "mountPath": "/out"}],
                }],
            },
        });
        let _ = pods
            .create(&PostParams::default(), &serde_json::from_value(pod).unwrap())
            .await;
        println!("step {i}");
    }
    for i in 0..PODS {
        let name = format!("p{i}");
        let ended = |pod: Option<&Pod>| phase(pod).is_some_and(|p| p == "Succeeded" || p == "Failed");
        kube::runtime::wait::await_condition(pods.clone(), &name, ended)
            .await
            .unwrap();
        println!("step {}", PODS + i);
    }
    let all = pods.list(&ListParams::default()).await.unwrap();
    for pod in all {
        let state = cluster::state(&pod, "c");
        println!(
            "end {} {} {state}",
            pod.metadata.name.clone().unwrap(),
            phase(Some(&pod)).unwrap()
        );
    }
    println!("all ended");
}

fn phase(pod: Option<&Pod>) -> Option<String> {
    pod?.status.as_ref()?.phase.clone()
}

fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Processes whose command line names the directory: sandboxes of this test.
fn sandboxes_on(dir: &Path) -> Vec<String> {
    let needle = dir.to_string_lossy().into_owned();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|e| std::fs::read(e.path().join("cmdline")).ok());
    lines
        .map(|l| String::from_utf8_lossy(&l).into_owned())
        .filter(|l| l.contains(&needle))
        .collect()
}

#[test]
fn killed_at_any_moment_nothing_runs_twice_and_nothing_is_left_over() {
    for kill_after in [0, 3, PODS - 1, PODS, PODS + 3, PODS + 7] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = start(dir.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let moment = format!("step {kill_after}");
        assert!(
            lines.map_while(Result::ok).any(|line| line.ends_with(&moment)),
            "never came to {moment}"
        );
        child.kill().unwrap();
        child.wait().unwrap();

        let mut again = start(dir.path());
        let lines: Vec<String> = BufReader::new(again.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .collect();
        assert!(again.wait().unwrap().success(), "{lines:?}");
        let mut ends = BTreeMap::new();
        for line in &lines {
            if let Some((_, end)) = line.split_once("end p") {
                let words: Vec<&str> = end.split(' ').collect();
                ends.insert(words[0].to_owned(), words[1..].join(" "));
            }
        }
        assert_eq!(ends.len(), PODS, "{lines:?}");
        for i in 0..PODS {
            let file = dir.path().join(format!("out/p{i}"));
            let starts = std::fs::read_to_string(file).unwrap_or_default().lines().count();
            assert!(starts <= 1, "p{i} ran {starts} times after a kill at {moment}");
            let own = if i % 2 == 0 {
                "Succeeded Completed:0"
            } else {
                "Failed Error:1"
            };
            let end = &ends[&i.to_string()];
            assert!(
                end == own || end == "Failed ContainerStatusUnknown:137",
                "p{i}: {end}"
            );
            assert!(starts == 1 || end.contains("Unknown"), "p{i} never ran: {end}");
        }
        assert_eq!(sandboxes_on(dir.path()), Vec::<String>::new());
    }
}

#[test]
fn a_killed_node_takes_its_containers_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start(dir.path());
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("step 11")));
    child.kill().unwrap();
    child.wait().unwrap();
    // The kernel tears namespaces down on its own time; all that counts is that it comes to an end.
    let patience = std::time::Instant::now() + cluster::PATIENCE;
    while !sandboxes_on(dir.path()).is_empty() {
        assert!(
            std::time::Instant::now() < patience,
            "{:?}",
            sandboxes_on(dir.path())
        );
        std::thread::yield_now();
    }
}
