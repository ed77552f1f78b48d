//! Over TCP: TLS, and nothing without the token.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use koc_apiserver::{ApiServer, ServeOptions, Serving, Tls, Token};
use serde_json::json;

struct Remote {
    serving: Serving,
    _api: ApiServer,
    token: Token,
    tls: Tls,
    directory: tempfile::TempDir,
}

async fn remote() -> Remote {
    let directory = tempfile::tempdir().unwrap();
    let tls = Tls::load_or_create(directory.path(), &[]).unwrap();
    let token = Token::load_or_create(&directory.path().join("token")).unwrap();
    let api = ApiServer::builder().build().await.unwrap();
    let addr: SocketAddr = ([127, 0, 0, 1], 0).into();
    let serving = api
        .serve(ServeOptions {
            addr,
            tls: tls.clone(),
            token: token.clone(),
        })
        .await
        .unwrap();
    Remote {
        serving,
        _api: api,
        token,
        tls,
        directory,
    }
}

fn http(remote: &Remote) -> reqwest::Client {
    let provider = rustls::crypto::ring::default_provider();
    _ = provider.install_default();
    let ca = reqwest::Certificate::from_pem(remote.tls.ca_pem().as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([ca])
        .no_proxy()
        .build()
        .unwrap()
}

#[tokio::test]
async fn no_request_without_token_gets_anything_but_401() {
    let remote = remote().await;
    let http = http(&remote);
    let secret = remote.token.secret();
    let guesses = [
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some("Bearer ".into()),
        Some(format!("Bearer {}", &secret[1..])),
        Some(format!("Bearer {secret}x")),
        Some(format!("Bearer {}", secret.to_uppercase().replace('A', "B"))),
        Some(format!("Basic {secret}")),
        Some(secret.to_owned()),
    ];
    let paths = [
        "/",
        "/healthz",
        "/livez",
        "/readyz",
        "/version",
        "/api",
        "/apis",
        "/openapi/v3",
        "/api/v1/secrets",
        "/nowhere",
        "/api/v1/namespaces/default/pods?watch=1",
        "/api/v1/namespaces/default/pods/p/exec?command=sh",
        "//api/v1",
        "/%2e%2e/",
    ];
    for path in paths {
        for guess in &guesses {
            for method in [
                reqwest::Method::GET,
                reqwest::Method::POST,
                reqwest::Method::DELETE,
                reqwest::Method::OPTIONS,
            ] {
                let mut request = http.request(method.clone(), format!("{}{path}", remote.serving.url()));
                if let Some(guess) = guess {
                    request = request.header("authorization", guess);
                }
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 401, "{method} {path} {guess:?}");
                let body: serde_json::Value = response.json().await.unwrap();
                assert_eq!(body["reason"], "Unauthorized");
            }
        }
    }
    let in_query = format!(
        "{}/version?access_token={secret}&token={secret}",
        remote.serving.url()
    );
    assert_eq!(http.get(in_query).send().await.unwrap().status(), 401);
    let right = http
        .get(format!("{}/healthz", remote.serving.url()))
        .bearer_auth(secret)
        .send()
        .await
        .unwrap();
    assert_eq!(right.status(), 200);
    remote.serving.shutdown().await;
}

#[tokio::test]
async fn the_holder_of_the_token_is_known_and_may_do_everything() {
    let remote = remote().await;
    let http = http(&remote);
    let ask = async |group: &str, resource: &str, body: serde_json::Value| -> serde_json::Value {
        let url = format!("{}/apis/{group}/v1/{resource}", remote.serving.url());
        let request = http
            .post(url)
            .bearer_auth(remote.token.secret())
            .header("content-type", "application/json");
        request
            .body(body.to_string())
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let me = ask("authentication.k8s.io", "selfsubjectreviews", json!({})).await;
    assert_eq!(me["status"]["userInfo"]["username"], "kubernetes-admin");
    let spec = json!({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}});
    for resource in ["selfsubjectaccessreviews", "subjectaccessreviews"] {
        assert_eq!(
            ask("authorization.k8s.io", resource, spec.clone()).await["status"]["allowed"],
            true
        );
    }
    let rules = ask(
        "authorization.k8s.io",
        "selfsubjectrulesreviews",
        json!({"spec": {"namespace": "default"}}),
    )
    .await;
    assert_eq!(rules["status"]["resourceRules"][0]["verbs"], json!(["*"]));
    let review = ask(
        "authentication.k8s.io",
        "tokenreviews",
        json!({"spec": {"token": "made.up.one"}}),
    )
    .await;
    assert_eq!(review["status"]["authenticated"], false);
    let path = format!(
        "{}/api/v1/namespaces/default/serviceaccounts/default/token",
        remote.serving.url()
    );
    let made: serde_json::Value = http
        .post(path)
        .bearer_auth(remote.token.secret())
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = made["status"]["token"].as_str().unwrap().to_owned();
    let review = ask(
        "authentication.k8s.io",
        "tokenreviews",
        json!({"spec": {"token": token}}),
    )
    .await;
    assert_eq!(
        review["status"]["user"]["username"],
        "system:serviceaccount:default:default"
    );
    assert_ne!(made["status"]["token"], remote.token.secret());
    // The account's token names it and opens nothing.
    let refused = http
        .get(format!("{}/api", remote.serving.url()))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn secrets_show_themselves_to_no_one_and_files_are_private() {
    let remote = remote().await;
    let secret = remote.token.secret();
    assert!(!format!("{:?}", remote.token).contains(secret));
    for name in ["ca.key", "token"] {
        let mode = std::fs::metadata(remote.directory.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[tokio::test]
async fn a_restart_keeps_authority_and_token() {
    let first = remote().await;
    let again = Tls::load_or_create(first.directory.path(), &["host.example".into()]).unwrap();
    assert_eq!(again.ca_pem(), first.tls.ca_pem());
    let token = Token::load_or_create(&first.directory.path().join("token")).unwrap();
    assert_eq!(token.secret(), first.token.secret());
    let api = ApiServer::builder().build().await.unwrap();
    let serving = api
        .serve(ServeOptions {
            addr: ([127, 0, 0, 1], 0).into(),
            tls: again,
            token,
        })
        .await
        .unwrap();
    // A client that trusts the first certificate trusts the second server.
    let reply = http(&first)
        .get(format!("{}/version", serving.url()))
        .bearer_auth(first.token.secret())
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
}
