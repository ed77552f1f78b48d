//! Custom resources.

use serde_json::{Value, json};

use crate::support::{CRDS, Server, WIDGETS, server, widget_crd, with_widgets};

fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn a_definition_makes_a_kind_with_schema_defaults_and_rules() {
    let server = server().await;
    with_widgets(&server).await;
    let made = server
        .post(
            WIDGETS,
            &widget("a", json!({"color": "red", "extra": 1, "fixed": "x"})),
        )
        .await;
    assert_eq!(
        made.body["spec"],
        json!({"size": 3, "color": "red", "fixed": "x"}),
        "{}",
        made.body
    );
    assert_eq!(
        made.headers["warning"],
        "299 - \"unknown field \\\"spec.extra\\\"\""
    );
    assert_eq!(made.body["metadata"]["generation"], 1);
    for (spec, expected) in [
        (json!({"size": 0}), (422, "Invalid")),
        (json!({"size": "big"}), (422, "Invalid")),
        (json!({"color": "green"}), (422, "Invalid")),
    ] {
        assert_eq!(
            server.post(WIDGETS, &widget("b", spec.clone())).await.verdict(),
            expected,
            "{spec}"
        );
    }
    let path = format!("{WIDGETS}/a");
    let changed = server
        .patch(&path, "merge-patch", &json!({"spec": {"fixed": "y"}}))
        .await;
    assert_eq!(changed.verdict(), (422, "Invalid"));
    assert!(
        changed.message().contains("fixed cannot be changed"),
        "{}",
        changed.message()
    );
    assert_eq!(
        server
            .patch(&path, "strategic-merge-patch", &json!({}))
            .await
            .verdict(),
        (415, "UnsupportedMediaType")
    );
    let mut unconditional = made.body.clone();
    unconditional["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("resourceVersion");
    assert_eq!(
        server.put(&path, &unconditional).await.verdict(),
        (422, "Invalid")
    );
}

#[tokio::test]
async fn status_and_scale_of_custom_resources() {
    let server = server().await;
    with_widgets(&server).await;
    let mut body = widget("a", json!({"replicas": 2}));
    body["status"] = json!({"phase": "Sneaky"});
    let made = server.made(WIDGETS, &body).await;
    assert!(made.get("status").is_none());
    let path = format!("{WIDGETS}/a");
    let patch = json!({"status": {"phase": "Ready", "replicas": 2}, "spec": {"size": 9}, "metadata": {"labels": {"x": "y"}}});
    let status = server
        .patch(&format!("{path}/status"), "merge-patch", &patch)
        .await;
    assert_eq!(
        (&status.body["status"]["phase"], &status.body["spec"]["size"]),
        (&json!("Ready"), &json!(3))
    );
    assert!(status.body["metadata"].get("labels").is_none());
    assert_eq!(status.body["metadata"]["generation"], 1);
    let applied = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "status": {"phase": "Done"}});
    let applied = server
        .patch(
            &format!("{path}/status?fieldManager=m&force=true"),
            "apply-patch",
            &applied,
        )
        .await;
    assert_eq!(
        (applied.code, &applied.body["status"]["phase"]),
        (200, &json!("Done")),
        "{}",
        applied.body
    );
    let entry = applied.body["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["manager"] == "m")
        .unwrap();
    assert_eq!(entry["subresource"], "status");
    let scaled = server
        .patch(
            &format!("{path}/scale"),
            "merge-patch",
            &json!({"spec": {"replicas": 5}}),
        )
        .await;
    assert_eq!(
        (
            &scaled.body["spec"]["replicas"],
            &scaled.body["status"]["replicas"]
        ),
        (&json!(5), &json!(2))
    );
    assert_eq!(server.get(&path).await.body["metadata"]["generation"], 2);
}

#[tokio::test]
async fn deleting_a_definition_takes_instances_and_kind_along() {
    let server = server().await;
    with_widgets(&server).await;
    let mut held = widget("held", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    server.made(WIDGETS, &held).await;
    server.made(WIDGETS, &widget("free", json!({}))).await;
    let path = format!("{CRDS}/widgets.example.com");
    server.delete(&path, json!({})).await;
    server.until_gone(&format!("{WIDGETS}/free")).await;
    server
        .until(&path, |reply| {
            let conditions = reply.body["status"]["conditions"].as_array();
            conditions.is_some_and(|list| list.iter().any(|c| c["type"] == "Terminating"))
        })
        .await;
    assert_eq!(server.post(WIDGETS, &widget("late", json!({}))).await.code, 405);
    server
        .patch(
            &format!("{WIDGETS}/held"),
            "merge-patch",
            &json!({"metadata": {"finalizers": null}}),
        )
        .await;
    server.until_gone(&path).await;
    server.until_gone("/apis/example.com/v1").await;
    assert_eq!(server.get(WIDGETS).await.code, 404);
}

#[tokio::test]
async fn a_changed_definition_is_served_changed() {
    let server = server().await;
    with_widgets(&server).await;
    let path = format!("{CRDS}/widgets.example.com");
    let patch = json!([{
        "op": "add",
        "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/extra",
        "value": {"type": "integer"},
    }]);
    assert_eq!(server.patch(&path, "json-patch", &patch).await.code, 200);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    for at in 0.. {
        let made = server
            .made(WIDGETS, &widget(&format!("w{at}"), json!({"extra": 1})))
            .await;
        if made["spec"]["extra"] == 1 {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "the new field is never served"
        );
    }
}

#[tokio::test]
async fn definitions_and_instances_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let storage = koc_apiserver::Storage::Sqlite(directory.path().join("db"));
    let build = || {
        koc_apiserver::ApiServer::builder()
            .storage(storage.clone())
            .build()
    };
    let first = Server {
        api: build().await.unwrap(),
    };
    with_widgets(&first).await;
    let made = first.made(WIDGETS, &widget("a", json!({}))).await;
    first.api.shutdown().await;
    let second = Server {
        api: build().await.unwrap(),
    };
    assert_eq!(second.get(&format!("{WIDGETS}/a")).await.body, made);
    let again = second.post(CRDS, &widget_crd()).await;
    assert_eq!(again.verdict(), (409, "AlreadyExists"));
}
