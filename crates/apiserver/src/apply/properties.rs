//! Laws of apply, tried on objects made at random.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::changes::everything;
use super::entries::Entries;
use super::fields::FieldSet;
use super::order::interleave;
use super::path::PathElement;
use super::{ApplyOptions, UpdateOptions, apply, builtin_shape, strategic_shape, track_update};
use crate::patch::{json_patch, merge_patch, strategic_merge};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        "[a-c.:{}\"$]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]|f:a|k:\\{\\}|\\$patch", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn subset(names: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(names, 0..=names.len()).prop_shuffle()
}

fn containers() -> impl Strategy<Value = Value> {
    let container =
        (0..2u8, subset(&["X", "Y", "Z"]), prop::option::of(0..2u8)).prop_map(|(image, env, policy)| {
            let mut container = json!({"image": format!("i{image}")});
            if !env.is_empty() {
                container["env"] = env
                    .iter()
                    .map(|name| json!({"name": name, "value": "v"}))
                    .collect();
            }
            if let Some(policy) = policy {
                container["securityContext"] =
                    json!({"runAsUser": policy, "capabilities": {"drop": ["ALL"]}});
            }
            container
        });
    (subset(&["a", "b", "c", "d"]), prop::collection::vec(container, 4)).prop_map(|(names, bodies)| {
        let named = names.iter().zip(bodies).map(|(name, mut body)| {
            body["name"] = json!(name);
            body
        });
        named.collect()
    })
}

/// A Pod that fits its shape.
fn pod() -> impl Strategy<Value = Value> {
    (
        containers(),
        subset(&["f1", "f2", "f3"]),
        subset(&["l1", "l2"]),
        prop::option::of(0..2u8),
        0..2u8,
    )
        .prop_map(|(containers, finalizers, labels, selector, hostname)| {
            let mut pod = json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"},
                "spec": {"hostname": format!("h{hostname}")},
            });
            if containers != json!([]) {
                pod["spec"]["containers"] = containers;
            }
            if !finalizers.is_empty() {
                pod["metadata"]["finalizers"] = json!(finalizers);
            }
            if !labels.is_empty() {
                pod["metadata"]["labels"] = labels
                    .iter()
                    .map(|l| ((*l).to_owned(), json!("v")))
                    .collect::<Map<_, _>>()
                    .into();
            }
            if let Some(selector) = selector {
                pod["spec"]["nodeSelector"] = json!({"zone": selector});
            }
            pod
        })
}

fn apply_as(manager: &str, force: bool, live: Option<&Value>, applied: &Value) -> Value {
    let options = ApplyOptions {
        manager,
        force,
        subresource: "",
        api_version: "v1",
        now: "2026-01-01T00:00:00Z",
    };
    apply(live, applied, &builtin_shape("", "Pod"), &options).unwrap()
}

fn without_owners(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("managedFields");
    object
}

fn entries(object: &Value) -> Entries {
    object["metadata"]
        .get("managedFields")
        .map(|list| Entries::decode(list).unwrap())
        .unwrap_or_default()
}

/// Sorts what has no order, so that objects compare by content.
fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(unordered).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), unordered(value)))
            .collect::<Map<_, _>>()
            .into(),
        scalar => scalar.clone(),
    }
}

proptest! {
    #[test]
    fn a_second_apply_changes_nothing(first in pod(), second in pod()) {
        let live = apply_as("one", false, None, &first);
        let both = apply_as("two", true, Some(&live), &second);
        let options = ApplyOptions { manager: "two", force: false, subresource: "", api_version: "v1", now: "2030-01-01T00:00:00Z" };
        let again = apply(Some(&both), &second, &builtin_shape("", "Pod"), &options).unwrap();
        prop_assert_eq!(again, both);
    }

    #[test]
    fn an_apply_to_nothing_stores_what_was_applied(object in pod()) {
        prop_assert_eq!(without_owners(&apply_as("one", false, None, &object)), object);
    }

    #[test]
    fn the_only_applier_gets_what_it_applies(first in pod(), second in pod()) {
        let live = apply_as("one", false, None, &first);
        let live = apply_as("one", false, Some(&live), &second);
        prop_assert_eq!(unordered(&without_owners(&live)), unordered(&second));
    }

    #[test]
    fn letting_go_removes_just_what_was_ones_own(first in pod(), second in pod()) {
        let alone = apply_as("one", false, None, &first);
        let both = apply_as("two", true, Some(&alone), &second);
        let nothing = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}});
        let after = apply_as("two", true, Some(&both), &nothing);
        prop_assert!(!entries(&after).by_writer.keys().any(|writer| writer.manager == "two"));
        // What the other manager still owns is all that is there.
        let mut rest = everything(&without_owners(&after), &builtin_shape("", "Pod"));
        super::root::strip(&mut rest);
        let mut unowned = rest.clone();
        for holding in entries(&after).by_writer.values() {
            prop_assert_eq!(&holding.fields.shared_with(&rest), &holding.fields);
            unowned.remove(&holding.fields);
        }
        for path in unowned.paths() {
            // Structures exist by their content and need no owner of their own.
            prop_assert!(!path.ends_with(']') && !path.ends_with("image") && !path.ends_with("hostname"), "{path} has no owner");
        }
    }

    #[test]
    fn without_force_nobody_elses_value_changes(first in pod(), second in pod()) {
        let live = apply_as("one", false, None, &first);
        let options = ApplyOptions { manager: "two", force: false, subresource: "", api_version: "v1", now: "2026-01-01T00:00:00Z" };
        match apply(Some(&live), &second, &builtin_shape("", "Pod"), &options) {
            Ok(merged) => {
                let changes = super::changes::compare(&without_owners(&live), &without_owners(&merged), &builtin_shape("", "Pod"));
                prop_assert!(changes.modified.is_empty() && changes.removed.is_empty());
            }
            Err(error) => {
                prop_assert_eq!(error.code, 409);
                prop_assert!(!error.causes.is_empty());
            }
        }
    }

    #[test]
    fn every_path_has_one_updater(first in pod(), second in pod(), third in pod()) {
        let shape = builtin_shape("", "Pod");
        let mut live: Option<Value> = None;
        for (manager, mut object) in [("one", first), ("two", second), ("three", third)] {
            let options = UpdateOptions { manager, subresource: "", api_version: "v1", now: "2026-01-01T00:00:00Z" };
            track_update(live.as_ref(), &mut object, &shape, &options).unwrap();
            live = Some(object);
        }
        let live = live.unwrap();
        let mut rest = everything(&without_owners(&live), &shape);
        super::root::strip(&mut rest);
        for holding in entries(&live).by_writer.values() {
            prop_assert_eq!(&holding.fields.shared_with(&rest), &holding.fields);
            rest.remove(&holding.fields);
        }
        prop_assert!(rest.is_empty(), "{:?}", rest.paths());
    }

    #[test]
    fn fields_v1_reads_what_it_wrote(object in pod()) {
        let mut set = everything(&object, &builtin_shape("", "Pod"));
        set.own = false;
        prop_assert_eq!(FieldSet::decode(&set.encode()).unwrap(), set);
    }

    #[test]
    fn field_sets_behave_as_sets(a in pod(), b in pod()) {
        let shape = builtin_shape("", "Pod");
        let (a, b) = (everything(&a, &shape), everything(&b, &shape));
        let mut union = a.clone();
        union.add(&b);
        let mut only_a = union.clone();
        only_a.remove(&b);
        let mut expected = a.clone();
        expected.remove(&b);
        prop_assert_eq!(&only_a, &expected);
        let mut rebuilt = only_a;
        rebuilt.add(&a.shared_with(&b));
        prop_assert_eq!(rebuilt, a);
    }

    #[test]
    fn hostile_field_sets_and_elements_do_no_harm(value in any_json(), text in ".{0,6}") {
        if let Ok(set) = FieldSet::decode(&value) {
            prop_assert_eq!(FieldSet::decode(&set.encode()).unwrap(), set);
        }
        if let Some(element) = PathElement::decode(&text) {
            prop_assert_eq!(PathElement::decode(&element.encode()), Some(element));
        }
        let _ = Entries::decode(&value);
    }

    #[test]
    fn hostile_objects_do_no_harm(live in any_json(), applied in any_json(), list in any_json()) {
        let shape = builtin_shape("", "Pod");
        let mut object = json!({"metadata": {"managedFields": list}, "spec": live, "status": {"conditions": list}});
        let applied = json!({"metadata": {"finalizers": list}, "spec": {"containers": applied, "volumes": live}, "status": applied});
        let options = ApplyOptions { manager: "m", force: true, subresource: "", api_version: "v1", now: "t" };
        if let Ok(merged) = apply(Some(&object), &applied, &shape, &options) {
            prop_assert_eq!(&apply(Some(&merged), &applied, &shape, &options).unwrap(), &merged);
        }
        let old = object.clone();
        object["spec"] = applied["spec"].clone();
        let options = UpdateOptions { manager: "m", subresource: "", api_version: "v1", now: "t" };
        let _ = track_update(Some(&old), &mut object, &shape, &options);
        let _ = strategic_merge(&mut object, &applied, &strategic_shape("", "Pod"));
        let _ = json_patch(&mut object, &list);
    }

    #[test]
    fn merged_orders_keep_both(live in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d"]), 0..7), wanted in subset(&["a", "b", "c", "d", "e"])) {
        let order = interleave(&live, &wanted);
        let names: Vec<_> = order.iter().map(|(l, w)| l.map(|l| live[l]).or(w.map(|w| wanted[w])).unwrap()).collect();
        let kept: Vec<_> = names.iter().filter(|n| wanted.contains(n)).collect();
        prop_assert_eq!(kept, wanted.iter().collect::<Vec<_>>());
        let sorted = |names: &[&'static str]| {
            let mut only_live: Vec<_> = names.iter().filter(|n| !wanted.contains(n)).copied().collect();
            only_live.sort_unstable();
            only_live
        };
        prop_assert_eq!(sorted(&names), sorted(&live));
        let again: Vec<_> = interleave(&names, &wanted).into_iter().map(|(l, _)| names[l.unwrap()]).collect();
        prop_assert_eq!(again, names);
    }

    #[test]
    fn merge_patch_keeps_its_laws(doc in any_json(), patch in any_json()) {
        let mut once = doc.clone();
        merge_patch(&mut once, &patch);
        let mut twice = once.clone();
        merge_patch(&mut twice, &patch);
        prop_assert_eq!(&twice, &once);
        let mut same = doc.clone();
        merge_patch(&mut same, &json!({}));
        prop_assert_eq!(same, if doc.is_object() { doc } else { json!({}) });
    }

    #[test]
    fn a_strategic_patch_of_ones_own_difference_leads_there(from in pod(), to in pod()) {
        let mut doc = from.clone();
        let patch = difference(&from, &to);
        strategic_merge(&mut doc, &patch, &strategic_shape("", "Pod")).unwrap();
        prop_assert_eq!(doc, to);
    }
}

/// The strategic merge patch from one Pod to another, made the way `kubectl apply` makes it.
fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        return to.clone();
    };
    let mut patch = Map::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in new.iter().filter(|(name, value)| old.get(*name) != Some(value)) {
        let before = old.get(name).cloned().unwrap_or(Value::Null);
        match name.as_str() {
            "finalizers" => {
                let gone: Vec<_> = list(&before)
                    .iter()
                    .filter(|v| !list(value).contains(v))
                    .cloned()
                    .collect();
                patch.insert(format!("$deleteFromPrimitiveList/{name}"), gone.into());
                patch.insert(format!("$setElementOrder/{name}"), value.clone());
                patch.insert(name.clone(), value.clone());
            }
            "containers" | "env" => {
                let find =
                    |items: &Value, name: &Value| list(items).iter().find(|i| i["name"] == *name).cloned();
                let mut items: Vec<_> = list(&before)
                    .iter()
                    .filter(|item| find(value, &item["name"]).is_none())
                    .map(|item| json!({"$patch": "delete", "name": item["name"]}))
                    .collect();
                for item in list(value) {
                    let old = find(&before, &item["name"]).unwrap_or(json!({}));
                    let mut changed = difference(&old, item);
                    changed["name"] = item["name"].clone();
                    items.push(changed);
                }
                let order: Vec<_> = list(value)
                    .iter()
                    .map(|item| json!({"name": item["name"]}))
                    .collect();
                patch.insert(format!("$setElementOrder/{name}"), order.into());
                patch.insert(name.clone(), items.into());
            }
            _ => {
                patch.insert(
                    name.clone(),
                    if before.is_object() {
                        difference(&before, value)
                    } else {
                        value.clone()
                    },
                );
            }
        }
    }
    Value::Object(patch)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
