//! Networks and servers that fail, and ends in the middle.

use std::time::{Duration, Instant};

use koc_gitkit::HttpServer;
use rustix::process::Signal;

use crate::stage::Https;

const ACCESS_DENIED: i32 = 12;
const UNREACHABLE: i32 = 13;

#[tokio::test]
async fn a_server_that_fails_twice_is_asked_a_third_time() {
    let https = Https::new().await;
    https.source();
    for status in [503, 429] {
        https
            .server
            .behave(|behaviour| behaviour.failures = Some((status, 2)));
        let stage = https.stage();
        let log = stage.clone().await;
        assert!(
            log.contains("attempt 2 of 3") && log.contains(&status.to_string()),
            "{log}"
        );
        assert_eq!(stage.read("file").as_deref(), Some("three"));
    }
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_given_up() {
    let https = Https::new().await;
    https.source();
    https
        .server
        .behave(|behaviour| behaviour.failures = Some((503, 100)));
    let mut stage = https.stage();
    stage.set("GIT_CLONE_RETRIES", "2");
    let message = stage.refusal(UNREACHABLE).await;
    assert!(message.contains("503"), "{message}");
    assert_eq!(https.server.requests().len(), 2);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    let https = Https::new().await;
    let stage = https.stage();
    drop(https);
    let message = stage.refusal(UNREACHABLE).await;
    assert!(message.contains("can't be reached"), "{message}");
}

#[tokio::test]
async fn a_server_that_never_answers_hits_the_deadline() {
    let https = Https::new().await;
    https.source();
    https
        .server
        .behave(|behaviour| behaviour.hang = Some("command=fetch".to_owned()));
    let mut stage = https.stage();
    stage.set("FETCH_DEADLINE_SECONDS", "2");
    let started = Instant::now();
    let message = stage.refusal(UNREACHABLE).await;
    assert!(message.contains("within 2 s"), "{message}");
    assert!(started.elapsed() >= Duration::from_secs(2));
    stage.deserted().await;
}

#[tokio::test]
async fn a_redirect_to_another_host_carries_no_credentials() {
    const INVALID: i32 = 10;
    let https = Https::new().await;
    https.source();
    let other = HttpServer::encrypted(&https.sources, &https.authority)
        .await
        .unwrap();
    let origin = other.origin_as("localhost");
    https
        .server
        .behave(|behaviour| behaviour.redirect = Some(origin.clone()));
    let mut stage = https.stage();
    stage
        .set("GIT_USERNAME", "me")
        .set("GIT_PASSWORD", "hunter2-password");
    // The other host serves everybody: the redirect itself is fine.
    stage.clone().await;
    let requests = other.requests();
    assert!(
        requests
            .iter()
            .any(|request| request.body.contains("command=fetch")),
        "{requests:?}"
    );
    // It asks for a password: it does not get this one.
    other.behave(|behaviour| behaviour.password = Some(("me".to_owned(), "hunter2-password".to_owned())));
    stage.set("GIT_LINK", "second");
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(
        message.contains(&format!("{origin} asks for a user name")),
        "{message}"
    );
    // The first host sends us there only after it has got the password.
    https.lock("me", "hunter2-password");
    stage.set("GIT_LINK", "third");
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(!message.is_empty());
    other.behave(|behaviour| behaviour.password = None);
    let message = stage.refusal(INVALID).await;
    assert!(message.contains("sends us elsewhere"), "{message}");
    let given = https.server.requests();
    assert!(
        given.iter().any(|request| request.authorization.is_some()),
        "{given:?}"
    );
    let requests = other.requests();
    assert!(
        requests.iter().all(|request| request.authorization.is_none()),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_redirect_from_an_encrypted_way_to_a_plain_one_is_not_followed() {
    let https = Https::new().await;
    https.source();
    let plain = HttpServer::plain(&https.sources).await.unwrap();
    https
        .server
        .behave(|behaviour| behaviour.redirect = Some(plain.origin()));
    let ended = https.stage().init().await;
    assert!(ended.failure.is_some(), "{}", ended.log);
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn a_signal_in_the_middle_leaves_nothing() {
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
    running.signal(Signal::TERM);
    let ended = stage.end(running).await;
    assert_eq!((ended.code, ended.failure), (Some(143), None), "{}", ended.log);
    stage.deserted().await;
    assert!(!stage.path("git/repo").exists());
    for place in ["tmp", "git/.kubeopencode/repo"] {
        let left: Vec<_> = std::fs::read_dir(stage.path(place)).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_leaves_no_secret_and_the_next_run_succeeds() {
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
    running.signal(Signal::KILL);
    let ended = stage.end(running).await;
    assert_eq!(ended.code, None, "{}", ended.log);
    assert_eq!(stage.files_with("hunter2"), Vec::<std::path::PathBuf>::new());
    assert!(!stage.path("git/repo").exists(), "half a clone is in place");
    https.server.behave(|behaviour| behaviour.hang = None);
    stage.clone().await;
    assert_eq!(stage.read("file").as_deref(), Some("three"));
    let left: Vec<_> = std::fs::read_dir(stage.path("git/.kubeopencode/repo"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["clone.json"]);
}
