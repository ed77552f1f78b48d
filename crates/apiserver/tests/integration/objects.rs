//! Creating, changing and deleting objects.

use axum::body::Body;
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
