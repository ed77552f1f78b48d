//! `git-sync`.

use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::stage::{Https, Stage};

/// A clone, and the settings of a sidecar that looks for news every second.
async fn cloned(https: &Https) -> Stage {
    let mut stage = https.stage();
    stage.set("GIT_SYNC_INTERVAL", "1");
    stage.clone().await;
    stage
}

async fn stopped(stage: &Stage, running: crate::stage::Running) -> String {
    running.signal(Signal::TERM);
    let ended = stage.end(running).await;
    assert_eq!((ended.code, ended.failure), (Some(0), None), "{}", ended.log);
    stage.deserted().await;
    ended.log
}

#[tokio::test]
async fn news_and_force_pushes_are_followed() {
    let https = Https::new().await;
    let source = https.source();
    let stage = cloned(&https).await;
    let mut running = stage.start("git-sync");
    running.until("git-sync: up to date").await;
    source.commit(&[("file", "four")]).unwrap();
    running.until("updated from").await;
    assert_eq!(stage.read("file").as_deref(), Some("four"));
    // The history is rewritten: what was there is no ancestor of what is.
    source.git(&["reset", "-q", "--hard", "main~2"]).unwrap();
    source.commit(&[("file", "rewritten"), ("more", "m")]).unwrap();
    running.until("updated from").await;
    assert_eq!(stage.read("file").as_deref(), Some("rewritten"));
    assert_eq!(stage.git(&["status", "--porcelain"]), "");
    let mode = std::fs::metadata(stage.path("git/repo/more"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o664, "the worker's user could not change it");
    stopped(&stage, running).await;
}

#[tokio::test]
async fn edits_of_the_agent_are_kept_with_one_warning() {
    let https = Https::new().await;
    let source = https.source();
    let stage = cloned(&https).await;
    let mut running = stage.start("git-sync");
    running.until("up to date").await;
    std::fs::write(stage.path("git/repo/docs/guide.md"), "mine").unwrap();
    source.git(&["checkout", "-q", "--orphan", "fresh"]).unwrap();
    source.commit(&[("file", "forced")]).unwrap();
    source.git(&["branch", "-q", "-M", "main"]).unwrap();
    running.until("left as it is").await;
    assert_eq!(stage.read("docs/guide.md").as_deref(), Some("mine"));
    assert_eq!(stage.read("file").as_deref(), Some("three"));
    // Several looks later it has still been said only once.
    let looks = https.server.requests().len();
    let wait = async {
        while https.server.requests().len() < looks + 6 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::stage::PATIENCE, wait).await.unwrap();
    // Once the agent has no changes any more, the news come.
    stage.git(&["checkout", "-q", "--", "docs/guide.md"]);
    running.until("updated from").await;
    assert_eq!(stage.read("file").as_deref(), Some("forced"));
    let log = stopped(&stage, running).await;
    assert_eq!(log.matches("left as it is").count(), 1, "{log}");
}

#[tokio::test]
async fn commits_of_the_agent_are_kept_until_the_remote_has_them() {
    let https = Https::new().await;
    let source = https.source();
    let mut stage = https.stage();
    stage.set("GIT_SYNC_INTERVAL", "1").set("GIT_DEPTH", "0");
    stage.clone().await;
    stage.git(&["commit", "-q", "--allow-empty", "-m", "mine"]);
    let mine = stage.git(&["rev-parse", "HEAD"]);
    let mut running = stage.start("git-sync");
    // Nothing is new at the remote, so nothing is said of the agent's work.
    running.until("git-sync: up to date").await;
    source.commit(&[("file", "four")]).unwrap();
    running.until("commits of its own").await;
    assert_eq!(stage.git(&["rev-parse", "HEAD"]), mine);
    // Somebody takes the agent's commit over.
    let clone = stage.path("git/repo");
    source
        .git(&[
            "pull",
            "-q",
            "--no-rebase",
            "--no-edit",
            clone.to_str().unwrap(),
            "main",
        ])
        .unwrap();
    running.until("updated from").await;
    assert_eq!(stage.read("file").as_deref(), Some("four"));
    stopped(&stage, running).await;
}

#[tokio::test]
async fn submodules_follow() {
    let https = Https::new().await;
    let source = https.source();
    let library = https.sources.create("a.git").unwrap();
    library.commit(&[("a", "a one")]).unwrap();
    source.add_submodule("libs/a", "../a.git", &library).unwrap();
    source.git(&["commit", "-q", "-m", "libs/a"]).unwrap();
    let mut stage = https.stage();
    stage
        .set("GIT_SYNC_INTERVAL", "1")
        .set("GIT_RECURSE_SUBMODULES", "true")
        .set("GIT_SAFE_DIRECTORIES", r#"["/workspace/rules"]"#);
    stage.clone().await;
    // What the agent configures in its submodule is none of our business either.
    let mark = stage.path("mark");
    let evil = stage.path("evil");
    std::fs::write(&evil, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
    std::fs::set_permissions(&evil, PermissionsExt::from_mode(0o755)).unwrap();
    stage.git(&["-C", "libs/a", "config", "core.fsmonitor", evil.to_str().unwrap()]);
    // The sidecar knows less than the init container did of where the worker sees the clone.
    let before = stage.git(&["config", "--global", "--get-all", "safe.directory"]);
    stage.set("GIT_SAFE_DIRECTORIES", "");
    let mut running = stage.start("git-sync");
    running.until("up to date").await;
    let next = library.commit(&[("a", "a two")]).unwrap();
    let other = https.sources.create("b.git").unwrap();
    other.commit(&[("b", "b one")]).unwrap();
    source
        .git(&["update-index", "--cacheinfo", &format!("160000,{next},libs/a")])
        .unwrap();
    source.add_submodule("libs/b", "../b.git", &other).unwrap();
    source.git(&["commit", "-q", "-m", "news"]).unwrap();
    running.until("updated from").await;
    assert_eq!(stage.read("libs/a/a").as_deref(), Some("a two"));
    assert_eq!(stage.read("libs/b/b").as_deref(), Some("b one"));
    let after = stage.git(&["config", "--global", "--get-all", "safe.directory"]);
    assert!(
        after.starts_with(&before) && before.contains("/workspace/rules"),
        "{after}"
    );
    assert!(
        after.lines().any(|line| line.ends_with("/repo/libs/b")),
        "{after}"
    );
    assert!(!mark.exists());
    stage.git(&["-C", "libs/a", "config", "--unset", "core.fsmonitor"]);
    assert_eq!(stage.git(&["status", "--porcelain"]), "");
    // A submodule with changes of the agent stays.
    std::fs::write(stage.path("git/repo/libs/a/a"), "mine").unwrap();
    let next = library.commit(&[("a", "a three")]).unwrap();
    source
        .git(&["update-index", "--cacheinfo", &format!("160000,{next},libs/a")])
        .unwrap();
    source.git(&["commit", "-q", "-m", "more news"]).unwrap();
    running.until("submodule \"libs/a\" is left as it is").await;
    running.until("updated from").await;
    assert_eq!(stage.read("libs/a/a").as_deref(), Some("mine"));
    stopped(&stage, running).await;
}

#[tokio::test]
async fn a_signal_during_a_fetch_that_hangs_ends_it_at_once() {
    let https = Https::new().await;
    https.source();
    let stage = cloned(&https).await;
    https
        .server
        .behave(|behaviour| behaviour.hang = Some("command=ls-refs".to_owned()));
    let before = https.server.requests().len();
    let running = stage.start("git-sync");
    let wait = async {
        // Only a question that comes now is the one that hangs.
        while https.server.requests()[before..]
            .iter()
            .all(|request| !request.body.contains("command=ls-refs"))
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::stage::PATIENCE, wait).await.unwrap();
    let told = Instant::now();
    stopped(&stage, running).await;
    // A second on an idle machine; a fetch that hangs would take ten minutes.
    assert!(told.elapsed() < Duration::from_secs(30), "{:?}", told.elapsed());
}

#[tokio::test]
async fn trouble_is_told_and_survived() {
    let https = Https::new().await;
    let source = https.source();
    let mut stage = cloned(&https).await;
    stage.set("FETCH_DEADLINE_SECONDS", "2");
    https
        .server
        .behave(|behaviour| behaviour.hang = Some("command=ls-refs".to_owned()));
    let mut running = stage.start("git-sync");
    running.until("warning: ").await;
    https.server.behave(|behaviour| {
        behaviour.hang = None;
        behaviour.failures = Some((403, 1));
    });
    running.until("HTTP 403").await;
    source.commit(&[("file", "four")]).unwrap();
    running.until("updated from").await;
    assert_eq!(stage.read("file").as_deref(), Some("four"));
    stopped(&stage, running).await;
}

#[tokio::test]
async fn without_a_clone_it_does_not_start() {
    let https = Https::new().await;
    https.source();
    let stage = https.stage();
    let ended = stage.end(stage.start("git-sync")).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.failure.unwrap().message.contains("git-init makes it"),
        "{}",
        ended.log
    );
}
