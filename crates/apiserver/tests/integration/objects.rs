//! Creating, changing and deleting objects.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::support::{config_map, pod, server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn a_created_object_has_identity_and_revision() {
    let server = server().await;
    let made = server.made(MAPS, &config_map("a")).await;
    for field in ["uid", "creationTimestamp", "resourceVersion"] {
        assert!(made["metadata"][field].is_string(), "{field}");
    }
    assert_eq!(made["metadata"]["namespace"], "default");
    assert_eq!(made["metadata"]["managedFields"][0]["manager"], "test");
    let again = server.get(&format!("{MAPS}/a")).await;
    assert_eq!(again.body, made);
    let generated = server
        .made(
            MAPS,
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}),
        )
        .await;
    let name = generated["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("x-") && name.len() == 7, "{name}");
}

#[tokio::test]
async fn refusals_carry_code_and_reason() {
    let server = server().await;
    server.made(MAPS, &config_map("a")).await;
    let stale =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1"}});
    let elsewhere =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "x"}});
    let wrong_kind = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"}});
    let cases = [
        ("POST", MAPS, config_map("a"), (409, "AlreadyExists")),
        ("POST", MAPS, config_map("Bad_Name"), (422, "Invalid")),
        ("POST", MAPS, elsewhere, (400, "BadRequest")),
        ("POST", MAPS, wrong_kind, (400, "BadRequest")),
        ("POST", MAPS, json!([]), (400, "BadRequest")),
        ("POST", MAPS, json!({"metadata": {}}), (422, "Invalid")),
        (
            "POST",
            "/api/v1/configmaps",
            config_map("b"),
            (405, "MethodNotAllowed"),
        ),
        (
            "POST",
            "/api/v1/namespaces/nowhere/configmaps",
            config_map("b"),
            (404, "NotFound"),
        ),
        (
            "GET",
            "/api/v1/namespaces/default/configmaps/b",
            json!({}),
            (404, "NotFound"),
        ),
        (
            "GET",
            "/api/v1/namespaces/default/gadgets",
            json!({}),
            (404, "NotFound"),
        ),
        ("GET", "/nowhere", json!({}), (404, "NotFound")),
        (
            "PUT",
            "/api/v1/namespaces/default/configmaps/a",
            stale,
            (409, "Conflict"),
        ),
        (
            "PUT",
            "/api/v1/namespaces/default/configmaps/b",
            config_map("b"),
            (404, "NotFound"),
        ),
        (
            "PUT",
            "/api/v1/namespaces/default/configmaps/b",
            config_map("a"),
            (400, "BadRequest"),
        ),
        ("PUT", MAPS, config_map("a"), (405, "MethodNotAllowed")),
        (
            "DELETE",
            "/api/v1/namespaces/default/configmaps/b",
            json!({}),
            (404, "NotFound"),
        ),
        (
            "DELETE",
            "/api/v1/namespaces",
            json!({}),
            (405, "MethodNotAllowed"),
        ),
        (
            "GET",
            "/api/v1/namespaces/default/configmaps?labelSelector=%3D%3D",
            json!({}),
            (400, "BadRequest"),
        ),
        (
            "GET",
            "/api/v1/namespaces/default/configmaps?fieldSelector=data.a%3D1",
            json!({}),
            (400, "BadRequest"),
        ),
    ];
    for (method, path, body, expected) in cases {
        let body = if method == "GET" {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        let reply = server.send(method, path, "application/json", body).await;
        assert_eq!(reply.verdict(), expected, "{method} {path}: {}", reply.body);
    }
    let missing = server.get(&format!("{MAPS}/b")).await;
    assert_eq!(missing.message(), "configmaps \"b\" not found");
    assert_eq!(
        missing.body["details"],
        json!({"name": "b", "kind": "configmaps"})
    );
}

#[tokio::test]
async fn bodies_are_json_or_yaml_up_to_three_mebibytes() {
    let server = server().await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  a: \"1\"\n";
    let reply = server.send("POST", MAPS, "application/yaml", yaml).await;
    assert_eq!((reply.code, &reply.body["data"]["a"]), (201, &json!("1")));
    let reply = server.send("POST", MAPS, "text/plain", yaml).await;
    assert_eq!(reply.verdict(), (415, "UnsupportedMediaType"));
    let reply = server
        .send("POST", MAPS, "application/json", vec![b' '; (3 << 20) + 1])
        .await;
    assert_eq!(reply.verdict(), (413, "RequestEntityTooLarge"));
    let reply = server.send("POST", MAPS, "application/json", "{").await;
    assert_eq!(reply.verdict(), (400, "BadRequest"));
}

#[tokio::test]
async fn patches_come_in_four_dialects() {
    let server = server().await;
    server.made(MAPS, &config_map("a")).await;
    let path = format!("{MAPS}/a");
    let cases = [
        ("merge-patch", json!({"data": {"b": "2"}}), (200, "")),
        ("strategic-merge-patch", json!({"data": {"c": "3"}}), (200, "")),
        (
            "json-patch",
            json!([{"op": "add", "path": "/data/d", "value": "4"}]),
            (200, ""),
        ),
        (
            "json-patch",
            json!([{"op": "test", "path": "/metadata/finalizers", "value": null}]),
            (200, ""),
        ),
        (
            "json-patch",
            json!([{"op": "test", "path": "/data/a", "value": "9"}]),
            (422, "Invalid"),
        ),
        (
            "merge-patch",
            json!({"metadata": {"resourceVersion": "1"}}),
            (409, "Conflict"),
        ),
        ("merge-patch", json!([]), (400, "BadRequest")),
        ("nonsense", json!({}), (415, "UnsupportedMediaType")),
        (
            "apply-patch",
            json!({"apiVersion": "v1", "kind": "ConfigMap"}),
            (422, "Invalid"),
        ),
    ];
    for (dialect, patch, expected) in cases {
        let reply = server.patch(&path, dialect, &patch).await;
        assert_eq!(reply.verdict(), expected, "{dialect} {patch}: {}", reply.body);
    }
    let data = server.get(&path).await.body["data"].clone();
    assert_eq!(data, json!({"a": "1", "b": "2", "c": "3", "d": "4"}));
}

#[tokio::test]
async fn applying_creates_merges_and_respects_owners() {
    let server = server().await;
    let path = |manager: &str, rest: &str| format!("{MAPS}/s?fieldManager={manager}{rest}");
    let config = |data: serde_json::Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": data});
    let made = server
        .patch(
            &path("one", ""),
            "apply-patch",
            &config(json!({"a": "1", "b": "1"})),
        )
        .await;
    assert_eq!(made.code, 201, "{}", made.body);
    let merged = server
        .patch(&path("two", ""), "apply-patch", &config(json!({"c": "2"})))
        .await;
    assert_eq!(
        (merged.code, merged.body["data"].clone()),
        (200, json!({"a": "1", "b": "1", "c": "2"}))
    );
    let conflict = server
        .patch(&path("two", ""), "apply-patch", &config(json!({"a": "2"})))
        .await;
    assert_eq!(conflict.verdict(), (409, "Conflict"));
    assert_eq!(
        conflict.body["details"]["causes"][0]["reason"],
        "FieldManagerConflict"
    );
    let forced = server
        .patch(
            &path("two", "&force=true"),
            "apply-patch",
            &config(json!({"a": "2"})),
        )
        .await;
    assert_eq!(forced.body["data"], json!({"a": "2", "b": "1"}));
    let same = server
        .patch(
            &path("two", "&force=true"),
            "apply-patch",
            &config(json!({"a": "2"})),
        )
        .await;
    assert_eq!(
        same.body["metadata"]["resourceVersion"], forced.body["metadata"]["resourceVersion"],
        "nothing new, no write"
    );
    let dropped = server
        .patch(&path("one", ""), "apply-patch", &config(json!({})))
        .await;
    assert_eq!(dropped.body["data"], json!({"a": "2"}));
}

#[tokio::test]
async fn an_update_that_changes_nothing_writes_nothing() {
    let server = server().await;
    let made = server.made(MAPS, &config_map("a")).await;
    let revision = server.api.revision();
    let reply = server.put(&format!("{MAPS}/a"), &made).await;
    assert_eq!(
        (reply.code, &reply.body["metadata"]["resourceVersion"]),
        (200, &made["metadata"]["resourceVersion"])
    );
    assert_eq!(server.api.revision(), revision);
}

#[tokio::test]
async fn a_dry_run_answers_and_stores_nothing() {
    let server = server().await;
    let reply = server.post(&format!("{MAPS}?dryRun=All"), &config_map("a")).await;
    assert_eq!(reply.code, 201, "{}", reply.body);
    assert!(reply.body["metadata"]["uid"].is_string());
    assert!(reply.body["metadata"].get("resourceVersion").is_none());
    assert_eq!(server.get(&format!("{MAPS}/a")).await.code, 404);
    server.made(MAPS, &config_map("a")).await;
    let patched = server
        .patch(
            &format!("{MAPS}/a?dryRun=All"),
            "merge-patch",
            &json!({"data": {"a": "2"}}),
        )
        .await;
    assert_eq!(patched.body["data"]["a"], "2");
    assert_eq!(
        server
            .delete(&format!("{MAPS}/a?dryRun=All"), json!({}))
            .await
            .code,
        200
    );
    assert_eq!(server.get(&format!("{MAPS}/a")).await.body["data"]["a"], "1");
    let reply = server
        .post(&format!("{MAPS}?dryRun=Some"), &config_map("b"))
        .await;
    assert_eq!(reply.verdict(), (422, "Invalid"));
}

#[tokio::test]
async fn unknown_fields_are_ignored_warned_about_or_refused() {
    let server = server().await;
    let body = |name: &str| {
        let mut pod = pod(name, None);
        pod["spec"]["nonsense"] = json!(1);
        pod
    };
    let warned = server.post(PODS, &body("a")).await;
    assert_eq!(warned.code, 201, "{}", warned.body);
    assert!(warned.body["spec"].get("nonsense").is_none());
    let warning = warned.headers["warning"].to_str().unwrap().to_owned();
    assert_eq!(warning, "299 - \"unknown field \\\"spec.nonsense\\\"\"");
    let ignored = server
        .post(&format!("{PODS}?fieldValidation=Ignore"), &body("b"))
        .await;
    assert!(ignored.code == 201 && !ignored.headers.contains_key("warning"));
    let strict = server
        .post(&format!("{PODS}?fieldValidation=Strict"), &body("c"))
        .await;
    assert_eq!(strict.verdict(), (400, "BadRequest"));
    assert!(
        strict
            .message()
            .contains("strict decoding error: unknown field \"spec.nonsense\""),
        "{}",
        strict.message()
    );
}

#[tokio::test]
async fn status_is_a_room_of_its_own() {
    let server = server().await;
    let mut body = pod("p", None);
    body["status"] = json!({"phase": "Running"});
    let made = server.made(PODS, &body).await;
    assert_eq!(made["status"]["phase"], "Pending");
    let path = format!("{PODS}/p");
    let patched = server
        .patch(
            &format!("{path}/status"),
            "merge-patch",
            &json!({"status": {"phase": "Running"}, "spec": {"nodeName": "n"}}),
        )
        .await;
    assert_eq!(
        (
            &patched.body["status"]["phase"],
            patched.body["spec"].get("nodeName")
        ),
        (&json!("Running"), None)
    );
    assert_eq!(
        patched.body["metadata"]["generation"],
        made["metadata"]["generation"]
    );
    let kept = server
        .patch(
            &path,
            "merge-patch",
            &json!({"metadata": {"labels": {"x": "y"}}, "status": {"phase": "Failed"}}),
        )
        .await;
    assert_eq!(
        (
            &kept.body["status"]["phase"],
            &kept.body["metadata"]["labels"]["x"]
        ),
        (&json!("Running"), &json!("y"))
    );
}

#[tokio::test]
async fn deletion_waits_for_finalizers_and_grace() {
    let server = server().await;
    let mut held = config_map("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    server.made(MAPS, &held).await;
    let path = format!("{MAPS}/held");
    let pending = server.delete(&path, json!({})).await;
    assert!(pending.body["metadata"]["deletionTimestamp"].is_string());
    let added = server
        .patch(
            &path,
            "merge-patch",
            &json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}),
        )
        .await;
    assert_eq!(added.verdict(), (422, "Invalid"));
    assert_eq!(
        server
            .patch(&path, "merge-patch", &json!({"metadata": {"finalizers": null}}))
            .await
            .code,
        200
    );
    assert_eq!(server.get(&path).await.code, 404);

    server.made(PODS, &pod("free", None)).await;
    assert_eq!(server.delete(&format!("{PODS}/free"), json!({})).await.code, 200);
    assert_eq!(server.get(&format!("{PODS}/free")).await.code, 404);

    server.made(PODS, &pod("bound", Some("n"))).await;
    let path = format!("{PODS}/bound");
    let pending = server.delete(&path, json!({})).await;
    assert_eq!(pending.body["metadata"]["deletionGracePeriodSeconds"], 30);
    let sooner = server.delete(&path, json!({"gracePeriodSeconds": 5})).await;
    assert_eq!(sooner.body["metadata"]["deletionGracePeriodSeconds"], 5);
    let status = server
        .patch(
            &format!("{path}/status"),
            "merge-patch",
            &json!({"status": {"phase": "Failed"}}),
        )
        .await;
    assert_eq!(status.code, 200, "{}", status.body);
    assert_eq!(
        server
            .delete(
                &path,
                json!({"gracePeriodSeconds": 0, "preconditions": {"uid": "other"}})
            )
            .await
            .verdict(),
        (409, "Conflict")
    );
    assert_eq!(
        server.delete(&path, json!({"gracePeriodSeconds": 0})).await.code,
        200
    );
    assert_eq!(server.get(&path).await.code, 404);
}

#[tokio::test]
async fn a_deleted_object_is_reported_as_a_real_server_does() {
    let server = server().await;
    let made = server.made(MAPS, &config_map("a")).await;
    let gone = server.delete(&format!("{MAPS}/a"), json!({})).await;
    assert_eq!(
        gone.body,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]},
        })
    );
    for name in ["a", "b"] {
        server.made(MAPS, &config_map(name)).await;
    }
    let gone = server.delete(MAPS, json!({})).await;
    assert_eq!(gone.body["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(server.get(MAPS).await.body["items"], json!([]));
}

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
