//! The client against a server that behaves as OpenCode does, or worse.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::time::Duration;

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use futures::stream;
use koc_opencode::{
    Client, Endpoint, Error, Event, NewSession, Part, PermissionRule, Reply, Secret, SessionStatus,
};
use serde_json::{Value, json};

/// `opencode:s3cret`
const AUTHORIZATION: &str = "Basic b3BlbmNvZGU6czNjcmV0";

async fn serve(router: Router) -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Endpoint {
        password: Some(Secret::new("s3cret")),
        timeout: Duration::from_secs(20),
        ..Endpoint::new(format!("http://{address}"))
    }
}

async fn client(router: Router) -> Client {
    Client::new(serve(router).await).unwrap()
}

fn opencode() -> Router {
    async fn health(headers: HeaderMap) -> Response {
        match headers.get("authorization") {
            Some(value) if value == AUTHORIZATION => {
                Json(json!({"healthy": true, "version": "1.18.33", "new": 1})).into_response()
            }
            _ => (StatusCode::UNAUTHORIZED, "no").into_response(),
        }
    }
    async fn create(Json(body): Json<Value>) -> Json<Value> {
        Json(
            json!({"id": "ses_1", "title": body["title"], "directory": "/w", "cost": null, "tokens": {"input": 2.0},
            "permission": body["permission"]}),
        )
    }
    async fn prompt(Path(session): Path<String>, Json(body): Json<Value>) -> StatusCode {
        assert_eq!(
            (session.as_str(), body["parts"][0]["text"].as_str()),
            ("ses_1", Some("--help\n"))
        );
        StatusCode::NO_CONTENT
    }
    async fn messages(Query(query): Query<Vec<(String, String)>>) -> Json<Value> {
        assert!(query.is_empty());
        Json(json!([
            {"info": {"id": "msg_1", "role": "user", "summary": {"diffs": [{"file": "a", "additions": 1}]}}, "parts": []},
            "of a shape that nobody knows",
            {"info": {"id": "msg_2", "role": "assistant", "time": {"completed": 7}, "finish": "stop"},
             "parts": [{"type": "text", "text": "done", "time": {"end": 1}}, {"type": "holograph"}, 7]},
        ]))
    }
    async fn events() -> Response {
        let pieces = [
            "data: {\"type\":\"server.conn",
            "ected\"}\n\ndata: {\"type\":\"new\"}\n\n: x\n\n",
            "data: x",
        ];
        let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
        ([("content-type", "text/event-stream")], body).into_response()
    }
    async fn reply(Path(id): Path<String>, Json(body): Json<Value>) -> Response {
        match (id.as_str(), &body["reply"], body.get("message")) {
            ("per_1", Value::String(reply), Some(_)) if reply == "reject" => Json(true).into_response(),
            ("per_1", Value::String(reply), None) if reply == "once" => Json(true).into_response(),
            _ => (
                StatusCode::NOT_FOUND,
                Json(json!({"name": "PermissionNotFoundError", "data": {"message": "gone"}})),
            )
                .into_response(),
        }
    }
    Router::new()
        .route("/global/health", get(health))
        .route("/session", post(create))
        .route("/session/{id}/prompt_async", post(prompt))
        .route("/session/{id}/message", get(messages))
        .route(
            "/session/status",
            get(async || Json(json!({"ses_1": {"type": "busy"}, "ses_2": {"type": "idle"}, "ses_3": 7}))),
        )
        .route("/permission/{id}/reply", post(reply))
        .route("/event", get(events))
}

#[tokio::test]
async fn a_session_is_driven_from_health_to_messages() {
    let client = client(opencode()).await;
    let health = client.health(Duration::from_secs(5)).await.unwrap();
    assert_eq!((health.healthy, health.version.as_str()), (true, "1.18.33"));
    let new = NewSession {
        title: Some("t".into()),
        permissions: vec![PermissionRule::deny("question")],
    };
    let session = client.create_session(&new).await.unwrap();
    assert_eq!(
        (session.id.as_str(), session.title.as_str(), session.tokens.input),
        ("ses_1", "t", 2)
    );
    client.prompt(&session.id, "--help\n").await.unwrap();
    let messages = client.messages(&session.id).await.unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].info.diffs()[0].additions, 1);
    assert!(messages[1].info.is_complete());
    assert!(
        matches!(&messages[1].parts[..], [Part::Text(text), Part::Other(_), Part::Other(_)] if text.text == "done")
    );
    let status = client.status(Duration::from_secs(5)).await.unwrap();
    assert_eq!(
        status.into_iter().collect::<Vec<_>>(),
        [
            ("ses_1".to_owned(), SessionStatus::Busy),
            ("ses_3".to_owned(), SessionStatus::Unknown)
        ]
    );
    client.reply_permission("per_1", &Reply::Once).await.unwrap();
    client
        .reply_permission("per_1", &Reply::Reject(Some("no".into())))
        .await
        .unwrap();
    let error = client.reply_permission("per_2", &Reply::Once).await.unwrap_err();
    assert_eq!(
        (error.status(), error.to_string().contains("gone")),
        (Some(404), true)
    );
}

#[tokio::test]
async fn events_are_read_until_the_server_ends_the_stream() {
    let mut events = client(opencode()).await.events().await.unwrap();
    let mut seen = Vec::new();
    while let Ok(Some(event)) = events.next().await {
        seen.push(event);
    }
    assert_eq!(seen, [Event::Connected, Event::Other { kind: "new".into() }]);
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_printed() {
    let endpoint = Endpoint {
        password: Some(Secret::new("wr0ng-one")),
        ..serve(opencode()).await
    };
    let error = Client::new(endpoint)
        .unwrap()
        .health(Duration::from_secs(5))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("wr0ng"));
}

#[tokio::test]
async fn a_web_page_is_no_answer() {
    // OpenCode answers unknown paths with its web page and status 200.
    let client = client(Router::new().fallback(async || Html("<html></html>"))).await;
    assert!(matches!(
        client.health(Duration::from_secs(5)).await,
        Err(Error::Undecodable { .. })
    ));
    assert!(matches!(client.events().await, Err(Error::Undecodable { .. })));
}

#[tokio::test]
async fn a_server_that_never_answers_costs_no_more_than_the_timeout() {
    let router = Router::new().fallback(async || std::future::pending::<()>().await);
    let endpoint = Endpoint {
        timeout: Duration::from_millis(50),
        ..serve(router).await
    };
    let client = Client::new(endpoint).unwrap();
    assert!(matches!(
        client.health(Duration::from_millis(50)).await,
        Err(Error::Timeout { .. })
    ));
    assert!(matches!(client.events().await, Err(Error::Timeout { .. })));
    assert!(matches!(
        client.prompt("ses_1", "x").await,
        Err(Error::Timeout { .. })
    ));
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_password_away() {
    let client = client(Router::new().fallback(async || Redirect::temporary("http://127.0.0.1:9/"))).await;
    assert!(matches!(
        client.session("ses_1").await,
        Err(Error::Status { status: 307, .. })
    ));
}

#[tokio::test]
async fn nobody_listening_is_told_without_the_address_in_the_middle() {
    let client = Client::new(Endpoint::new("http://127.0.0.1:9")).unwrap();
    let error = client.health(Duration::from_secs(5)).await.unwrap_err();
    assert!(
        error.to_string().starts_with("cannot ask for the health"),
        "{error}"
    );
}

#[tokio::test]
async fn a_directory_is_passed_with_every_request() {
    let router = Router::new().fallback(async |request: Request| {
        assert_eq!(request.uri().query(), Some("messageID=msg_1&directory=%2Fw+x"));
        Json(json!([{"file": "a", "additions": 2}]))
    });
    let endpoint = Endpoint {
        directory: Some("/w x".into()),
        ..serve(router).await
    };
    let diff = Client::new(endpoint)
        .unwrap()
        .diff("ses_1", "msg_1")
        .await
        .unwrap();
    assert_eq!(diff[0].additions, 2);
}
