//! `url-fetch` from outside: as a process, against real servers on the loopback interface.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod fetch;
mod server;

use koc_api::InputFailureKind::{self, AccessDenied, InvalidInput, NotFound, Refused, TooLarge, Unreachable};

use fetch::Fetch;
use server::{Answer, Server};

#[tokio::test]
async fn a_file_appears_with_its_mode_and_its_directories() {
    let server = Server::start(|_| Answer::ok("rules")).await;
    let fetch = Fetch::new(&server.url("/rules.md"));
    fetch
        .target("docs/deep/rules.md")
        .succeeds("docs/deep/rules.md", "rules", 0o664)
        .await;
    fetch
        .set("URL_FILE_MODE", "256")
        .succeeds("docs/deep/rules.md", "rules", 0o400)
        .await;
    assert_eq!(server.requests()[0].path, "/rules.md");
}

#[tokio::test]
async fn headers_and_credentials_are_sent() {
    let server = Server::start(|_| Answer::ok("x")).await;
    let fetch = Fetch::new(&server.url("/"));
    fetch.set(
        "URL_HEADERS",
        r#"{"X-Team":"blue","Authorization":"Basic bWluZQ=="}"#,
    );
    fetch.succeeds("file", "x", 0o664).await;
    fetch
        .set("URL_AUTH_USERNAME", "ann")
        .set("URL_AUTH_PASSWORD", "hunter2hunter2\n");
    fetch.succeeds("file", "x", 0o664).await;
    fetch.set("URL_AUTH_TOKEN", "tok-hunter2hunter2");
    fetch.succeeds("file", "x", 0o664).await;
    let sent: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").unwrap_or_default())
        .collect();
    assert_eq!(
        sent,
        [
            "Basic bWluZQ==",
            "Basic YW5uOmh1bnRlcjJodW50ZXIy",
            "Bearer tok-hunter2hunter2"
        ]
    );
    assert_eq!(server.requests()[0].header("x-team").as_deref(), Some("blue"));
}

#[tokio::test]
async fn no_secret_is_told() {
    let server = Server::start(|request| {
        let seen = request.header("authorization").unwrap_or_default();
        Answer::status(403).with_body(&format!("no: {seen}"))
    })
    .await;
    let fetch = Fetch::new(&server.url("/x?signature=hunter2hunter2"));
    fetch.set("URL_AUTH_TOKEN", "hunter2hunter2");
    let failure = fetch.fails(AccessDenied, "403").await;
    assert!(!failure.contains("hunter2"), "{failure}");
}

#[tokio::test]
async fn redirects_are_followed_and_credentials_stay_with_their_host() {
    let other = Server::start(|_| Answer::ok("from the other")).await;
    let address = other.url("/there");
    let server = Server::start(move |request| match request.path.as_str() {
        "/" => Answer::redirect("/second"),
        "/second" => Answer::redirect(&address),
        _ => Answer::status(404),
    })
    .await;
    let fetch = Fetch::new(&server.url("/"));
    fetch
        .set("URL_AUTH_TOKEN", "tok-hunter2hunter2")
        .set("URL_HEADERS", r#"{"PRIVATE-TOKEN":"p-hunter2hunter2"}"#);
    fetch.succeeds("file", "from the other", 0o664).await;
    let own = server.requests();
    assert!(own.len() == 2 && own.iter().all(|r| r.header("private-token").is_some()));
    let foreign = &other.requests()[0];
    assert_eq!(
        (foreign.header("authorization"), foreign.header("private-token")),
        (None, None)
    );
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let server = Server::start(|_| Answer::ok("secret")).await;
    let fetch = Fetch::new(&server.url("/"));
    fetch.set("URL_ALLOWED_NETWORKS", "");
    fetch.fails(Refused, "private network").await;
    fetch.set("URL_ALLOWED_NETWORKS", "10.0.0.0/8");
    fetch.fails(Refused, "allowedNetworks").await;
    let port = server.port();
    for source in [
        format!("http://localhost:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://0x7f.1:{port}/"),
    ] {
        let fetch = Fetch::new(&source);
        fetch.set("URL_ALLOWED_NETWORKS", "");
        fetch.fails(Refused, "private network").await;
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_cannot_reach_a_clouds_metadata() {
    let server = Server::start(|_| Answer::redirect("http://169.254.169.254/latest/meta-data/")).await;
    Fetch::new(&server.url("/"))
        .fails(Refused, "169.254.169.254")
        .await;
    let server = Server::start(|_| Answer::redirect("file:///etc/passwd")).await;
    Fetch::new(&server.url("/")).fails(InvalidInput, "refused").await;
    let server = Server::start(|_| Answer::redirect("/")).await;
    Fetch::new(&server.url("/"))
        .fails(InvalidInput, "redirects more than 10 times")
        .await;
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let server = Server::start(|request| match request.number {
        0 => Answer::status(503),
        1 => Answer::cut(),
        2 => Answer::status(429).with_header("retry-after", "1"),
        _ => Answer::ok("at last"),
    })
    .await;
    Fetch::new(&server.url("/"))
        .succeeds("file", "at last", 0o664)
        .await;
    assert_eq!(server.requests().len(), 4);
    for (status, kind) in [(404, NotFound), (401, AccessDenied), (400, InvalidInput)] {
        let server = Server::start(move |_| Answer::status(status)).await;
        Fetch::new(&server.url("/x"))
            .fails(kind, &status.to_string())
            .await;
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn the_time_for_all_attempts_is_bounded() {
    let server = Server::start(|_| Answer::status(500)).await;
    let fetch = Fetch::new(&server.url("/"));
    fetch.set("FETCH_DEADLINE_SECONDS", "2");
    fetch.fails(Unreachable, "attempts").await;
    let server = Server::start(|_| Answer::slow()).await;
    let fetch = Fetch::new(&server.url("/"));
    fetch.set("FETCH_DEADLINE_SECONDS", "3").set("URL_TIMEOUT", "1");
    fetch.fails(Unreachable, "url.timeout").await;
    fetch
        .fails_at("http://127.0.0.1:9/", Unreachable, "cannot be reached")
        .await;
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    for answer in [Answer::endless as fn() -> Answer, || {
        Answer::ok(&"x".repeat(5000))
    }] {
        let server = Server::start(move |_| answer()).await;
        let fetch = Fetch::new(&server.url("/"));
        fetch.set("URL_MAX_BYTES", "4096");
        fetch.fails(TooLarge, "4096 bytes").await;
    }
    let server = Server::start(|_| Answer::ok(&"x".repeat(4096))).await;
    let fetch = Fetch::new(&server.url("/"));
    fetch
        .set("URL_MAX_BYTES", "4096")
        .succeeds("file", &"x".repeat(4096), 0o664)
        .await;
}

#[tokio::test]
async fn certificates_are_checked() {
    let (server, authority) = Server::start_tls(|_| Answer::ok("over TLS")).await;
    let fetch = Fetch::new(&server.url("/"));
    fetch.fails(AccessDenied, "caBundle").await;
    fetch.set("CUSTOM_CA_CERT_PATH", &fetch.file("ca.pem", &authority));
    fetch.succeeds("file", "over TLS", 0o664).await;
    let fetch = Fetch::new(&server.url("/"));
    fetch
        .set("URL_INSECURE", "true")
        .succeeds("file", "over TLS", 0o664)
        .await;
    let fetch = Fetch::new(&server.url("/"));
    fetch.set("CUSTOM_CA_CERT_PATH", "/does/not/exist");
    fetch.fails(InvalidInput, "/does/not/exist").await;
}

#[tokio::test]
async fn tls_is_not_given_up_by_a_redirect() {
    let plain = Server::start(|_| Answer::ok("x")).await;
    let address = plain.url("/");
    let (server, _) = Server::start_tls(move |_| Answer::redirect(&address)).await;
    let fetch = Fetch::new(&server.url("/"));
    fetch.set("URL_INSECURE", "true");
    fetch.fails(Refused, "not protected by TLS").await;
}

#[tokio::test]
async fn bad_input_is_told_before_anything_is_sent() {
    let server = Server::start(|_| Answer::ok("x")).await;
    let check = |name: &'static str, value: &'static str| {
        let fetch = Fetch::new(&server.url("/"));
        fetch.set(name, value);
        async move { fetch.fails(InvalidInput, "").await }
    };
    check("URL_HEADERS", "[1]").await;
    check("URL_HEADERS", r#"{"Host":"evil"}"#).await;
    check("URL_HEADERS", "{\"X\":\"a\\nb\"}").await;
    check("URL_HEADERS", r#"{"a b":"c"}"#).await;
    check("URL_ALLOWED_NETWORKS", "everything").await;
    check("URL_TARGET", "/proc/self/x").await;
    check("URL_TARGET", "relative").await;
    check("URL_SOURCE", "file:///etc/passwd").await;
    let secret = Fetch::new("https://ann:hunter2hunter2@host/")
        .fails(InvalidInput, "secretRef")
        .await;
    assert!(!secret.contains("hunter2"), "{secret}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_link_in_the_workspace_cannot_lead_the_file_out_of_it() {
    let server = Server::start(|_| Answer::ok("x")).await;
    let fetch = Fetch::new(&server.url("/"));
    let outside = fetch.directory("outside");
    std::os::unix::fs::symlink(&outside, fetch.in_workspace("link")).unwrap();
    fetch.target("link/file");
    fetch.fails(InputFailureKind::Internal, "leads out of").await;
    assert!(std::fs::read_dir(&outside).unwrap().next().is_none());
}

#[tokio::test]
async fn a_signal_ends_it_and_leaves_nothing_half_written() {
    let server = Server::start(|_| Answer::slow()).await;
    let fetch = Fetch::new(&server.url("/"));
    let running = fetch.start();
    server.asked().await;
    assert_eq!(running.stop().await, Some(143));
    assert_eq!(fetch.files(), Vec::<String>::new());
}
