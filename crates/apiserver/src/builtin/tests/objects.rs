//! Defaults and rules of the builtin kinds other than Pods.

use super::*;

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
    super::super::keep_allocated(&mut new, &old);
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
