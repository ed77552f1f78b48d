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

#[test]
fn config_maps_and_secrets_keep_their_rules() {
    let object = |kind: &str, rest: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}});
        object
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        object
    };
    let big = "x".repeat(1024 * 1024 + 1);
    for (key, kind, rest, expected) in [
        (
            "configmaps",
            "ConfigMap",
            json!({"data": {"a-b_c.D": ""}}),
            vec![],
        ),
        (
            "configmaps",
            "ConfigMap",
            json!({"data": {"a/b": ""}}),
            vec!["Invalid data[a/b]"],
        ),
        (
            "configmaps",
            "ConfigMap",
            json!({"data": {"..": ""}}),
            vec!["Invalid data[..]"],
        ),
        (
            "configmaps",
            "ConfigMap",
            json!({"data": {"a": 1}}),
            vec!["TypeInvalid data.a"],
        ),
        (
            "configmaps",
            "ConfigMap",
            json!({"data": {"a": ""}, "binaryData": {"a": ""}}),
            vec!["Invalid binaryData[a]"],
        ),
        (
            "configmaps",
            "ConfigMap",
            json!({"data": {"a": big}}),
            vec!["TooLong data"],
        ),
        ("secrets", "Secret", json!({"stringData": {"a": "b"}}), vec![]),
        ("secrets", "Secret", json!({"data": {"a": "YQ=="}}), vec![]),
        (
            "secrets",
            "Secret",
            json!({"data": {"aa": "%%"}}),
            vec!["Invalid data.aa"],
        ),
        (
            "secrets",
            "Secret",
            json!({"type": "kubernetes.io/tls"}),
            vec!["Required data[tls.crt]", "Required data[tls.key]"],
        ),
    ] {
        assert_eq!(create(key, object(kind, rest)).1, expected);
    }
    let (secret, _) = create("secrets", object("Secret", json!({"stringData": {"a": "b"}})));
    assert_eq!(
        (&secret["data"]["a"], &secret["type"], secret.get("stringData")),
        (&json!("Yg=="), &json!("Opaque"), None)
    );
    let old = object("Secret", json!({"type": "a/b"}));
    assert_eq!(
        update("secrets", &old, &object("Secret", json!({"type": "a/c"}))),
        ["Invalid type"]
    );
    let old = object("ConfigMap", json!({"immutable": true, "data": {"a": "b"}}));
    assert_eq!(
        update(
            "configmaps",
            &old,
            &object("ConfigMap", json!({"data": {"a": "c"}}))
        ),
        ["Forbidden immutable", "Forbidden data"]
    );
    assert_eq!(
        update(
            "configmaps",
            &old,
            &with(old.clone(), "/metadata/labels", json!({"a": "b"}))
        ),
        Vec::<String>::new()
    );
}

/// Security: what a Secret holds is never echoed, not even when it is refused.
#[test]
fn refusals_never_show_secret_values() {
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": "hunter2!", "n": 271828}, "stringData": {"p": 314159}});
    let kind = kind("secrets");
    kind.default.unwrap()(&mut secret);
    let mut causes = kind.schema.get().validate(&secret, None);
    causes.extend(kind.validate.unwrap()(&secret, None));
    assert!(!causes.is_empty());
    assert!(
        causes.iter().all(|c| !["hunter2", "271828", "314159"]
            .iter()
            .any(|s| c.message.contains(s))),
        "{causes:?}"
    );
}

#[test]
fn services_get_an_address_and_ports() {
    let service = |spec: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "n"}, "spec": spec});
    let (first, faults) = create("services", service(json!({"ports": [{"port": 80}]})));
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(
        first["spec"]["ports"][0],
        json!({"port": 80, "targetPort": 80, "protocol": "TCP"})
    );
    let (headless, faults) = create("services", service(json!({"clusterIP": "None"})));
    assert_eq!(
        (&headless["spec"]["clusterIPs"], faults),
        (&json!(["None"]), vec![])
    );
    for (spec, expected) in [
        (json!({}), vec!["Required spec.ports"]),
        (
            json!({"ports": [{"port": 0}]}),
            vec!["Invalid spec.ports[0].port", "Invalid spec.ports[0].targetPort"],
        ),
        (
            json!({"ports": [{"port": 1}, {"port": 2}]}),
            vec!["Required spec.ports[0].name", "Required spec.ports[1].name"],
        ),
        (
            json!({"type": "ExternalName"}),
            vec!["Required spec.externalName"],
        ),
        (
            json!({"type": "Odd", "ports": [{"port": 1}]}),
            vec!["NotSupported spec.type"],
        ),
    ] {
        assert_eq!(create("services", service(spec)).1, expected);
    }
}

#[test]
fn an_update_keeps_what_the_server_gave_out() {
    let old = json!({"spec": {"type": "NodePort", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"],
                     "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30001}]}});
    let mut new = json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]}});
    super::keep_allocated(&mut new, &old);
    assert_eq!(
        new["spec"],
        json!({"type": "NodePort", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"],
               "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30001}, {"port": 81, "protocol": "TCP"}]})
    );
}

#[test]
fn deployments_are_filled_and_checked() {
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let (filled, faults) = create("deployments.apps", deployment.clone());
    assert_eq!(faults, Vec::<String>::new());
    for (pointer, expected) in [
        ("/spec/replicas", json!(1)),
        (
            "/spec/strategy",
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
        ),
        ("/spec/revisionHistoryLimit", json!(10)),
        ("/spec/progressDeadlineSeconds", json!(600)),
        ("/spec/template/spec/restartPolicy", json!("Always")),
    ] {
        assert_eq!(filled.pointer(pointer), Some(&expected), "{pointer}");
    }
    for absent in [
        "enableServiceLinks",
        "tolerations",
        "serviceAccountName",
        "priority",
    ] {
        assert!(
            filled["spec"]["template"]["spec"].get(absent).is_none(),
            "{absent} belongs to pods, not templates"
        );
    }
    for (pointer, value, expected) in [
        ("/spec/replicas", json!(-1), vec!["Invalid spec.replicas"]),
        ("/spec/selector", json!({}), vec!["Invalid spec.selector"]),
        (
            "/spec/selector",
            json!({"matchLabels": {"app": "b"}}),
            vec!["Invalid spec.template.metadata.labels"],
        ),
        (
            "/spec/template/spec/restartPolicy",
            json!("Never"),
            vec!["NotSupported spec.template.spec.restartPolicy"],
        ),
        (
            "/spec/template/spec/containers/0/image",
            json!(""),
            vec!["Required spec.template.spec.containers[0].image"],
        ),
    ] {
        assert_eq!(
            create("deployments.apps", with(deployment.clone(), pointer, value)).1,
            expected,
            "{pointer}"
        );
    }
    let moved = with(
        with(
            deployment.clone(),
            "/spec/selector",
            json!({"matchLabels": {"app": "b"}}),
        ),
        "/spec/template/metadata/labels",
        json!({"app": "b"}),
    );
    assert_eq!(
        update("deployments.apps", &deployment, &moved),
        ["Invalid spec.selector"]
    );
}

#[test]
fn other_kinds_are_filled() {
    for (key, object, pointer, expected) in [
        (
            "namespaces",
            json!({"metadata": {"name": "n"}}),
            "/metadata/labels",
            json!({"kubernetes.io/metadata.name": "n"}),
        ),
        (
            "namespaces",
            json!({"metadata": {"name": "n"}}),
            "/spec/finalizers",
            json!(["kubernetes"]),
        ),
        (
            "namespaces",
            json!({"metadata": {"name": "n"}}),
            "/status/phase",
            json!("Active"),
        ),
        (
            "persistentvolumeclaims",
            json!({"spec": {}}),
            "/spec/volumeMode",
            json!("Filesystem"),
        ),
        (
            "persistentvolumeclaims",
            json!({"spec": {}}),
            "/status/phase",
            json!("Pending"),
        ),
        (
            "roles.rbac.authorization.k8s.io",
            json!({"metadata": {"name": null}}),
            "/metadata",
            json!({}),
        ),
        (
            "rolebindings.rbac.authorization.k8s.io",
            json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}]}),
            "/subjects/0/apiGroup",
            json!("rbac.authorization.k8s.io"),
        ),
        (
            "networkpolicies.networking.k8s.io",
            json!({"spec": {"egress": [{}]}}),
            "/spec/policyTypes",
            json!(["Ingress", "Egress"]),
        ),
        (
            "customresourcedefinitions.apiextensions.k8s.io",
            json!({"spec": {"names": {"kind": "Foo"}}}),
            "/spec/names",
            json!({"kind": "Foo", "singular": "foo", "listKind": "FooList"}),
        ),
    ] {
        let mut object = object;
        kind(key).default.unwrap()(&mut object);
        assert_eq!(object.pointer(pointer), Some(&expected), "{key} {pointer}");
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
