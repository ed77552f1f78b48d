mod objects;

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::kinds;
use crate::kind::Kind;

fn all() -> &'static [Kind] {
    static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(kinds);
    &KINDS
}

fn kind(key: &str) -> &'static Kind {
    all().iter().find(|k| k.resource_key() == key).unwrap()
}

/// Runs an object through defaults, unknown-field detection, schema and rules, as a create does.
fn create(key: &str, mut value: Value) -> (Value, Vec<String>) {
    let kind = kind(key);
    if let Some(default) = kind.default {
        default(&mut value);
    }
    let schema = kind.schema.get();
    let unknown = schema
        .unknown_fields(&value)
        .into_iter()
        .map(|f| format!("Unknown {f}"));
    let typed = schema.validate(&value, None);
    let mut causes = typed.clone();
    causes.extend(
        kind.validate.unwrap()(&value, None)
            .into_iter()
            .filter(|c| !typed.iter().any(|t| t.field == c.field)),
    );
    let faults = unknown.chain(
        causes
            .into_iter()
            .map(|c| format!("{} {}", c.reason.trim_start_matches("FieldValue"), c.field)),
    );
    (value.clone(), faults.collect())
}

#[track_caller]
fn update(key: &str, old: &Value, new: &Value) -> Vec<String> {
    let kind = kind(key);
    let prepare = |value: &Value| {
        let mut value = value.clone();
        kind.default.unwrap()(&mut value);
        value
    };
    let causes = kind.validate.unwrap()(&prepare(new), Some(&prepare(old)));
    causes
        .into_iter()
        .map(|c| format!("{} {}", c.reason.trim_start_matches("FieldValue"), c.field))
        .collect()
}

fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "creationTimestamp": null},
           "spec": {"containers": [{"name": "c", "image": "i"}]}, "status": {}})
}

/// The pod with one more thing set at a JSON pointer.
fn pod_with(pointer: &str, value: Value) -> Value {
    with(pod(), pointer, value)
}

fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[name] = value;
    object
}

#[test]
fn every_kind_has_a_schema_that_knows_its_fields() {
    for kind in all() {
        let object = json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": {"name": "a"}, "nonsense": 1});
        assert_eq!(
            kind.schema.get().unknown_fields(&object),
            ["nonsense"],
            "{}",
            kind.resource_key()
        );
    }
}

#[test]
fn a_small_pod_is_filled_as_the_real_server_fills_it() {
    let (pod, faults) = create("pods", pod());
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(
        pod,
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {
                "containers": [{
                    "name": "c", "image": "i", "imagePullPolicy": "Always", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
                "priority": 0, "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
                "serviceAccount": "default", "serviceAccountName": "default", "terminationGracePeriodSeconds": 30,
                "tolerations": [
                    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                ],
            },
            "status": {"phase": "Pending", "qosClass": "BestEffort"},
        })
    );
}

#[test]
fn parts_of_pods_get_their_defaults() {
    for (pointer, value, at, expected) in [
        (
            "/spec/containers/0/image",
            json!("i:1"),
            "/spec/containers/0/imagePullPolicy",
            json!("IfNotPresent"),
        ),
        (
            "/spec/containers/0/image",
            json!("r:5000/i"),
            "/spec/containers/0/imagePullPolicy",
            json!("Always"),
        ),
        (
            "/spec/containers/0/image",
            json!("i@sha256:0"),
            "/spec/containers/0/imagePullPolicy",
            json!("IfNotPresent"),
        ),
        (
            "/spec/containers/0/ports",
            json!([{"containerPort": 1}]),
            "/spec/containers/0/ports/0/protocol",
            json!("TCP"),
        ),
        (
            "/spec/containers/0/readinessProbe",
            json!({"httpGet": {"port": 1}}),
            "/spec/containers/0/readinessProbe",
            json!({"httpGet": {"port": 1, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10,
                   "successThreshold": 1, "failureThreshold": 3}),
        ),
        (
            "/spec/containers/0/env",
            json!([{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
            "/spec/containers/0/env/0/valueFrom/fieldRef/apiVersion",
            json!("v1"),
        ),
        (
            "/spec/containers/0/resources",
            json!({"limits": {"cpu": 1, "memory": "1Gi"}}),
            "/spec/containers/0/resources",
            json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}),
        ),
        (
            "/spec/containers/0/resources",
            json!({"limits": {"cpu": 1, "memory": "1Gi"}}),
            "/status/qosClass",
            json!("Guaranteed"),
        ),
        (
            "/spec/containers/0/resources",
            json!({"requests": {"cpu": "1m"}}),
            "/status/qosClass",
            json!("Burstable"),
        ),
        (
            "/spec/volumes",
            json!([{"name": "v"}]),
            "/spec/volumes/0/emptyDir",
            json!({}),
        ),
        (
            "/spec/volumes",
            json!([{"name": "v", "secret": {"secretName": "s"}}]),
            "/spec/volumes/0/secret/defaultMode",
            json!(420),
        ),
        (
            "/spec/serviceAccount",
            json!("sa"),
            "/spec/serviceAccountName",
            json!("sa"),
        ),
        (
            "/spec/tolerations",
            json!([{"operator": "Exists"}]),
            "/spec/tolerations",
            json!([{"operator": "Exists"}]),
        ),
    ] {
        let (pod, faults) = create("pods", pod_with(pointer, value));
        assert_eq!(faults, Vec::<String>::new(), "{pointer}");
        assert_eq!(pod.pointer(at), Some(&expected), "{pointer} {at}");
    }
}

#[test]
fn bad_pods_are_refused() {
    let c = "/spec/containers/0/";
    for (pointer, value, expected) in [
        ("/metadata/name", json!("A_b"), vec!["Invalid metadata.name"]),
        ("/metadata/name", json!(""), vec!["Required metadata.name"]),
        (
            "/metadata/labels",
            json!({"a b": "c"}),
            vec!["Invalid metadata.labels"],
        ),
        (
            "/metadata/labels",
            json!({"a": "c d"}),
            vec!["Invalid metadata.labels[a]"],
        ),
        (
            "/metadata/finalizers",
            json!(["bad finalizer"]),
            vec!["Invalid metadata.finalizers[0]"],
        ),
        (
            "/metadata/ownerReferences",
            json!([{"apiVersion": "v1", "kind": "Pod", "name": "x"}]),
            vec!["Required metadata.ownerReferences[0].uid"],
        ),
        ("/spec/containers", json!([]), vec!["Required spec.containers"]),
        (
            "/spec/containers",
            json!([{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]),
            vec!["Duplicate spec.containers[1].name"],
        ),
        (
            "/spec/restartPolicy",
            json!("Sometimes"),
            vec!["NotSupported spec.restartPolicy"],
        ),
        (
            "/spec/activeDeadlineSeconds",
            json!(0),
            vec!["Invalid spec.activeDeadlineSeconds"],
        ),
        (
            "/spec/activeDeadlineSeconds",
            json!("5"),
            vec!["TypeInvalid spec.activeDeadlineSeconds"],
        ),
        ("/spec/nope", json!(1), vec!["Unknown spec.nope"]),
        (
            "/spec/volumes",
            json!([{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]),
            vec!["Forbidden spec.volumes[0].hostPath"],
        ),
        (
            "/spec/volumes",
            json!([{"name": "v"}, {"name": "v"}]),
            vec!["Duplicate spec.volumes[1].name"],
        ),
        (
            "/spec/volumes",
            json!([{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "../x"}]}}]),
            vec!["Invalid spec.volumes[0].configMap.items[0].path"],
        ),
        (
            &format!("{c}name"),
            json!("A"),
            vec!["Invalid spec.containers[0].name"],
        ),
        (
            &format!("{c}image"),
            json!(""),
            vec!["Required spec.containers[0].image"],
        ),
        (
            &format!("{c}env"),
            json!([{"name": ""}]),
            vec!["Required spec.containers[0].env[0].name"],
        ),
        (
            &format!("{c}env"),
            json!([{"name": "A", "valueFrom": {}}]),
            vec!["Invalid spec.containers[0].env[0].valueFrom"],
        ),
        (
            &format!("{c}ports"),
            json!([{"containerPort": 70000}]),
            vec!["Invalid spec.containers[0].ports[0].containerPort"],
        ),
        (
            &format!("{c}ports"),
            json!([{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]),
            vec!["Duplicate spec.containers[0].ports[1].name"],
        ),
        (
            &format!("{c}volumeMounts"),
            json!([{"name": "x", "mountPath": "/x"}]),
            vec!["NotFound spec.containers[0].volumeMounts[0].name"],
        ),
        (
            &format!("{c}resources"),
            json!({"limits": {"cpu": "lots"}}),
            vec![
                "Invalid spec.containers[0].resources.limits[cpu]",
                "Invalid spec.containers[0].resources.requests[cpu]",
            ],
        ),
        (
            &format!("{c}resources"),
            json!({"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}),
            vec!["Invalid spec.containers[0].resources.requests[cpu]"],
        ),
        (
            &format!("{c}livenessProbe"),
            json!({}),
            vec!["Required spec.containers[0].livenessProbe"],
        ),
        (
            &format!("{c}livenessProbe"),
            json!({"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}),
            vec!["Forbidden spec.containers[0].livenessProbe.tcpSocket"],
        ),
    ] {
        let text = value.to_string();
        assert_eq!(
            create("pods", pod_with(pointer, value)).1,
            expected,
            "{pointer} {text}"
        );
    }
}

#[test]
fn mounts_are_checked_against_volumes() {
    let pod = pod_with("/spec/volumes", json!([{"name": "v"}]));
    for (mounts, expected) in [
        (
            json!([{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b", "subPath": "x/y"}]),
            vec![],
        ),
        (
            json!([{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}]),
            vec!["Invalid spec.containers[0].volumeMounts[1].mountPath"],
        ),
        (
            json!([{"name": "v", "mountPath": "/a", "subPath": "../x"}]),
            vec!["Invalid spec.containers[0].volumeMounts[0].subPath"],
        ),
        (
            json!([{"name": "v", "mountPath": "/a", "subPath": "/x"}]),
            vec!["Invalid spec.containers[0].volumeMounts[0].subPath"],
        ),
    ] {
        assert_eq!(
            create(
                "pods",
                with(pod.clone(), "/spec/containers/0/volumeMounts", mounts)
            )
            .1,
            expected
        );
    }
}

#[test]
fn a_pods_spec_hardly_changes() {
    for (pointer, value, expected) in [
        ("/metadata/labels", json!({"a": "b"}), vec![]),
        ("/spec/containers/0/image", json!("other:2"), vec![]),
        ("/spec/activeDeadlineSeconds", json!(5), vec![]),
        (
            "/spec/tolerations",
            json!([{"key": "x", "operator": "Exists"}]),
            vec![],
        ),
        ("/spec/nodeName", json!("node"), vec![]),
        (
            "/spec/containers/0/command",
            json!(["sh"]),
            vec!["Forbidden spec"],
        ),
        ("/spec/restartPolicy", json!("Never"), vec!["Forbidden spec"]),
        (
            "/spec/containers",
            json!([{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]),
            vec!["Forbidden spec.containers"],
        ),
    ] {
        assert_eq!(
            update("pods", &pod(), &pod_with(pointer, value)),
            expected,
            "{pointer}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn defaults_and_rules_survive_any_object(value in any_json()) {
        for kind in all() {
            let mut value = value.clone();
            if let Some(default) = kind.default {
                default(&mut value);
                let once = value.clone();
                default(&mut value);
                assert_eq!(once, value, "defaults of {} are not idempotent", kind.resource_key());
            }
            kind.schema.get().validate(&value, None);
            kind.validate.unwrap()(&value, None);
            kind.validate.unwrap()(&value, Some(&value));
        }
    }
}

fn any_json() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec!["", "a", "NodePort", "ClientIP", "Always", "User"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let keys = prop::sample::select(vec![
            "metadata",
            "spec",
            "status",
            "containers",
            "initContainers",
            "volumes",
            "name",
            "ports",
            "port",
            "type",
            "template",
            "resources",
            "limits",
            "requests",
            "cpu",
            "image",
            "env",
            "valueFrom",
            "stringData",
            "data",
            "tolerations",
            "labels",
            "versions",
            "schema",
            "names",
            "kind",
            "selector",
            "strategy",
            "subjects",
            "rules",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..7).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}
