//! Repositories within repositories.

use koc_gitkit::{HttpServer, Sources, SshServer};

use crate::stage::{Https, Stage, filled};

const ACCESS_DENIED: i32 = 12;
const REFUSED: i32 = 14;

/// Gives the repository `x.git` a submodule `libs/a`, which has one of its own at `inner`.
fn nest(sources: &Sources, url: &str) {
    let inner = sources.create("inner.git").unwrap();
    inner.commit(&[("i", "inner one")]).unwrap();
    let middle = sources.create("a.git").unwrap();
    middle.commit(&[("a", "a zero")]).unwrap();
    middle.add_submodule("inner", "../inner.git", &inner).unwrap();
    middle.git(&["commit", "-q", "-m", "inner"]).unwrap();
    let source = sources.create("x.git").unwrap();
    source.add_submodule("libs/a", url, &middle).unwrap();
    source.git(&["commit", "-q", "-m", "libs/a"]).unwrap();
}

#[tokio::test]
async fn submodules_come_with_the_same_credentials_from_the_same_host() {
    let https = Https::new().await;
    https.source();
    nest(&https.sources, "../a.git");
    https.lock("me", "hunter2-password");
    let mut stage = https.stage();
    stage
        .set("GIT_USERNAME", "me")
        .set("GIT_PASSWORD", "hunter2-password");
    stage.set("GIT_RECURSE_SUBMODULES", "true");
    stage.clone().await;
    assert_eq!(stage.read("libs/a/a").as_deref(), Some("a zero"));
    assert_eq!(stage.read("libs/a/inner/i").as_deref(), Some("inner one"));
    // The worker's own git finds everything as `git submodule update --init --recursive` would have made it.
    assert_eq!(stage.git(&["status", "--porcelain"]), "");
    let listed = stage.git(&["submodule", "status", "--recursive"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        !listed.lines().any(|line| line.starts_with(['-', '+'])),
        "{listed}"
    );
    assert_eq!(stage.git(&["-C", "libs/a", "rev-list", "--count", "HEAD"]), "1");
    let trusted = stage.git(&["config", "--global", "--get-all", "safe.directory"]);
    assert!(
        trusted.lines().any(|line| line.ends_with("/repo/libs/a/inner")),
        "{trusted}"
    );
}

#[tokio::test]
async fn without_being_asked_for_submodules_stay_empty() {
    let https = Https::new().await;
    https.source();
    nest(&https.sources, "../a.git");
    let stage = https.stage();
    stage.clone().await;
    assert_eq!(
        std::fs::read_dir(stage.path("git/repo/libs/a")).unwrap().count(),
        0
    );
}

#[tokio::test]
async fn a_submodule_on_another_host_gets_no_credentials() {
    let https = Https::new().await;
    https.source();
    let other = HttpServer::encrypted(&https.sources, &https.authority)
        .await
        .unwrap();
    nest(&https.sources, &format!("{}/a.git", other.origin_as("localhost")));
    https.lock("me", "hunter2-password");
    let mut stage = https.stage();
    stage
        .set("GIT_USERNAME", "me")
        .set("GIT_PASSWORD", "hunter2-password");
    stage.set("GIT_RECURSE_SUBMODULES", "true");
    stage.clone().await;
    assert_eq!(stage.read("libs/a/a").as_deref(), Some("a zero"));
    other.behave(|behaviour| behaviour.password = Some(("me".to_owned(), "hunter2-password".to_owned())));
    let mut stage = https.stage();
    stage
        .set("GIT_USERNAME", "me")
        .set("GIT_PASSWORD", "hunter2-password");
    stage.set("GIT_RECURSE_SUBMODULES", "true");
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(
        message.contains(&format!("are for {} alone", https.server.origin())),
        "{message}"
    );
    let requests = other.requests();
    assert!(
        requests.iter().all(|request| request.authorization.is_none()),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_submodule_on_another_host_is_not_shown_the_key() {
    let sources = Sources::new().unwrap();
    filled(&sources);
    let server = SshServer::start(&sources).await.unwrap();
    let url = server.url("a.git").replace("127.0.0.1", "localhost");
    nest(&sources, &url);
    let known = server.known_hosts().unwrap();
    let mut stage = Stage::new(&server.url("x.git"));
    stage
        .set("GIT_SSH_KEY", &server.client_key().unwrap())
        .set(
            "GIT_SSH_KNOWN_HOSTS",
            &format!("{known}{}", known.replace("127.0.0.1", "localhost")),
        )
        .set("GIT_RECURSE_SUBMODULES", "true");
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(message.contains("for 127.0.0.1 alone"), "{message}");
}

#[tokio::test]
async fn a_submodule_cannot_lead_elsewhere() {
    for url in [
        "file:///etc",
        "/etc",
        "ext::sh -c touch% /tmp/x",
        "git://127.0.0.1/x",
        "http://127.0.0.1:1/x",
        "-x",
    ] {
        let https = Https::new().await;
        https.source();
        nest(&https.sources, url);
        let mut stage = https.stage();
        stage.set("GIT_RECURSE_SUBMODULES", "true");
        let message = stage.refusal(REFUSED).await;
        assert!(message.contains("the submodule \"libs/a\""), "{url}: {message}");
        assert!(!stage.path("git/repo").exists());
    }
}

#[tokio::test]
async fn a_submodule_cannot_be_put_elsewhere() {
    let https = Https::new().await;
    let source = https.source();
    nest(&https.sources, "../a.git");
    for (key, value) in [("path", "../outside"), ("path", ".git/hooks")] {
        source
            .git(&[
                "config",
                "--file",
                ".gitmodules",
                &format!("submodule.libs/a.{key}"),
                value,
            ])
            .unwrap();
        source.git(&["commit", "-qam", "evil"]).unwrap();
        let mut stage = https.stage();
        stage.set("GIT_RECURSE_SUBMODULES", "true");
        let message = stage.refusal(REFUSED).await;
        assert!(message.contains(value), "{message}");
    }
}
