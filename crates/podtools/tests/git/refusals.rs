//! What cannot be fetched is refused with a sentence, at once.

use koc_gitkit::HttpServer;

use crate::stage::{Https, Stage, commit_of, is_gone};

const INVALID: i32 = 10;
const NOT_FOUND: i32 = 11;
const ACCESS_DENIED: i32 = 12;

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let https = Https::new().await;
    let source = https.source();
    let url = https.server.url("x.git");
    let dev = commit_of(&source, "dev");
    let nobody = "0123456789".repeat(4);
    for (reference, code, expected) in [
        (
            "mian",
            NOT_FOUND,
            format!("branch or tag \"mian\" not found in {url}; it has main, v1, dev, light"),
        ),
        (
            "refs/heads/x",
            NOT_FOUND,
            format!("branch \"x\" not found in {url}"),
        ),
        (&dev[..10], INVALID, format!("is it {dev}, the tip of dev?")),
        (
            nobody.as_str(),
            NOT_FOUND,
            format!("commit {nobody} not found in {url}"),
        ),
    ] {
        let mut stage = https.stage();
        stage.set("GIT_REF", reference);
        let message = stage.refusal(code).await;
        assert!(message.contains(&expected), "{message}");
        assert!(is_gone(&stage.path("git/repo")), "something is left");
    }
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_not_asked_for_again() {
    let https = Https::new().await;
    https.source();
    let mut stage = https.stage();
    stage.set("GIT_REPO", &https.server.url("y.git"));
    let message = stage.refusal(NOT_FOUND).await;
    assert!(message.contains("/y.git does not exist"), "{message}");
    assert_eq!(https.server.requests().len(), 1, "{:?}", https.server.requests());
}

#[tokio::test]
async fn an_empty_repository_is_told() {
    let https = Https::new().await;
    https.sources.create("x.git").unwrap();
    let message = https.stage().refusal(NOT_FOUND).await;
    assert!(message.contains("is empty"), "{message}");
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again() {
    let https = Https::new().await;
    https.source();
    https.lock("me", "right-one");
    let mut stage = https.stage();
    stage.set("GIT_USERNAME", "me").set("GIT_PASSWORD", "wrong-one");
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(
        message.contains("does not accept the user name and password"),
        "{message}"
    );
    // One question without and one with the password.
    assert_eq!(https.server.requests().len(), 2, "{:?}", https.server.requests());
    let message = https.stage().refusal(ACCESS_DENIED).await;
    assert!(message.contains("in secretRef"), "{message}");
}

#[tokio::test]
async fn an_authority_that_nobody_trusts_is_told() {
    let https = Https::new().await;
    https.source();
    let mut stage = https.stage();
    stage.set("CUSTOM_CA_CERT_PATH", "");
    let message = stage.refusal(ACCESS_DENIED).await;
    assert!(message.contains("caBundle"), "{message}");
    assert!(https.server.requests().is_empty());
    stage.set("CUSTOM_CA_CERT_PATH", "/does/not/exist");
    let message = stage.refusal(1).await;
    assert!(message.contains("/does/not/exist cannot be read"), "{message}");
}

#[tokio::test]
async fn other_transports_and_options_are_refused_before_anything_is_done() {
    let mark = tempfile::tempdir().unwrap();
    let mark = mark.path().join("mark");
    let touch = format!("ext::sh -c touch% {}", mark.display());
    let option = format!("--upload-pack=touch {}", mark.display());
    for (name, value) in [
        ("GIT_REPO", touch.as_str()),
        ("GIT_REPO", "file:///etc"),
        ("GIT_REPO", "/etc"),
        ("GIT_REPO", "git://127.0.0.1/x"),
        ("GIT_REPO", option.as_str()),
        ("GIT_REPO", "ssh://-oProxyCommand=x/y"),
        ("GIT_REPO", "https://127.0.0.1/a\nb"),
        ("GIT_REPO", ""),
        ("GIT_REF", option.as_str()),
        ("GIT_REF", "a..b"),
        ("GIT_DEPTH", "-1"),
        ("GIT_REPO_SUBPATH", "../x"),
        ("GIT_REPO_SUBPATH", "/etc"),
        ("GIT_REQUIRED_PATHS", "[\"../x\"]"),
    ] {
        let mut stage = Stage::new("https://127.0.0.1:1/x.git");
        stage.set(name, value);
        let message = stage.refusal(INVALID).await;
        assert!(!message.is_empty(), "{name}={value}");
        assert!(
            std::fs::read_dir(stage.path("git")).unwrap().next().is_none(),
            "{name}={value}"
        );
    }
    assert!(!mark.exists());
}

#[tokio::test]
async fn credentials_in_an_address_are_refused_and_not_repeated() {
    let mut stage = Stage::new("https://me:hunter2@127.0.0.1:1/x.git");
    stage.set("KUBEOPENCODE_INPUT", "");
    let ended = stage.init().await;
    let message = ended.failure.unwrap().message;
    assert_eq!(ended.code, Some(INVALID));
    assert!(
        message.starts_with("git repository: ") && message.contains("secretRef"),
        "{message}"
    );
    assert!(!ended.log.contains("hunter2"), "{}", ended.log);
}

#[tokio::test]
async fn plain_http_works_with_a_warning() {
    let https = Https::new().await;
    https.source();
    let server = HttpServer::plain(&https.sources).await.unwrap();
    let stage = Stage::new(&server.url("x.git"));
    let log = stage.clone().await;
    assert!(
        log.contains("warning: http://127.0.0.1") && log.contains("not encrypted"),
        "{log}"
    );
}

#[tokio::test]
async fn a_path_that_is_missing_is_named_with_its_reference() {
    let https = Https::new().await;
    https.source();
    let mut stage = https.stage();
    stage.set("GIT_REQUIRED_PATHS", r#"["docs", "docs/guide.md"]"#);
    stage.clone().await;
    stage
        .set("GIT_REF", "dev")
        .set("GIT_REQUIRED_PATHS", r#"["docs", "dcos/guide.md"]"#);
    let message = stage.refusal(NOT_FOUND).await;
    assert!(
        message.contains("\"dcos/guide.md\" not found") && message.ends_with("x.git at dev"),
        "{message}"
    );
}
