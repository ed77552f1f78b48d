//! Stories of apply and update, told in `scenarios.yaml`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::FieldSet;
use super::{ApplyOptions, Shape, UpdateOptions, apply, builtin_shape, track_update};
use crate::error::ApiError;
use crate::patch::merge_patch;

struct Story {
    api_version: String,
    kind: String,
    shape: std::sync::Arc<Shape>,
    live: Option<Value>,
}

#[test]
fn stories_end_as_told() {
    let stories: Value = serde_saphyr::from_str(include_str!("scenarios.yaml")).unwrap();
    for told in stories.as_array().unwrap() {
        let kind = told["kind"].as_str().unwrap();
        let mut story = match kind.split_once('/') {
            Some((group, kind)) => Story {
                api_version: if group.is_empty() {
                    "v1".to_owned()
                } else {
                    format!("{group}/v1")
                },
                kind: kind.to_owned(),
                shape: builtin_shape(group, kind),
                live: None,
            },
            None => Story {
                api_version: "example.com/v1".to_owned(),
                kind: "Custom".to_owned(),
                shape: Shape::Untyped.into(),
                live: None,
            },
        };
        for (number, step) in told["steps"].as_array().unwrap().iter().enumerate() {
            let context = format!("{}, step {}", told["name"], number + 1);
            story.check_step(step, number + 1, &context);
        }
    }
}

impl Story {
    fn check_step(&mut self, step: &Value, number: usize, context: &str) {
        let now = format!("2026-01-01T00:00:{number:02}Z");
        let result = self.take_step(step, &now);
        if let Some(code) = step.get("refused") {
            let error = result.expect_err(context);
            assert_eq!(json!(error.code), *code, "{context}: {error}");
            if let Some(field) = step.get("field") {
                assert_eq!(json!(error.causes[0].field), *field, "{context}");
            }
            return;
        }
        if let Some(conflicts) = step.get("conflicts") {
            let error = result.expect_err(context);
            assert_eq!((error.code, error.reason), (409, "Conflict"), "{context}");
            let expected = conflicts.as_object().unwrap();
            assert_eq!(error.causes.len(), expected.len(), "{context}: {error}");
            for cause in &error.causes {
                assert_eq!(cause.reason, "FieldManagerConflict", "{context}");
                let owner = expected
                    .get(&cause.field)
                    .unwrap_or_else(|| panic!("{context}: {}", cause.field));
                assert!(
                    cause.message.starts_with(owner.as_str().unwrap()),
                    "{context}: {}",
                    cause.message
                );
                assert!(
                    error.message.contains(&cause.field) && error.message.contains(&cause.message),
                    "{context}"
                );
            }
            return;
        }
        let object = result.unwrap_or_else(|error| panic!("{context}: {error} {:?}", error.causes));
        if step.get("quiet").is_some() {
            assert_eq!(Some(&object), self.live.as_ref(), "{context}");
        }
        if let Some(live) = step.get("live") {
            assert_eq!(without_identity(&object), *live, "{context}");
        }
        if let Some(owners) = step.get("owners") {
            assert_eq!(owners_of(&object), *owners, "{context}");
        }
        self.live = Some(object);
    }

    fn take_step(&self, step: &Value, now: &str) -> Result<Value, ApiError> {
        let manager = step.get("by").and_then(Value::as_str).unwrap_or("nobody");
        let subresource = step
            .get("subresource")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let api_version = self.api_version.as_str();
        let live = self.live.as_ref();
        if let Some(applied) = step.get("apply") {
            let force = step.get("force").is_some();
            let options = ApplyOptions {
                manager,
                force,
                subresource,
                api_version,
                now,
            };
            return apply(live, &self.whole(applied), &self.shape, &options);
        }
        if let Some(object) = step.get("untracked") {
            let mut object = self.whole(object);
            if let Some(fields) = live.and_then(|live| live["metadata"].get("managedFields")) {
                object["metadata"]["managedFields"] = fields.clone();
            }
            return Ok(object);
        }
        let mut object = match step.get("update") {
            Some(object) => self.whole(object),
            None => {
                let mut object = live.unwrap().clone();
                merge_patch(&mut object, &step["patch"]);
                object
            }
        };
        let options = UpdateOptions {
            manager,
            subresource,
            api_version,
            now,
        };
        track_update(live, &mut object, &self.shape, &options)?;
        Ok(object)
    }

    fn whole(&self, object: &Value) -> Value {
        let mut whole = json!({"apiVersion": self.api_version, "kind": self.kind, "metadata": {"name": "x"}});
        merge_keeping_null(&mut whole, object);
        whole
    }
}

fn merge_keeping_null(target: &mut Value, object: &Value) {
    for (name, value) in object.as_object().unwrap() {
        match name.as_str() {
            "metadata" => target["metadata"]
                .as_object_mut()
                .unwrap()
                .extend(value.as_object().unwrap().clone()),
            _ => target[name] = value.clone(),
        }
    }
}

fn without_identity(object: &Value) -> Value {
    let mut object = object.as_object().unwrap().clone();
    object.remove("apiVersion");
    object.remove("kind");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("name");
    metadata.remove("managedFields");
    if metadata.is_empty() {
        object.remove("metadata");
    }
    Value::Object(object)
}

fn owners_of(object: &Value) -> Value {
    let mut owners = BTreeMap::new();
    for entry in object["metadata"]
        .get("managedFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        assert!(
            !text("apiVersion").is_empty() && text("fieldsType") == "FieldsV1",
            "{entry}"
        );
        let name = match (text("operation"), text("subresource")) {
            ("Apply", "") => text("manager").to_owned(),
            (operation, "") => format!("{}/{operation}", text("manager")),
            (operation, subresource) => format!("{}/{operation}/{subresource}", text("manager")),
        };
        let paths = FieldSet::decode(&entry["fieldsV1"]).unwrap().paths();
        assert_eq!(owners.insert(name, json!(paths)), None);
    }
    Value::Object(owners.into_iter().collect::<Map<_, _>>())
}

#[test]
fn managed_fields_are_written_as_documented() {
    let shape = builtin_shape("apps", "Deployment");
    let applied = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "finalizers": ["a/b"]},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "ports": [{"containerPort": 80}]}]}}},
    });
    let options = ApplyOptions {
        manager: "one",
        force: false,
        subresource: "",
        api_version: "apps/v1",
        now: "t1",
    };
    let live = apply(None, &applied, &shape, &options).unwrap();
    let applier = json!({
        "manager": "one", "operation": "Apply", "apiVersion": "apps/v1", "time": "t1", "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:finalizers": {"v:\"a/b\"": {}}},
            "f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
                ".": {}, "f:name": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
            }}}}},
        },
    });
    assert_eq!(live["metadata"]["managedFields"], json!([applier]));

    let mut new = live.clone();
    new["status"] = json!({"replicas": 1});
    let options = UpdateOptions {
        manager: "two",
        subresource: "status",
        api_version: "apps/v1",
        now: "t2",
    };
    track_update(Some(&live), &mut new, &shape, &options).unwrap();
    let updater = json!({
        "manager": "two", "operation": "Update", "apiVersion": "apps/v1", "time": "t2", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:status": {".": {}, "f:replicas": {}}}, "subresource": "status",
    });
    assert_eq!(new["metadata"]["managedFields"], json!([applier, updater]));

    let options = ApplyOptions {
        manager: "one",
        force: false,
        subresource: "",
        api_version: "apps/v1",
        now: "t3",
    };
    let mut applied = applied;
    applied["spec"]["paused"] = json!(true);
    let newer = apply(Some(&new), &applied, &shape, &options).unwrap();
    assert_eq!(newer["metadata"]["managedFields"][0]["time"], "t3");
    assert_eq!(newer["metadata"]["managedFields"][1], updater);
}

#[test]
fn a_deep_object_is_refused_before_its_owners_become_unreadable() {
    let mut deep = json!({});
    for _ in 0..110 {
        deep = json!({"a": deep});
    }
    let object = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": deep});
    let options = ApplyOptions {
        manager: "one",
        force: false,
        subresource: "",
        api_version: "v1",
        now: "t",
    };
    assert_eq!(
        apply(None, &object, &Shape::Untyped, &options).unwrap_err().code,
        400
    );
    let options = UpdateOptions {
        manager: "one",
        subresource: "",
        api_version: "v1",
        now: "t",
    };
    assert_eq!(
        track_update(None, &mut object.clone(), &Shape::Untyped, &options)
            .unwrap_err()
            .code,
        400
    );
}
