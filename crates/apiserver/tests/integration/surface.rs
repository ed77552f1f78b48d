//! Subresources, other forms of an answer, and what the server says about itself.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::support::{config_map, pod, server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn a_pod_is_bound_once() {
    let server = server().await;
    server.made(PODS, &pod("p", None)).await;
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
    let path = format!("{PODS}/p/binding");
    let bound = server.post(&path, &binding).await;
    assert_eq!(bound.code, 201, "{}", bound.body);
    let pod = server.get(&format!("{PODS}/p")).await;
    assert_eq!(
        (
            &pod.body["spec"]["nodeName"],
            &pod.body["status"]["conditions"][0]["type"]
        ),
        (&json!("n"), &json!("PodScheduled"))
    );
    assert_eq!(server.post(&path, &binding).await.verdict(), (409, "Conflict"));
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}});
    assert_eq!(
        server.post(&format!("{PODS}/p/eviction"), &eviction).await.code,
        201
    );
    assert!(server.get(&format!("{PODS}/p")).await.body["metadata"]["deletionTimestamp"].is_string());
}

#[tokio::test]
async fn replicas_are_reached_through_scale() {
    let server = server().await;
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let labels = json!({"app": "d"});
    server
        .made(deployments, &json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
            },
        }))
        .await;
    let path = format!("{deployments}/d/scale");
    let scale = server.get(&path).await.body;
    assert_eq!(
        (
            &scale["kind"],
            &scale["spec"]["replicas"],
            &scale["status"]["selector"]
        ),
        (&json!("Scale"), &json!(1), &json!("app=d"))
    );
    let scaled = server
        .patch(&path, "merge-patch", &json!({"spec": {"replicas": 4}}))
        .await;
    assert_eq!(scaled.body["spec"]["replicas"], 4, "{}", scaled.body);
    let deployment = server.get(&format!("{deployments}/d")).await.body;
    assert_eq!(
        (
            &deployment["spec"]["replicas"],
            &deployment["metadata"]["generation"]
        ),
        (&json!(4), &json!(2))
    );
    assert_eq!(
        server
            .patch(&path, "merge-patch", &json!({"spec": {"replicas": -1}}))
            .await
            .verdict(),
        (422, "Invalid")
    );
}

#[tokio::test]
async fn events_have_two_faces_and_one_store() {
    let server = server().await;
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "c", "reportingInstance": "i", "action": "A", "reason": "R", "type": "Normal", "note": "text",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": "default"},
    });
    server
        .made("/apis/events.k8s.io/v1/namespaces/default/events", &event)
        .await;
    let core = server.get("/api/v1/namespaces/default/events/e").await.body;
    assert_eq!(
        (
            &core["message"],
            &core["involvedObject"]["name"],
            &core["apiVersion"]
        ),
        (&json!("text"), &json!("p"), &json!("v1"))
    );
    let found = server
        .get("/api/v1/events?fieldSelector=involvedObject.name%3Dp")
        .await
        .body;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    let group = server
        .get("/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dp")
        .await
        .body;
    assert_eq!(group["items"][0]["note"], "text");
    let series = json!({"series": {"count": 2, "lastObservedTime": "2026-01-01T00:01:00.000000Z"}});
    let patched = server
        .patch(
            "/apis/events.k8s.io/v1/namespaces/default/events/e",
            "merge-patch",
            &series,
        )
        .await;
    assert_eq!(
        (patched.code, &patched.body["note"]),
        (200, &json!("text")),
        "{}",
        patched.body
    );
}

#[tokio::test]
async fn other_forms_are_given_on_request() {
    let server = server().await;
    server.made(MAPS, &config_map("a")).await;
    let ask = |path: String, accept: &'static str| {
        Request::builder()
            .uri(path)
            .header("accept", accept)
            .body(Body::empty())
            .unwrap()
    };
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    for path in [MAPS.to_owned(), format!("{MAPS}/a")] {
        let reply = server.raw(ask(path, table)).await.body;
        assert_eq!(
            (&reply["kind"], &reply["rows"][0]["cells"][0]),
            (&json!("Table"), &json!("a")),
            "{reply}"
        );
    }
    let partial = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let reply = server.raw(ask(MAPS.to_owned(), partial)).await.body;
    assert_eq!(
        (&reply["kind"], reply["items"][0].get("data")),
        (&json!("PartialObjectMetadataList"), None)
    );
    assert_eq!(
        server.raw(ask(MAPS.to_owned(), "text/html")).await.verdict(),
        (406, "NotAcceptable")
    );
}

#[tokio::test]
async fn what_the_server_says_about_itself() {
    let server = server().await;
    for path in ["/healthz", "/livez", "/readyz", "/readyz/ping"] {
        assert_eq!(server.get(path).await.body, "ok", "{path}");
    }
    assert_eq!(server.get("/version").await.body["major"], "1");
    let core = server.get("/api/v1").await.body;
    let names: Vec<&str> = core["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|r| r["name"].as_str())
        .collect();
    for name in [
        "pods",
        "pods/log",
        "pods/exec",
        "pods/status",
        "namespaces/finalize",
        "serviceaccounts/token",
        "secrets",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    assert_eq!(
        server.get("/apis/apps").await.body["preferredVersion"]["version"],
        "v1"
    );
    assert_eq!(server.get("/apis/nowhere").await.code, 404);
    let index = server.get("/openapi/v3").await.body;
    let link = index["paths"]["api/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        server.get(&link).await.body["paths"]
            .as_object()
            .is_some_and(|paths| !paths.is_empty())
    );
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let request = Request::builder()
        .uri("/apis")
        .header("accept", accept)
        .body(Body::empty())
        .unwrap();
    let reply = server.raw(request).await;
    assert_eq!(reply.body["kind"], "APIGroupDiscoveryList");
    assert!(
        reply.headers["content-type"]
            .to_str()
            .unwrap()
            .contains("APIGroupDiscoveryList")
    );
}

#[tokio::test]
async fn a_service_gets_an_address_of_its_own() {
    let server = server().await;
    let service = |name: &str| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}});
    let a = server
        .made("/api/v1/namespaces/default/services", &service("a"))
        .await;
    let b = server
        .made("/api/v1/namespaces/default/services", &service("b"))
        .await;
    assert!(a["spec"]["clusterIP"].as_str().unwrap().starts_with("10.96."));
    assert_ne!(a["spec"]["clusterIP"], b["spec"]["clusterIP"]);
    assert_eq!(a["spec"]["clusterIPs"][0], a["spec"]["clusterIP"]);
}
