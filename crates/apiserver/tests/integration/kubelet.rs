//! Requests that a Pod's node answers.

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use axum::routing::get;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, LogParams};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use crate::support::{Server, pod, server};

const PODS: &str = "/api/v1/namespaces/default/pods";

/// A node that tells what it was asked, and whose containers say hello.
fn node() -> Router {
    async fn logs(
        Path((ns, pod, container)): Path<(String, String, String)>,
        RawQuery(query): RawQuery,
    ) -> String {
        format!("{ns}/{pod}/{container}?{}", query.unwrap_or_default())
    }
    async fn exec(upgrade: WebSocketUpgrade) -> Response {
        upgrade
            .protocols(["v5.channel.k8s.io", "v4.channel.k8s.io"])
            .on_upgrade(|mut socket| async move {
                socket
                    .send(Message::Binary(b"\x01hello".to_vec().into()))
                    .await
                    .unwrap();
                let status = json!({"metadata": {}, "status": "Success"}).to_string();
                socket
                    .send(Message::Binary([b"\x03", status.as_bytes()].concat().into()))
                    .await
                    .unwrap();
                _ = socket.send(Message::Close(None)).await;
            })
    }
    Router::new()
        .route("/containerLogs/{ns}/{pod}/{container}", get(logs))
        .route("/exec/{ns}/{pod}/{container}", get(exec))
        .route("/attach/{ns}/{pod}/{container}", get(exec))
}

async fn with_pod(containers: serde_json::Value) -> Server {
    let server = server().await;
    server.api.register_kubelet("n", node());
    let mut body = pod("p", Some("n"));
    body["spec"]["containers"] = containers;
    server.made(PODS, &body).await;
    server
}

#[tokio::test]
async fn logs_come_from_the_node_with_the_query_and_the_default_container() {
    let server = with_pod(json!([{"name": "main", "image": "i"}])).await;
    let pods: Api<Pod> = Api::default_namespaced(server.client());
    let log = pods
        .logs(
            "p",
            &LogParams {
                tail_lines: Some(5),
                ..LogParams::default()
            },
        )
        .await
        .unwrap();
    assert!(
        log.starts_with("default/p/main?") && log.contains("tailLines=5"),
        "{log}"
    );
}

#[tokio::test]
async fn what_the_server_knows_better_it_says_itself() {
    let server = with_pod(json!([{"name": "a", "image": "i"}, {"name": "b", "image": "i"}])).await;
    let choose = server.get(&format!("{PODS}/p/log")).await;
    assert_eq!(choose.verdict(), (400, "BadRequest"));
    assert!(
        choose.message().contains("choose one of: [a b]"),
        "{}",
        choose.message()
    );
    assert_eq!(
        server.get(&format!("{PODS}/p/log?container=c")).await.verdict(),
        (400, "BadRequest")
    );
    assert_eq!(server.get(&format!("{PODS}/p/log?container=b")).await.code, 200);
    assert_eq!(
        server.get(&format!("{PODS}/q/log")).await.verdict(),
        (404, "NotFound")
    );
    assert_eq!(
        server.post(&format!("{PODS}/p/log"), &json!({})).await.verdict(),
        (405, "MethodNotAllowed")
    );
    server.made(PODS, &pod("lost", Some("elsewhere"))).await;
    let lost = server.get(&format!("{PODS}/lost/log")).await;
    assert_eq!(lost.verdict(), (503, "ServiceUnavailable"));
    assert!(lost.message().contains("node elsewhere"), "{}", lost.message());
    server.made(PODS, &pod("waiting", None)).await;
    assert_eq!(
        server
            .get(&format!("{PODS}/waiting/exec?command=ls"))
            .await
            .verdict(),
        (400, "BadRequest")
    );
    server
        .patch(
            &format!("{PODS}/p/status"),
            "merge-patch",
            &json!({"status": {"phase": "Succeeded"}}),
        )
        .await;
    let over = server.get(&format!("{PODS}/p/exec?container=a&command=ls")).await;
    assert!(over.message().contains("completed pod"), "{}", over.message());
}

#[tokio::test]
async fn exec_and_attach_upgrade_through_the_in_process_service() {
    let server = with_pod(json!([{"name": "main", "image": "i"}])).await;
    let pods: Api<Pod> = Api::default_namespaced(server.client());
    let params = AttachParams {
        stdin: false,
        stdout: true,
        stderr: false,
        ..AttachParams::default()
    };
    for attach in [false, true] {
        let mut process = if attach {
            pods.attach("p", &params).await.unwrap()
        } else {
            pods.exec("p", ["ls"], &params).await.unwrap()
        };
        let mut said = String::new();
        process.stdout().unwrap().read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "hello");
        let status = process.take_status().unwrap().await.unwrap();
        assert_eq!(status.status.as_deref(), Some("Success"));
    }
}
