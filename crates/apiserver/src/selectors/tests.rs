use serde_json::json;

use super::{FieldSelector, LabelSelector};

#[test]
fn label_selectors_select() {
    let object =
        json!({"metadata": {"labels": {"app": "web", "tier": "a", "example.com/n": "5", "empty": ""}}});
    for (selector, expected) in [
        ("", true),
        ("app", true),
        ("!app", false),
        ("! app", false),
        ("app=web", true),
        ("app==web", true),
        ("app = web", true),
        ("app!=web", false),
        ("other!=web", true),
        ("app in (web, db)", true),
        ("app in (db)", false),
        ("app notin (db)", true),
        ("other notin (db)", true),
        ("app notin (web,db),tier", false),
        ("app=web,tier in (a,b),!canary", true),
        ("app=web,tier=b", false),
        ("example.com/n>4", true),
        ("example.com/n < 5", false),
        ("empty=", true),
        ("empty in ()", true),
        ("missing=", false),
        ("in=web", false),
        ("notin", false),
    ] {
        assert_eq!(
            LabelSelector::parse(selector).unwrap().matches(&object),
            expected,
            "{selector}"
        );
    }
}

#[test]
fn bad_label_selectors_are_refused_with_400() {
    for selector in [
        "app=web,",
        ",app",
        "a b",
        "app in web",
        "app in (web",
        "-a=1",
        "app=a b",
        "app>x",
        "=a",
        "!",
        "a=b=c",
    ] {
        let error = LabelSelector::parse(selector).unwrap_err();
        assert_eq!((error.code, error.reason), (400, "BadRequest"), "{selector}");
    }
}

#[test]
fn the_object_form_selects_alike() {
    let labels = json!({"app": "web"});
    for (selector, expected) in [
        (json!({"matchLabels": {"app": "web"}}), Some(true)),
        (
            json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}),
            Some(false),
        ),
        (
            json!({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}),
            Some(true),
        ),
        (
            json!({"matchExpressions": [{"key": "x", "operator": "Like"}]}),
            None,
        ),
        (
            json!({"matchExpressions": [{"key": "x", "operator": "In"}]}),
            None,
        ),
        (json!({}), Some(true)),
    ] {
        let parsed = LabelSelector::from_object(&selector);
        assert_eq!(
            parsed.ok().map(|s| s.matches_labels(labels.as_object())),
            expected,
            "{selector}"
        );
    }
}

#[test]
fn selectors_print_as_they_parse() {
    for text in ["app=web,tier in (a,b),!x,y,z!=1", "a>5"] {
        assert_eq!(LabelSelector::parse(text).unwrap().to_string(), text);
    }
    assert_eq!(
        FieldSelector::parse("a=b,c!=d\\,e").unwrap().to_string(),
        "a=b,c!=d\\,e"
    );
}

#[test]
fn field_selectors_select() {
    let object = json!({
        "metadata": {"name": "n", "namespace": "ns"}, "spec": {"nodeName": "a"}, "status": {"phase": "Running"},
        "source": {"component": "kubelet"},
    });
    for (selector, expected) in [
        ("", true),
        ("metadata.name=n", true),
        ("metadata.name==n,status.phase!=Failed", true),
        ("metadata.name!=n", false),
        ("spec.nodeName=", false),
        ("status.podIP=", true),
        ("spec.unschedulable=false", true),
        ("source=kubelet", true),
        (" status.phase = Running ", true),
    ] {
        assert_eq!(
            FieldSelector::parse(selector).unwrap().matches(&object),
            expected,
            "{selector}"
        );
    }
    assert_eq!(FieldSelector::parse("metadata.name").unwrap_err().code, 400);
}

#[test]
fn only_known_fields_select() {
    let kinds = crate::builtin::kinds();
    let of = |name: &str| kinds.iter().find(|k| k.resource_key() == name).unwrap();
    for (kind, selector, good) in [
        ("pods", "spec.nodeName=a,metadata.namespace=x", true),
        ("pods", "spec.containers=a", false),
        ("configmaps", "metadata.name=a", true),
        ("configmaps", "data.x=a", false),
        ("nodes", "metadata.namespace=a", false),
        ("events", "involvedObject.uid=a,type!=Normal", true),
        (
            "customresourcedefinitions.apiextensions.k8s.io",
            "metadata.name=a.b",
            true,
        ),
    ] {
        let parsed = FieldSelector::parse(selector).unwrap();
        assert_eq!(parsed.check(of(kind)).is_ok(), good, "{kind} {selector}");
    }
}
