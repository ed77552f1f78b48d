//! Clones by SSH.

use koc_gitkit::{Sources, SshServer};

use crate::stage::{Stage, commit_of, filled};

const NOT_FOUND: i32 = 11;
const ACCESS_DENIED: i32 = 12;

async fn server() -> (Sources, SshServer) {
    let sources = Sources::new().unwrap();
    filled(&sources);
    let server = SshServer::start(&sources).await.unwrap();
    (sources, server)
}

fn stage(server: &SshServer) -> Stage {
    let mut stage = Stage::new(&server.url("x.git"));
    stage
        .set("GIT_SSH_KEY", &server.client_key().unwrap())
        .set("GIT_SSH_KNOWN_HOSTS", &server.known_hosts().unwrap());
    stage
}

#[tokio::test]
async fn a_key_opens_what_is_locked() {
    let (_sources, server) = server().await;
    let key = server.client_key().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &key).unwrap();
    for text in [
        key.clone(),
        key.trim_end().to_owned(),
        key.replace('\n', "\r\n"),
        file.path().to_str().unwrap().to_owned(),
    ] {
        let mut stage = stage(&server);
        stage.set("GIT_SSH_KEY", &text);
        stage.clone().await;
        assert_eq!(stage.read("file").as_deref(), Some("three"));
    }
}

#[tokio::test]
async fn a_commit_that_is_not_handed_out_is_found_in_the_history() {
    let (sources, server) = server().await;
    let source = sources.create("x.git").unwrap();
    let mut stage = stage(&server);
    stage.set("GIT_REF", &commit_of(&source, "main~2"));
    let log = stage.clone().await;
    assert!(log.contains("looking for it in the history"), "{log}");
    assert_eq!(stage.read("file").as_deref(), Some("one"));
    stage.set("GIT_REF", &"ab".repeat(20)).set("GIT_LINK", "other");
    let message = stage.refusal(NOT_FOUND).await;
    assert!(message.contains("in no branch and no tag"), "{message}");
}

#[tokio::test]
async fn a_host_with_another_key_is_not_talked_to() {
    let (_sources, server) = server().await;
    let mut stage = stage(&server);
    stage.set("GIT_SSH_KNOWN_HOSTS", &server.impostors_known_hosts().unwrap());
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(message.contains("pretending"), "{message}");
    stage.set(
        "GIT_SSH_KNOWN_HOSTS",
        "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    );
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(message.contains("not among the known ones"), "{message}");
}

#[tokio::test]
async fn without_known_hosts_nothing_is_trusted() {
    let (_sources, server) = server().await;
    let mut stage = stage(&server);
    stage.set("GIT_SSH_KNOWN_HOSTS", "");
    let message = stage.refusal(ACCESS_DENIED).await;
    let command = format!("ssh-keyscan -p {} 127.0.0.1", server.port());
    assert!(
        message.contains(&command) && message.contains("ssh-known-hosts"),
        "{message}"
    );
}

#[tokio::test]
async fn a_key_that_is_not_accepted_and_a_repository_that_is_not_there_are_told_apart() {
    let (_sources, server) = server().await;
    let mut stage = stage(&server);
    stage.set("GIT_REPO", &server.url("y.git"));
    let message = stage.refusal(NOT_FOUND).await;
    assert!(message.contains("does not exist"), "{message}");
    stage
        .set("GIT_REPO", &server.url("x.git"))
        .set("GIT_SSH_KEY", &server.strangers_key().unwrap());
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(message.contains("does not accept the key"), "{message}");
    stage.set("GIT_SSH_KEY", "");
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(message.contains("ssh-privatekey"), "{message}");
}
