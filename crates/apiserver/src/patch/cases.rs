//! Patches as data, and the bounds that hostile ones run into.

use serde_json::{Value, json};

use super::bounds::{MAX_DEPTH, deeper_than};
use super::{json_patch, merge_patch, strategic_merge};
use crate::apply::strategic_shape;
use crate::error::ApiError;

fn check_cases(list: &str, patch: impl Fn(&Value, &mut Value) -> Result<(), ApiError>) {
    let cases: Value = serde_saphyr::from_str(include_str!("cases.yaml")).unwrap();
    let cases = cases[list].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let name = &case["name"];
        let mut doc = case["doc"].clone();
        match (patch(case, &mut doc), case.get("refused")) {
            (Ok(()), None) => assert_eq!(doc, case["gives"], "{name}"),
            (Err(error), Some(code)) => {
                assert_eq!(json!(error.code), *code, "{name}: {error}");
                assert_eq!(doc, case["doc"], "{name}: a refused patch must leave no trace");
            }
            (result, _) => panic!("{name}: {result:?}"),
        }
    }
}

#[test]
fn json_patches() {
    check_cases("json", |case, doc| json_patch(doc, &case["patch"]));
}

#[test]
fn merge_patches() {
    check_cases("merge", |case, doc| {
        merge_patch(doc, &case["patch"]);
        Ok(())
    });
}

#[test]
fn strategic_patches() {
    check_cases("strategic", |case, doc| {
        let kind = case.get("kind").and_then(Value::as_str).unwrap_or("/Pod");
        let (group, kind) = kind.split_once('/').unwrap();
        strategic_merge(doc, &case["patch"], &strategic_shape(group, kind))
    });
}

fn refusal(doc: &Value, patch: &Value) -> u16 {
    let mut patched = doc.clone();
    let error = json_patch(&mut patched, patch).unwrap_err();
    assert_eq!(patched, *doc);
    error.code
}

#[test]
fn a_json_patch_cannot_have_endless_operations() {
    let operation = json!({"op": "test", "path": "/a", "value": 1});
    let doc = json!({"a": 1});
    assert_eq!(
        json_patch(&mut doc.clone(), &vec![operation.clone(); 10_000].into()),
        Ok(())
    );
    assert_eq!(refusal(&doc, &vec![operation; 10_001].into()), 413);
}

#[test]
fn a_json_patch_cannot_grow_without_bounds_by_copies() {
    let doubling: Vec<_> = (0..64)
        .map(|n| json!({"op": "copy", "from": "/a", "path": format!("/a/{n}")}))
        .collect();
    assert_eq!(
        refusal(&json!({"a": {"text": "x".repeat(1000)}}), &doubling.into()),
        413
    );
}

#[test]
fn a_json_patch_cannot_nest_beyond_what_can_be_read_again() {
    let path = "/a".repeat(MAX_DEPTH - 1);
    let mut deep = json!({"a": {}});
    for _ in 0..MAX_DEPTH - 3 {
        deep = json!({"a": deep});
    }
    let mut doc = json!({"a": deep, "b": {"c": {}}, "d": {}});
    assert!(!deeper_than(&doc, MAX_DEPTH));
    let text = doc.to_string();
    assert!(serde_json::from_str::<Value>(&text).is_ok());
    for patch in [
        json!([{"op": "add", "path": path, "value": {}}, {"op": "add", "path": format!("{path}/a"), "value": {}}]),
        json!([{"op": "copy", "from": "/a", "path": "/b/c/a"}]),
        json!([{"op": "move", "from": "/a", "path": "/b/c/a"}]),
        json!([{"op": "copy", "from": "", "path": "/d/a"}]),
        json!([{"op": "replace", "path": "/d", "value": {"a": doc.clone()}}]),
    ] {
        assert_eq!(refusal(&doc, &patch), 422, "{patch}");
    }
    assert_eq!(
        json_patch(&mut doc, &json!([{"op": "move", "from": "/a", "path": "/d"}])),
        Ok(())
    );
}

#[test]
fn a_refused_test_tells_no_value() {
    let error = json_patch(
        &mut json!({"data": {"k": "stored-secret"}}),
        &json!([{"op": "test", "path": "/data/k", "value": "tried-secret"}]),
    );
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("/data/k") && !message.contains("secret"),
        "{message}"
    );
}
