//! Lists: pages, revisions, selectors.

use serde_json::json;

use crate::support::{config_map, server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn names(list: &serde_json::Value) -> Vec<String> {
    let items = list["items"].as_array().into_iter().flatten();
    items
        .filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn pages_are_one_consistent_list() {
    let server = server().await;
    for name in ["a", "b", "c", "d", "e"] {
        server.made(MAPS, &config_map(name)).await;
    }
    let first = server.get(&format!("{MAPS}?limit=2")).await.body;
    assert_eq!(
        (names(&first), &first["metadata"]["remainingItemCount"]),
        (vec!["a".into(), "b".into()], &json!(3))
    );
    server.delete(&format!("{MAPS}/c"), json!({})).await;
    server.made(MAPS, &config_map("bb")).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = server.get(&format!("{MAPS}?limit=2&continue={token}")).await.body;
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(
        second["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    let token = second["metadata"]["continue"].as_str().unwrap();
    let third = server.get(&format!("{MAPS}?limit=2&continue={token}")).await.body;
    assert_eq!(
        (names(&third), third["metadata"].get("continue")),
        (vec!["e".into()], None)
    );
    assert_eq!(
        server.get(&format!("{MAPS}?continue=nonsense")).await.verdict(),
        (400, "BadRequest")
    );
}

#[tokio::test]
async fn a_page_token_that_is_too_old_gets_410() {
    let server = crate::support::Server {
        api: koc_apiserver::ApiServer::builder()
            .watch_window(4)
            .build()
            .await
            .unwrap(),
    };
    for name in ["a", "b", "c"] {
        server.made(MAPS, &config_map(name)).await;
    }
    let token = server.get(&format!("{MAPS}?limit=1")).await.body["metadata"]["continue"]
        .as_str()
        .unwrap()
        .to_owned();
    for at in 0..6 {
        server
            .patch(
                &format!("{MAPS}/a"),
                "merge-patch",
                &json!({"data": {"n": at.to_string()}}),
            )
            .await;
    }
    let reply = server.get(&format!("{MAPS}?limit=1&continue={token}")).await;
    assert_eq!(reply.verdict(), (410, "Expired"));
}

#[tokio::test]
async fn revisions_are_honoured() {
    let server = server().await;
    let made = server.made(MAPS, &config_map("a")).await;
    let revision = made["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    server.made(MAPS, &config_map("b")).await;
    for (query, expected) in [
        ("".to_owned(), vec!["a", "b"]),
        ("?resourceVersion=0".to_owned(), vec!["a", "b"]),
        (format!("?resourceVersion={revision}"), vec!["a", "b"]),
        (
            format!("?resourceVersion={revision}&resourceVersionMatch=NotOlderThan"),
            vec!["a", "b"],
        ),
        (
            format!("?resourceVersion={revision}&resourceVersionMatch=Exact"),
            vec!["a"],
        ),
    ] {
        assert_eq!(
            names(&server.get(&format!("{MAPS}{query}")).await.body),
            expected,
            "{query}"
        );
    }
    for (query, expected) in [
        ("?resourceVersion=999999", (504, "Timeout")),
        ("?resourceVersion=x", (400, "BadRequest")),
        ("?resourceVersionMatch=Exact", (422, "Invalid")),
        ("?resourceVersion=0&resourceVersionMatch=Exact", (422, "Invalid")),
    ] {
        assert_eq!(
            server.get(&format!("{MAPS}{query}")).await.verdict(),
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn selectors_choose() {
    let server = server().await;
    for (name, color) in [("a", "red"), ("b", "blue"), ("c", "red")] {
        let mut map = config_map(name);
        map["metadata"]["labels"] = json!({"color": color});
        server.made(MAPS, &map).await;
    }
    for (query, expected) in [
        ("labelSelector=color%3Dred", vec!["a", "c"]),
        ("labelSelector=color%20notin%20(red)", vec!["b"]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
        (
            "fieldSelector=metadata.name!%3Db&labelSelector=color",
            vec!["a", "c"],
        ),
    ] {
        assert_eq!(
            names(&server.get(&format!("{MAPS}?{query}")).await.body),
            expected,
            "{query}"
        );
    }
    let page = server
        .get(&format!("{MAPS}?labelSelector=color%3Dred&limit=1"))
        .await
        .body;
    assert!(page["metadata"]["continue"].is_string() && page["metadata"].get("remainingItemCount").is_none());
}
