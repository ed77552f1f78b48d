//! One bad object does not spoil the others, and the error names its field but never its value.

use koc_api::{Agent, CronTask, KubeOpenCodeConfig, Task, decode, decode_object};
use kube::core::{DynamicObject, ObjectList};
use serde_json::{Value, json};

use crate::yaml;

/// The field named, and part of the problem.
fn check<K: serde::de::DeserializeOwned + std::fmt::Debug>(object: Value, path: &str, problem: &str) {
    let error = decode::<K>(&object).unwrap_err();
    assert_eq!(error.path, path, "{error}");
    assert!(error.problem.contains(problem), "{error}");
    assert_eq!(error.name.as_deref(), object["metadata"]["name"].as_str());
}

#[test]
fn errors_name_the_field() {
    let object = |kind: &str, spec: Value| json!({ "kind": kind, "metadata": { "name": "x" }, "spec": spec });
    check::<Task>(
        object("Task", json!({ "agentRef": "helper" })),
        "spec.agentRef",
        "AgentReference",
    );
    check::<Task>(
        object("Task", json!({ "agentRef": {} })),
        "spec.agentRef",
        "missing field `name`",
    );
    check::<Task>(
        object(
            "Task",
            json!({ "contexts": [{ "type": "Text" }, { "type": "Film" }] }),
        ),
        "spec.contexts[1].type",
        "`Text`, `ConfigMap`",
    );
    check::<Task>(
        object("Task", json!({ "description": ["a"] })),
        "spec.description",
        "expected a string, found a value of type sequence",
    );
    check::<Agent>(
        object("Agent", json!({ "port": "4096" })),
        "spec.port",
        "expected i32, found a value of type string",
    );
    check::<Agent>(
        object(
            "Agent",
            json!({ "share": { "enabled": true, "expiresAt": "soon" } }),
        ),
        "spec.share.expiresAt",
        "",
    );
    check::<CronTask>(
        object("CronTask", json!({ "schedule": "0 3 * * *" })),
        "spec",
        "missing field `taskTemplate`",
    );
    check::<Task>(
        json!({ "kind": "Task", "metadata": { "name": "x" } }),
        "",
        "missing field `spec`",
    );
    check::<Task>(
        json!({ "kind": "Task", "metadata": { "name": "x" }, "spec": {}, "status": { "phase": "Asleep" } }),
        "status.phase",
        "`Queued`",
    );
}

#[test]
fn errors_say_where_and_what_to_do() {
    let object = json!({
        "kind": "Agent",
        "metadata": { "name": "helper", "namespace": "team" },
        "spec": { "port": "4096" },
    });
    assert_eq!(
        decode::<Agent>(&object).unwrap_err().to_string(),
        "Agent team/helper, field spec.port: expected i32, found a value of type string; correct the field, or delete \
         the object"
    );
}

/// A value in the wrong place may be a password.
#[test]
fn errors_never_quote_values() {
    for spec in [
        json!({ "port": "hunter2" }),
        json!({ "suspend": "hunter2" }),
        json!({ "contexts": "hunter2" }),
        json!({ "contexts": [{ "type": "hunter2" }] }),
        json!({ "share": { "enabled": true, "expiresAt": "hunter2" } }),
        json!({ "credentials": [{ "name": "a", "secretRef": "hunter2" }] }),
        json!({ "podSpec": { "extraEnv": [{ "name": "A", "value": { "hunter2": "hunter2" } }] } }),
        json!({ "podSpec": { "extraEnv": "hunter2, expected hunter2" } }),
    ] {
        let object = json!({ "kind": "Agent", "metadata": { "name": "x" }, "spec": spec });
        let error = decode::<Agent>(&object).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn debug_output_hides_headers_and_proxies() {
    let agent: Agent = decode(&json!({ "metadata": { "name": "x" }, "spec": {
        "proxy": { "httpProxy": "http://user:hunter2@proxy", "httpsProxy": "http://user:hunter2@proxy" },
        "contexts": [{ "type": "URL", "url": { "source": "https://h/", "headers": { "Authorization": "hunter2" } } }],
    } }))
    .unwrap();
    assert!(!format!("{agent:?}").contains("hunter2"));
    let config: KubeOpenCodeConfig = decode(&json!({ "metadata": { "name": "cluster" }, "spec": {
        "observability": { "openTelemetry": { "enabled": true, "headers": { "x-key": { "value": "hunter2" } } } },
    } }))
    .unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

/// A list as older clients may have left it: malformed durations and a field of the wrong type.
const LIST: &str = r#"
apiVersion: kubeopencode.io/v1alpha1
kind: TaskList
metadata: {resourceVersion: "7"}
items:
- {apiVersion: kubeopencode.io/v1alpha1, kind: Task, metadata: {name: good}, spec: {agentRef: {name: a}, timeout: 30m}}
- {apiVersion: kubeopencode.io/v1alpha1, kind: Task, metadata: {name: endless}, spec: {agentRef: {name: a}, timeout: forever}}
- {apiVersion: kubeopencode.io/v1alpha1, kind: Task, metadata: {name: number}, spec: {agentRef: {name: a}, timeout: 30}}
- {apiVersion: kubeopencode.io/v1alpha1, kind: Task, metadata: {name: broken}, spec: {agentRef: 5}}
- {apiVersion: kubeopencode.io/v1alpha1, kind: Task, metadata: {name: later}, spec: {agentRef: {name: a}}}
"#;

#[test]
fn one_bad_object_does_not_blind_the_rest() {
    let list: ObjectList<DynamicObject> = yaml(LIST);
    let (good, bad): (Vec<_>, Vec<_>) = list
        .items
        .iter()
        .map(decode_object::<Task>)
        .partition(Result::is_ok);
    let timeouts: Vec<_> = good
        .into_iter()
        .flatten()
        .map(|task| {
            (
                task.metadata.name.unwrap(),
                task.spec.timeout.map(|timeout| timeout.parsed().is_ok()),
            )
        })
        .collect();
    assert_eq!(
        timeouts,
        [
            ("good".to_owned(), Some(true)),
            ("endless".to_owned(), Some(false)),
            ("number".to_owned(), Some(false)),
            ("later".to_owned(), None),
        ]
    );
    let bad: Vec<_> = bad
        .into_iter()
        .filter_map(Result::err)
        .map(|error| (error.name, error.path))
        .collect();
    assert_eq!(bad, [(Some("broken".to_owned()), "spec.agentRef".to_owned())]);
}

/// Even a typed list survives a malformed duration.
#[test]
fn a_malformed_duration_does_not_spoil_a_typed_list() {
    let without_broken: String = LIST
        .lines()
        .filter(|line| !line.contains("broken"))
        .map(|line| format!("{line}\n"))
        .collect();
    let list: ObjectList<Task> = yaml(&without_broken);
    assert_eq!(list.items.len(), 4);
}
