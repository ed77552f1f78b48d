//! What was acknowledged is there after the process was killed.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use koc_apiserver::{ApiServer, Storage};

use crate::support::{Server, config_map};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DATABASE: &str = "APISERVER_TEST_DATABASE";

/// Not a test of its own: the process the test below kills. It writes until then and says what was acknowledged.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by what_was_acknowledged_survives_kill_9 as a child process"]
async fn child_writes_until_killed() {
    let Some(path) = std::env::var_os(DATABASE) else {
        return;
    };
    let api = ApiServer::builder()
        .storage(Storage::Sqlite(path.into()))
        .build()
        .await
        .unwrap();
    let run = uuid::Uuid::new_v4().simple().to_string();
    let writers = (0..8).map(|writer| {
        let (server, run) = (Server { api: api.clone() }, run.clone());
        tokio::spawn(async move {
            for at in 0u64.. {
                let name = format!("m-{run}-{writer}-{at}");
                let made = server.made(MAPS, &config_map(&name)).await;
                println!(
                    "\nacknowledged {name} {}",
                    made["metadata"]["resourceVersion"].as_str().unwrap()
                );
            }
        })
    });
    futures::future::join_all(writers.collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let mut acknowledged: Vec<(String, u64)> = Vec::new();
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "durability::child_writes_until_killed",
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(DATABASE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wanted = acknowledged.len() + 37 * round;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let mut words = line.split(' ');
            if let (Some("acknowledged"), Some(name), Some(revision)) =
                (words.next(), words.next(), words.next())
            {
                acknowledged.push((name.to_owned(), revision.parse().unwrap()));
            }
            if acknowledged.len() == wanted {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let api = ApiServer::builder()
            .storage(Storage::Sqlite(path.clone()))
            .build()
            .await
            .unwrap();
        let server = Server { api };
        for (name, revision) in &acknowledged {
            let reply = server.get(&format!("{MAPS}/{name}")).await;
            assert_eq!(
                reply.body["metadata"]["resourceVersion"],
                revision.to_string(),
                "{name} after round {round}"
            );
        }
        let newest = acknowledged.iter().map(|(_, revision)| *revision).max().unwrap();
        assert!(server.api.revision() >= newest, "the revision never falls");
        server.api.shutdown().await;
    }
    let mut revisions: Vec<u64> = acknowledged.iter().map(|(_, revision)| *revision).collect();
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), acknowledged.len(), "no revision is given twice");
}
