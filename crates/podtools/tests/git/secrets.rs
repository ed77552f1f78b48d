//! Secrets are in no argument, no log, no file, and nothing of the clone.

use koc_gitkit::{Sources, SshServer};

use crate::stage::{Https, Stage, filled};

#[tokio::test]
async fn a_password_is_in_no_argument_and_no_file_while_git_works() {
    let https = Https::new().await;
    https.source();
    https.lock("me", "hunter2-password");
    https
        .server
        .behave(|behaviour| behaviour.hang = Some("command=fetch".to_owned()));
    let mut stage = https.stage();
    stage
        .set("GIT_USERNAME", "me")
        .set("GIT_PASSWORD", "hunter2-password");
    let running = stage.start("git-init");
    https.asked("command=fetch").await;
    let processes = stage.processes();
    assert!(
        processes.iter().any(|command| command.contains("fetch")),
        "{processes:?}"
    );
    assert!(
        processes.iter().all(|command| !command.contains("hunter2")),
        "{processes:?}"
    );
    assert!(stage.files_with("hunter2").is_empty());
    https.server.behave(|behaviour| behaviour.hang = None);
    running.signal(rustix::process::Signal::TERM);
    stage.end(running).await;
}

#[tokio::test]
async fn a_password_is_in_nothing_that_is_left() {
    let https = Https::new().await;
    https.source();
    https.lock("me", "hunter2-password");
    let mut stage = https.stage();
    stage
        .set("GIT_USERNAME", "me")
        .set("GIT_PASSWORD", "hunter2-password");
    let log = stage.clone().await;
    assert!(!log.contains("hunter2"), "{log}");
    assert!(stage.files_with("hunter2").is_empty());
    assert!(
        stage.files_with("git-credential").is_empty(),
        "the helper is configured in the clone"
    );
    assert_eq!(
        stage.git(&["config", "remote.origin.url"]),
        https.server.url("x.git")
    );
}

#[tokio::test]
async fn a_key_is_in_no_file() {
    let sources = Sources::new().unwrap();
    filled(&sources);
    let server = SshServer::start(&sources).await.unwrap();
    let key = server.client_key().unwrap();
    // A line of the key's own text.
    let part = key.lines().nth(2).unwrap().to_owned();
    let mut stage = Stage::new(&server.url("x.git"));
    stage
        .set("GIT_SSH_KEY", &key)
        .set("GIT_SSH_KNOWN_HOSTS", &server.known_hosts().unwrap());
    let log = stage.clone().await;
    assert!(!log.contains(&part), "{log}");
    assert!(stage.files_with(&part).is_empty());
    let left: Vec<_> = std::fs::read_dir(stage.path("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
