//! What only concerns the real API server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use koc_testkit::RealServer;

/// Set for the process that is to be killed.
const VICTIM: &str = "KUBEOPENCODE_TEST_VICTIM";

#[tokio::test]
#[ignore = "needs the real server: hack/test runs it there"]
async fn it_says_which_kubernetes_it_is_and_serves_our_kinds() {
    let server = RealServer::shared().await.unwrap();
    let version = server.raw().send(Method::GET, "/version", &[], "").await.unwrap();
    let version = version.json().unwrap()["gitVersion"].as_str().unwrap().to_owned();
    assert!(version.starts_with("v1."), "{version}");
    let tasks = "/apis/kubeopencode.io/v1alpha1/tasks";
    let answer = server.raw().send(Method::GET, tasks, &[], "").await.unwrap();
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
}

/// The test starts itself as another process, kills that without warning, and looks at what stays.
#[tokio::test]
#[ignore = "needs the real server: hack/test runs it there"]
async fn a_killed_test_leaves_neither_programs_nor_files() {
    if std::env::var_os(VICTIM).is_some() {
        let server = RealServer::shared().await.unwrap();
        let pids: Vec<String> = server.processes().iter().map(u32::to_string).collect();
        let mut out = std::io::stdout();
        writeln!(out, "\nstarted {} {}", server.dir().display(), pids.join(" ")).unwrap();
        out.flush().unwrap();
        return std::future::pending().await;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "a_killed_test_leaves_neither_programs_nor_files",
        ])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let line = lines.find_map(|line| line.unwrap().strip_prefix("started ").map(str::to_owned));
    victim.kill().unwrap();
    victim.wait().unwrap();
    let line = line.expect("the other process starts its server");
    let words: Vec<&str> = line.split(' ').collect();
    let (dir, pids) = words.split_first().unwrap();
    assert_eq!(pids.len(), 3, "{line}");
    let began = Instant::now();
    loop {
        let left: Vec<_> = pids
            .iter()
            .filter(|pid| Path::new("/proc").join(pid).exists())
            .collect();
        if left.is_empty() && !Path::new(dir).exists() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{line} left {left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
