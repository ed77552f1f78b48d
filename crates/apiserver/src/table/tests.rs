use serde_json::{Value, json};

use super::{IncludeObject, JsonPath, table};
use crate::kind::Kind;

const NOW: &str = "2026-01-01T01:00:00Z";

fn kind(key: &str) -> Kind {
    crate::builtin::kinds()
        .into_iter()
        .find(|k| k.resource_key() == key)
        .unwrap()
}

/// The cells of one object by column heading.
fn cells(kind: &Kind, object: &Value) -> Value {
    let table = table(
        kind,
        std::slice::from_ref(object),
        NOW.parse().unwrap(),
        IncludeObject::None,
    );
    let names = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap().to_owned());
    Value::Object(
        names
            .zip(table["rows"][0]["cells"].as_array().unwrap().iter().cloned())
            .collect(),
    )
}

#[track_caller]
fn check(key: &str, object: Value, expected: Value) {
    let cells = cells(&kind(key), &object);
    for (column, expected) in expected.as_object().unwrap() {
        assert_eq!(&cells[column], expected, "{key} {column} of {cells}");
    }
}

#[test]
fn the_word_for_a_pod() {
    let container = |state: Value| json!({"name": "c", "state": state, "ready": false, "restartCount": 0});
    for (status, extra, expected) in [
        (json!({"phase": "Pending"}), json!({}), "Pending"),
        (
            json!({"phase": "Running", "containerStatuses": [{"name": "c", "ready": true, "state": {"running": {}}}]}),
            json!({}),
            "Running",
        ),
        (
            json!({"phase": "Pending", "containerStatuses": [container(json!({"waiting": {"reason": "ContainerCreating"}}))]}),
            json!({}),
            "ContainerCreating",
        ),
        (
            json!({"phase": "Running", "containerStatuses": [container(json!({"waiting": {"reason": "CrashLoopBackOff"}}))]}),
            json!({}),
            "CrashLoopBackOff",
        ),
        (
            json!({"phase": "Succeeded", "containerStatuses": [container(json!({"terminated": {"reason": "Completed", "exitCode": 0}}))]}),
            json!({}),
            "Completed",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [container(json!({"terminated": {"reason": "Error", "exitCode": 1}}))]}),
            json!({}),
            "Error",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [container(json!({"terminated": {"exitCode": 3}}))]}),
            json!({}),
            "ExitCode:3",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [container(json!({"terminated": {"exitCode": 137, "signal": 9}}))]}),
            json!({}),
            "Signal:9",
        ),
        (
            json!({"phase": "Failed", "reason": "Evicted"}),
            json!({}),
            "Evicted",
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}}]}),
            json!({}),
            "Init:0/2",
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 0}}}, {"name": "j", "state": {"waiting": {"reason": "PodInitializing"}}}]}),
            json!({}),
            "Init:1/2",
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}),
            json!({}),
            "Init:Error",
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
            json!({}),
            "Init:ImagePullBackOff",
        ),
        (
            json!({"phase": "Running"}),
            json!({"deletionTimestamp": "2026-01-01T00:59:00Z"}),
            "Terminating",
        ),
        (
            json!({"phase": "Succeeded"}),
            json!({"deletionTimestamp": "2026-01-01T00:59:00Z"}),
            "Succeeded",
        ),
    ] {
        let text = status.to_string();
        let mut metadata = json!({"name": "a"});
        metadata
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let pod = json!({"metadata": metadata, "status": status,
            "spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}, {"name": "j"}]}});
        assert_eq!(cells(&kind("pods"), &pod)["Status"], expected, "{text}");
    }
}

#[test]
fn builtin_kinds_print_their_columns() {
    check(
        "pods",
        json!({
            "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:54:50Z"},
            "spec": {"nodeName": "n", "containers": [{"name": "c"}, {"name": "d"}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [
                {"name": "c", "ready": true, "restartCount": 2, "state": {"running": {}},
                 "lastState": {"terminated": {"finishedAt": "2026-01-01T00:58:00Z"}}},
                {"name": "d", "ready": false, "restartCount": 0, "state": {"running": {}}}]},
        }),
        json!({"Name": "a", "Ready": "1/2", "Restarts": "2 (2m ago)", "Age": "5m10s", "IP": "10.0.0.1", "Node": "n",
               "Nominated Node": "<none>", "Readiness Gates": "<none>"}),
    );
    check(
        "deployments.apps",
        json!({"metadata": {"name": "a"}, "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "a"}},
               "template": {"spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "j"}]}}},
               "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}}),
        json!({"Ready": "1/3", "Up-to-date": 2, "Available": 1, "Age": "<unknown>", "Containers": "c,d", "Images": "i,j", "Selector": "app=a"}),
    );
    check(
        "services",
        json!({"metadata": {"name": "a"}, "spec": {"type": "NodePort", "clusterIP": "10.96.1.1", "selector": {"a": "b"},
               "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}}),
        json!({"Type": "NodePort", "Cluster-IP": "10.96.1.1", "External-IP": "<none>", "Port(s)": "80:30080/TCP,53/UDP", "Selector": "a=b"}),
    );
    check(
        "configmaps",
        json!({"metadata": {"name": "a"}, "data": {"x": ""}, "binaryData": {"y": ""}}),
        json!({"Data": 2}),
    );
    check(
        "secrets",
        json!({"metadata": {"name": "a"}, "type": "Opaque", "data": {"x": ""}}),
        json!({"Type": "Opaque", "Data": 1}),
    );
    check(
        "nodes",
        json!({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/control-plane": ""}}, "spec": {"unschedulable": true},
               "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.35.0"}}}),
        json!({"Status": "Ready,SchedulingDisabled", "Roles": "control-plane", "Version": "v1.35.0", "OS-Image": "<unknown>"}),
    );
    check(
        "events",
        json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "type": "Normal", "reason": "Started",
               "message": "hello\n", "source": {"component": "kubelet", "host": "n"}, "lastTimestamp": "2026-01-01T00:59:00Z", "count": 4}),
        json!({"Last Seen": "60s", "Object": "pod/p", "Message": "hello", "Source": "kubelet, n", "Count": "4"}),
    );
    check(
        "events.events.k8s.io",
        json!({"metadata": {"name": "e"}, "regarding": {"kind": "Pod", "name": "p"}, "note": "hi", "reportingController": "c",
               "eventTime": "2026-01-01T00:59:00.000000Z"}),
        json!({"Last Seen": "60s", "Object": "pod/p", "Message": "hi", "Source": "c"}),
    );
    check(
        "persistentvolumeclaims",
        json!({"metadata": {"name": "a"}, "spec": {"volumeName": "v", "volumeMode": "Filesystem"},
               "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}}),
        json!({"Status": "Bound", "Volume": "v", "Capacity": "1Gi", "Access Modes": "RWO"}),
    );
    check(
        "rolebindings.rbac.authorization.k8s.io",
        json!({"metadata": {"name": "a"}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": [
            {"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "namespace": "n", "name": "s"}]}),
        json!({"Role": "Role/r", "Users": "u", "ServiceAccounts": "n/s", "Groups": ""}),
    );
}

#[test]
fn declared_columns_are_typed() {
    let object = json!({
        "metadata": {"name": "a", "labels": {"example.com/x": "l"}},
        "spec": {"n": 3, "f": 1.5, "s": "7", "on": true, "list": [{"name": "x", "v": 1}, {"name": "y", "v": 2}], "since": "2026-01-01T00:59:50Z"},
        "status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Ok", "status": "True"}]},
    });
    for (path, kind, expected) in [
        (".spec.n", "integer", json!(3)),
        (".spec.s", "integer", json!(7)),
        (".spec.n", "string", json!("3")),
        (".spec.f", "number", json!(1.5)),
        (".spec.on", "boolean", json!(true)),
        (".spec.on", "string", json!("true")),
        (".spec.s", "boolean", Value::Null),
        (".spec.since", "date", json!("10s")),
        (".spec.n", "date", Value::Null),
        (".spec.missing", "string", Value::Null),
        (".spec.list[1].v", "integer", json!(2)),
        (".spec.list[-1].name", "string", json!("y")),
        (".spec.list[*].name", "string", json!("x")),
        (".spec.list[?(@.v>1)].name", "string", json!("y")),
        (
            ".status.conditions[?(@.type==\"Ready\")].status",
            "string",
            json!("False"),
        ),
        (
            ".status.conditions[?(@.type=='Ok')].status",
            "string",
            json!("True"),
        ),
        (
            ".status.conditions[?(@.type=='No')].status",
            "string",
            Value::Null,
        ),
        (".metadata.labels['example.com/x']", "string", json!("l")),
        (".metadata.labels.example\\.com/x", "string", json!("l")),
        ("{.spec.n}", "integer", json!(3)),
        ("$.spec.n", "integer", json!(3)),
    ] {
        let cell = JsonPath::parse(path)
            .unwrap()
            .cell(&object, kind, NOW.parse().unwrap());
        assert_eq!(cell, expected, "{path} as {kind}");
    }
    for path in [
        "",
        "spec",
        ".",
        ".a[",
        ".a[x]",
        ".a[?(b==1)]",
        ".a[?(@.b==x)]",
        "..a",
    ] {
        assert!(JsonPath::parse(path).is_err(), "{path}");
    }
}

#[test]
fn rows_carry_what_was_asked_for() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "u"}, "data": {"x": "y"}});
    let row = |include| {
        table(
            &kind("configmaps"),
            std::slice::from_ref(&object),
            NOW.parse().unwrap(),
            include,
        )["rows"][0]["object"]
            .clone()
    };
    assert_eq!(row(IncludeObject::None), Value::Null);
    assert_eq!(row(IncludeObject::Object), object);
    assert_eq!(
        row(IncludeObject::Metadata),
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a", "uid": "u"}})
    );
}

proptest::proptest! {
    #[test]
    fn paths_never_panic(text in "[.\\[\\]?@()'\"\\\\a-c=<>!*0-9-]{0,24}") {
        if let Ok(path) = JsonPath::parse(&text) {
            path.find(&json!({"a": [{"b": 1}, {"b": "c"}], "b": {"a": null}}));
        }
    }
}
