//! Owners, namespaces: what goes along with what.

use serde_json::{Value, json};

use crate::support::{Server, config_map, server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn owned(name: &str, owner: &Value, block: bool) -> Value {
    let mut map = config_map(name);
    map["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": block, "controller": true,
    }]);
    map
}

async fn family(server: &Server) -> Value {
    let owner = server.made(MAPS, &config_map("owner")).await;
    let child = server.made(MAPS, &owned("child", &owner, true)).await;
    server.made(MAPS, &owned("grandchild", &child, true)).await;
    owner
}

#[tokio::test]
async fn in_the_background_dependents_go_after_their_owner() {
    let server = server().await;
    family(&server).await;
    assert_eq!(
        server
            .delete(
                &format!("{MAPS}/owner"),
                json!({"propagationPolicy": "Background"})
            )
            .await
            .body["status"],
        "Success"
    );
    server.until_gone(&format!("{MAPS}/child")).await;
    server.until_gone(&format!("{MAPS}/grandchild")).await;
}

#[tokio::test]
async fn in_the_foreground_dependents_go_first() {
    let server = server().await;
    family(&server).await;
    let patch = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    server
        .patch(&format!("{MAPS}/grandchild"), "merge-patch", &patch)
        .await;
    let pending = server
        .delete(
            &format!("{MAPS}/owner"),
            json!({"propagationPolicy": "Foreground"}),
        )
        .await;
    assert_eq!(
        pending.body["metadata"]["finalizers"],
        json!(["foregroundDeletion"])
    );
    server
        .until(&format!("{MAPS}/grandchild"), |reply| {
            reply.body["metadata"]["deletionTimestamp"].is_string()
        })
        .await;
    for name in ["owner", "child"] {
        assert_eq!(
            server.get(&format!("{MAPS}/{name}")).await.code,
            200,
            "{name} waits"
        );
    }
    server
        .patch(
            &format!("{MAPS}/grandchild"),
            "merge-patch",
            &json!({"metadata": {"finalizers": null}}),
        )
        .await;
    for name in ["grandchild", "child", "owner"] {
        server.until_gone(&format!("{MAPS}/{name}")).await;
    }
}

#[tokio::test]
async fn orphans_stay_and_lose_their_owner() {
    let server = server().await;
    family(&server).await;
    server
        .delete(&format!("{MAPS}/owner"), json!({"propagationPolicy": "Orphan"}))
        .await;
    server.until_gone(&format!("{MAPS}/owner")).await;
    let child = server.get(&format!("{MAPS}/child")).await;
    assert_eq!(
        (child.code, child.body["metadata"].get("ownerReferences")),
        (200, None)
    );
    assert_eq!(server.get(&format!("{MAPS}/grandchild")).await.code, 200);
}

#[tokio::test]
async fn an_owner_of_the_same_name_and_another_uid_is_no_owner() {
    let server = server().await;
    let mut owner = server.made(MAPS, &config_map("owner")).await;
    owner["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000000");
    server.made(MAPS, &owned("child", &owner, false)).await;
    server.until_gone(&format!("{MAPS}/child")).await;
    assert_eq!(server.get(&format!("{MAPS}/owner")).await.code, 200);
}

#[tokio::test]
async fn an_owner_of_an_unknown_kind_is_left_alone() {
    let server = server().await;
    let mut map = config_map("child");
    map["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "x.io/v1", "kind": "Ghost", "name": "g", "uid": "u"}]);
    server.made(MAPS, &map).await;
    // Something judged after it is gone, so it was judged too.
    let mut owner = server.made(MAPS, &config_map("owner")).await;
    owner["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000000");
    server.made(MAPS, &owned("later", &owner, false)).await;
    server.until_gone(&format!("{MAPS}/later")).await;
    assert_eq!(server.get(&format!("{MAPS}/child")).await.code, 200);
}

#[tokio::test]
async fn one_living_owner_keeps_an_object_and_dangling_references_go() {
    let server = server().await;
    let (a, b) = (
        server.made(MAPS, &config_map("a")).await,
        server.made(MAPS, &config_map("b")).await,
    );
    let mut child = owned("child", &a, false);
    let second = owned("child", &b, false)["metadata"]["ownerReferences"][0].clone();
    child["metadata"]["ownerReferences"][0]["controller"] = json!(false);
    child["metadata"]["ownerReferences"]
        .as_array_mut()
        .unwrap()
        .push(second);
    server.made(MAPS, &child).await;
    server.delete(&format!("{MAPS}/a"), json!({})).await;
    let left = server
        .until(&format!("{MAPS}/child"), |reply| {
            reply.body["metadata"]["ownerReferences"].as_array().map(Vec::len) == Some(1)
        })
        .await;
    assert_eq!(left.body["metadata"]["ownerReferences"][0]["name"], "b");
}

#[tokio::test]
async fn dependents_of_absent_owners_are_collected_after_a_restart() {
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
    let owner = first.made(MAPS, &config_map("owner")).await;
    let mut child = owned("child", &owner, true);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    first.made(MAPS, &child).await;
    first
        .delete(
            &format!("{MAPS}/owner"),
            json!({"propagationPolicy": "Foreground"}),
        )
        .await;
    first
        .until(&format!("{MAPS}/child"), |reply| {
            reply.body["metadata"]["deletionTimestamp"].is_string()
        })
        .await;
    first.api.shutdown().await;
    let second = Server {
        api: build().await.unwrap(),
    };
    assert_eq!(second.get(&format!("{MAPS}/owner")).await.code, 200);
    second
        .patch(
            &format!("{MAPS}/child"),
            "merge-patch",
            &json!({"metadata": {"finalizers": null}}),
        )
        .await;
    second.until_gone(&format!("{MAPS}/child")).await;
    second.until_gone(&format!("{MAPS}/owner")).await;
}

#[tokio::test]
async fn a_namespace_takes_its_contents_along_and_accepts_nothing_new() {
    let server = server().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns"}});
    let made = server.made("/api/v1/namespaces", &namespace).await;
    assert_eq!(
        (&made["spec"]["finalizers"], &made["status"]["phase"]),
        (&json!(["kubernetes"]), &json!("Active"))
    );
    assert_eq!(made["metadata"]["labels"]["kubernetes.io/metadata.name"], "ns");
    let maps = "/api/v1/namespaces/ns/configmaps";
    server
        .until("/api/v1/namespaces/ns/serviceaccounts/default", |reply| {
            reply.code == 200
        })
        .await;
    let mut held = config_map("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    server.made(maps, &held).await;
    server.made(maps, &config_map("free")).await;
    let pending = server.delete("/api/v1/namespaces/ns", json!({})).await;
    assert_eq!(
        (pending.code, &pending.body["status"]["phase"]),
        (200, &json!("Terminating"))
    );
    let refused = server.post(maps, &config_map("new")).await;
    assert_eq!(refused.verdict(), (403, "Forbidden"));
    assert_eq!(
        refused.body["details"]["causes"][0]["reason"],
        "NamespaceTerminating"
    );
    server.until_gone(&format!("{maps}/free")).await;
    let waiting = server
        .until("/api/v1/namespaces/ns", |reply| {
            let conditions = reply.body["status"]["conditions"].as_array();
            conditions.is_some_and(|list| {
                list.iter()
                    .any(|c| c["type"] == "NamespaceFinalizersRemaining" && c["status"] == "True")
            })
        })
        .await;
    assert_eq!(waiting.body["spec"]["finalizers"], json!(["kubernetes"]));
    server
        .patch(
            &format!("{maps}/held"),
            "merge-patch",
            &json!({"metadata": {"finalizers": null}}),
        )
        .await;
    server.until_gone("/api/v1/namespaces/ns").await;
    server.made("/api/v1/namespaces", &namespace).await;
}
