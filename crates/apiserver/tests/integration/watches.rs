//! Watches.

use serde_json::json;

use crate::support::{Server, config_map, server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn a_watch_goes_on_where_a_list_ended() {
    let server = server().await;
    server.made(MAPS, &config_map("a")).await;
    let revision = server.get(MAPS).await.body["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut watch = server
        .watch(&format!("{MAPS}?watch=1&resourceVersion={revision}"))
        .await;
    server.made(MAPS, &config_map("b")).await;
    server
        .patch(&format!("{MAPS}/b"), "merge-patch", &json!({"data": {"a": "2"}}))
        .await;
    server.delete(&format!("{MAPS}/b"), json!({})).await;
    server
        .made(
            "/api/v1/namespaces/kube-system/configmaps",
            &config_map("elsewhere"),
        )
        .await;
    server.made(MAPS, &config_map("c")).await;
    for expected in [
        ("ADDED", "b"),
        ("MODIFIED", "b"),
        ("DELETED", "b"),
        ("ADDED", "c"),
    ] {
        let (change, name) = watch.event().await;
        assert_eq!((change.as_str(), name.as_str()), expected);
    }
}

#[tokio::test]
async fn a_watch_from_zero_begins_with_what_is_there() {
    let server = server().await;
    server.made(MAPS, &config_map("a")).await;
    for query in ["watch=true", "watch=1&resourceVersion=0"] {
        let mut watch = server.watch(&format!("{MAPS}?{query}")).await;
        assert_eq!(watch.event().await, ("ADDED".into(), "a".into()), "{query}");
    }
}

#[tokio::test]
async fn a_watch_list_says_when_everything_was_said() {
    let server = server().await;
    server.made(MAPS, &config_map("a")).await;
    let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = server.watch(&format!("{MAPS}?{query}")).await;
    assert_eq!(watch.event().await, ("ADDED".into(), "a".into()));
    let mark = watch.next().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(
        mark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
    assert_eq!(
        server
            .get(&format!("{MAPS}?watch=1&sendInitialEvents=true"))
            .await
            .verdict(),
        (422, "Invalid")
    );
}

#[tokio::test]
async fn entering_and_leaving_a_selection_is_being_added_and_deleted() {
    let server = server().await;
    let mut watch = server
        .watch(&format!("{MAPS}?watch=1&labelSelector=on%3Dyes"))
        .await;
    let mut map = config_map("a");
    map["metadata"]["labels"] = json!({"on": "no"});
    server.made(MAPS, &map).await;
    for value in ["yes", "yes", "no"] {
        let patch = json!({"metadata": {"labels": {"on": value}, "annotations": {"n": server.api.revision().to_string()}}});
        server.patch(&format!("{MAPS}/a"), "merge-patch", &patch).await;
    }
    let lines = [
        watch.next().await.unwrap(),
        watch.next().await.unwrap(),
        watch.next().await.unwrap(),
    ];
    let changes: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(changes, ["ADDED", "MODIFIED", "DELETED"]);
    let last = &lines[2]["object"]["metadata"];
    assert_eq!(
        (&last["labels"]["on"], last["resourceVersion"].as_str().unwrap()),
        (&json!("yes"), server.api.revision().to_string().as_str())
    );
}

#[tokio::test]
async fn a_watch_ends_on_time_with_a_bookmark() {
    let server = server().await;
    server.made(MAPS, &config_map("a")).await;
    let mut watch = server
        .watch(&format!(
            "{MAPS}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion={}",
            server.api.revision()
        ))
        .await;
    let mark = watch.next().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(
        mark["object"]["metadata"]["resourceVersion"],
        server.api.revision().to_string()
    );
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_watch_from_a_forgotten_revision_gets_410() {
    let server = Server {
        api: koc_apiserver::ApiServer::builder()
            .watch_window(3)
            .build()
            .await
            .unwrap(),
    };
    for at in 0..8 {
        server.made(MAPS, &config_map(&format!("m{at}"))).await;
    }
    let mut watch = server.watch(&format!("{MAPS}?watch=1&resourceVersion=1")).await;
    let line = watch.next().await.unwrap();
    assert_eq!(
        (&line["type"], &line["object"]["code"], &line["object"]["reason"]),
        (&json!("ERROR"), &json!(410), &json!("Expired"))
    );
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_slow_watcher_gets_410_and_the_writer_is_not_blocked() {
    let server = Server {
        api: koc_apiserver::ApiServer::builder()
            .watch_window(20)
            .build()
            .await
            .unwrap(),
    };
    let mut watch = server
        .watch(&format!(
            "{MAPS}?watch=1&resourceVersion={}",
            server.api.revision()
        ))
        .await;
    for at in 0..100 {
        server.made(MAPS, &config_map(&format!("m{at}"))).await;
    }
    let line = watch.next().await.unwrap();
    assert_eq!(
        (&line["type"], &line["object"]["code"]),
        (&json!("ERROR"), &json!(410))
    );
}

#[tokio::test]
async fn tables_and_metadata_are_watched_too() {
    let server = server().await;
    server.made(MAPS, &config_map("a")).await;
    server.made(MAPS, &config_map("b")).await;
    let path = format!("{MAPS}?watch=1");
    let mut watch = server
        .watch_as(&path, "application/json;as=Table;v=v1;g=meta.k8s.io")
        .await;
    let (first, second) = (watch.next().await.unwrap(), watch.next().await.unwrap());
    assert_eq!(
        (&first["object"]["kind"], &first["object"]["rows"][0]["cells"][0]),
        (&json!("Table"), &json!("a"))
    );
    assert!(
        first["object"]["columnDefinitions"].is_array() && second["object"]["columnDefinitions"].is_null()
    );
    let mut watch = server
        .watch_as(
            &path,
            "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
        )
        .await;
    assert_eq!(
        watch.next().await.unwrap()["object"]["kind"],
        "PartialObjectMetadata"
    );
}

#[tokio::test]
async fn watches_end_when_the_server_stops() {
    let server = server().await;
    let mut watch = server
        .watch(&format!(
            "{MAPS}?watch=1&resourceVersion={}",
            server.api.revision()
        ))
        .await;
    assert_eq!(watch.code, 200);
    server.api.shutdown().await;
    assert!(watch.next().await.is_none());
}
