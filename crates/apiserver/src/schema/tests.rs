use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::CompiledSchema;

/// A made-up kind that uses most keywords.
fn widget() -> &'static CompiledSchema {
    static WIDGET: LazyLock<CompiledSchema> =
        LazyLock::new(|| CompiledSchema::compile(&widget_schema()).unwrap());
    &WIDGET
}

fn widget_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 10, "exclusiveMaximum": true},
                    "mode": {"type": "string", "enum": ["Fast", "Slow"], "default": "Fast"},
                    "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 3, "minLength": 1},
                    "ratio": {"type": "number", "multipleOf": 0.5},
                    "port": {"x-kubernetes-int-or-string": true},
                    "when": {"type": "string", "format": "date-time", "nullable": true},
                    "wait": {"type": "string", "format": "duration"},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                             "properties": {"known": {"type": "object", "properties": {"a": {"type": "string"}}}}},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 2},
                    "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set", "maxItems": 3},
                    "parts": {
                        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "required": ["name"], "properties": {
                            "name": {"type": "string"},
                            "weight": {"type": "integer", "default": 1,
                                       "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "never shrinks"}]},
                            "kind": {"type": "object", "default": {}, "properties": {"b": {"type": "string", "default": "x"}}},
                        }},
                    },
                    "embedded": {"type": "object", "x-kubernetes-embedded-resource": true,
                                 "x-kubernetes-preserve-unknown-fields": true},
                    "choice": {"type": "object",
                        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
                    "fixed": {"type": "string", "x-kubernetes-validations": [
                        {"rule": "self == oldSelf", "message": "cannot change", "reason": "FieldValueForbidden"}]},
                },
                "x-kubernetes-validations": [
                    {"rule": "!has(self.name) || self.name != 'bad'", "fieldPath": ".name",
                     "messageExpression": "'name ' + self.name + ' is taken'"},
                ],
            },
            "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
        },
    })
}

#[track_caller]
fn faults(object: Value, old: Option<Value>) -> Vec<String> {
    let causes = widget().validate(&object, old.as_ref());
    causes
        .into_iter()
        .map(|c| format!("{} {}", c.reason.trim_start_matches("FieldValue"), c.field))
        .collect()
}

#[test]
fn objects_are_validated() {
    for (spec, expected) in [
        (json!({"size": 1}), vec![]),
        (json!({"size": 3.0}), vec![]),
        (json!({}), vec!["Required spec.size"]),
        (json!({"size": "1"}), vec!["TypeInvalid spec.size"]),
        (json!({"size": 1.5}), vec!["TypeInvalid spec.size"]),
        (json!({"size": null}), vec!["TypeInvalid spec.size"]),
        (json!({"size": 0}), vec!["Invalid spec.size"]),
        (json!({"size": 10}), vec!["Invalid spec.size"]),
        (json!({"size": 1, "mode": "Odd"}), vec!["NotSupported spec.mode"]),
        (json!({"size": 1, "name": "abcd"}), vec!["TooLong spec.name"]),
        (
            json!({"size": 1, "name": ""}),
            vec!["Invalid spec.name", "Invalid spec.name"],
        ),
        (json!({"size": 1, "name": "äöü"}), vec!["Invalid spec.name"]),
        (json!({"size": 1, "name": "bad"}), vec!["Invalid spec.name"]),
        (json!({"size": 1, "ratio": 1.5}), vec![]),
        (json!({"size": 1, "ratio": 1.2}), vec!["Invalid spec.ratio"]),
        (json!({"size": 1, "port": "http"}), vec![]),
        (json!({"size": 1, "port": 80}), vec![]),
        (json!({"size": 1, "port": true}), vec!["TypeInvalid spec.port"]),
        (json!({"size": 1, "when": null}), vec![]),
        (json!({"size": 1, "when": "2026-01-02T03:04:05Z"}), vec![]),
        (json!({"size": 1, "when": "yesterday"}), vec!["Invalid spec.when"]),
        (json!({"size": 1, "wait": "1h30m"}), vec![]),
        (json!({"size": 1, "wait": "1 hour"}), vec!["Invalid spec.wait"]),
        (json!({"size": 1, "labels": {"a": "b"}}), vec![]),
        (
            json!({"size": 1, "labels": {"a": 1}}),
            vec!["TypeInvalid spec.labels.a"],
        ),
        (
            json!({"size": 1, "labels": {"a.b/c": 1}}),
            vec!["TypeInvalid spec.labels[a.b/c]"],
        ),
        (
            json!({"size": 1, "labels": {"a": "", "b": "", "c": ""}}),
            vec!["TooMany spec.labels"],
        ),
        (
            json!({"size": 1, "tags": ["a", "b", "a"]}),
            vec!["Duplicate spec.tags[2]"],
        ),
        (
            json!({"size": 1, "tags": ["a", "b", "c", "d"]}),
            vec!["TooMany spec.tags"],
        ),
        (
            json!({"size": 1, "parts": [{"name": "a"}, {"name": "a"}]}),
            vec!["Duplicate spec.parts[1]"],
        ),
        (
            json!({"size": 1, "parts": [{}]}),
            vec!["Required spec.parts[0].name"],
        ),
        (
            json!({"size": 1, "embedded": {"x": 1}}),
            vec!["Required spec.embedded.apiVersion", "Required spec.embedded.kind"],
        ),
        (json!({"size": 1, "choice": {"a": "x"}}), vec![]),
        (json!({"size": 1, "choice": {}}), vec!["Invalid spec.choice"]),
        (
            json!({"size": 1, "choice": {"a": "x", "b": "y"}}),
            vec!["Invalid spec.choice"],
        ),
        (json!([]), vec!["TypeInvalid spec"]),
    ] {
        let text = spec.to_string();
        assert_eq!(faults(json!({"spec": spec}), None), expected, "{text}");
    }
}

#[test]
fn updates_judge_changes_only() {
    for (old, new, expected) in [
        // Bad values of the past stay editable around.
        (
            json!({"size": 99, "mode": "Fast"}),
            json!({"size": 99, "mode": "Slow"}),
            vec![],
        ),
        (
            json!({"size": 99}),
            json!({"size": 98}),
            vec!["Invalid spec.size"],
        ),
        (
            json!({"size": 1, "name": "bad", "mode": "Fast"}),
            json!({"size": 1, "name": "bad", "mode": "Slow"}),
            vec!["Invalid spec.name"],
        ),
        // Transition rules.
        (
            json!({"size": 1, "fixed": "a"}),
            json!({"size": 1, "fixed": "a"}),
            vec![],
        ),
        (
            json!({"size": 1, "fixed": "a"}),
            json!({"size": 1, "fixed": "b"}),
            vec!["Forbidden spec.fixed"],
        ),
        (json!({"size": 1}), json!({"size": 1, "fixed": "b"}), vec![]),
        // Items of a keyed list are compared with their own past, wherever they stand.
        (
            json!({"size": 1, "parts": [{"name": "a", "weight": 1}, {"name": "b", "weight": 5}]}),
            json!({"size": 1, "parts": [{"name": "b", "weight": 4}, {"name": "a", "weight": 2}]}),
            vec!["Invalid spec.parts[0].weight"],
        ),
        (
            json!({"size": 1, "parts": [{"name": "a", "weight": 9}]}),
            json!({"size": 1, "parts": [{"name": "c", "weight": 1}]}),
            vec![],
        ),
    ] {
        let text = new.to_string();
        assert_eq!(
            faults(json!({"spec": new}), Some(json!({"spec": old}))),
            expected,
            "{text}"
        );
    }
}

#[test]
fn messages_say_value_and_rule() {
    for (spec, expected) in [
        (
            json!({"size": 0}),
            "Invalid value: 0: must be greater than or equal to 1",
        ),
        (
            json!({"size": 1, "mode": "Odd"}),
            "Unsupported value: \"Odd\": supported values: \"Fast\", \"Slow\"",
        ),
        (
            json!({"size": 1, "name": "bad"}),
            "Invalid value: \"object\": name bad is taken",
        ),
        (
            json!({"size": "x"}),
            "Invalid value: \"x\": must be of type integer, not string",
        ),
    ] {
        assert_eq!(
            widget().validate(&json!({"spec": spec}), None)[0].message,
            expected
        );
    }
}

#[test]
fn unknown_fields_are_found_and_dropped() {
    let object = json!({
        "apiVersion": "e.com/v1", "kind": "Widget",
        "metadata": {"name": "a", "labels": {"x": "y"}, "nonsense": 1},
        "extra": 1,
        "spec": {
            "size": 1, "foo": {"deep": 1}, "labels": {"any": "thing"},
            "free": {"anything": {"goes": 1}, "known": {"a": "", "b": ""}},
            "parts": [{"name": "a", "bar": 1}],
            "embedded": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "bad": 1}, "spec": {}},
        },
    });
    let expected = [
        "extra",
        "metadata.nonsense",
        "spec.embedded.metadata.bad",
        "spec.foo",
        "spec.free.known.b",
        "spec.parts[0].bar",
    ];
    let schema = widget();
    let mut found = schema.unknown_fields(&object);
    found.sort();
    assert_eq!(found, expected);
    let mut pruned = object.clone();
    let mut dropped = schema.prune(&mut pruned);
    dropped.sort();
    assert_eq!(dropped, expected);
    assert_eq!(
        pruned["spec"]["free"],
        json!({"anything": {"goes": 1}, "known": {"a": ""}})
    );
    assert_eq!(pruned["metadata"], json!({"name": "a", "labels": {"x": "y"}}));
    assert!(schema.unknown_fields(&pruned).is_empty());
}

#[test]
fn defaults_fill_from_the_outside_in() {
    for (spec, expected) in [
        (json!({"size": 1}), json!({"size": 1, "mode": "Fast"})),
        (json!({"mode": "Slow"}), json!({"mode": "Slow"})),
        // Null is not a value here: it gives way to the default, or goes.
        (json!({"mode": null, "name": null}), json!({"mode": "Fast"})),
        (
            json!({"mode": "Slow", "when": null}),
            json!({"mode": "Slow", "when": null}),
        ),
        (
            json!({"mode": "Slow", "parts": [{"name": "a"}, {"name": "b", "weight": 2, "kind": {"b": "y"}}]}),
            json!({"mode": "Slow", "parts": [
                {"name": "a", "weight": 1, "kind": {"b": "x"}}, {"name": "b", "weight": 2, "kind": {"b": "y"}}]}),
        ),
    ] {
        let mut object = json!({"metadata": {"creationTimestamp": null}, "spec": spec});
        widget().apply_defaults(&mut object);
        assert_eq!(object, json!({"metadata": {}, "spec": expected}));
    }
}

#[test]
fn schemas_must_be_structural() {
    for (schema, expected) in [
        (json!({"properties": {}}), vec!["type", "type"]),
        (json!({"type": "string"}), vec!["type"]),
        (
            json!({"type": "object", "properties": {"a": {}}}),
            vec!["properties[a].type"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "text"}}}),
            vec!["properties[a].type"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "#/x", "type": "object"}}}),
            vec!["properties[a].$ref"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array"}}}),
            vec!["properties[a].items"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}),
            vec!["properties[a].pattern"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array", "uniqueItems": true, "items": {"type": "string"}}}}),
            vec!["properties[a].uniqueItems"],
        ),
        (
            json!({"type": "object", "additionalProperties": false}),
            vec!["additionalProperties"],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
            vec!["additionalProperties"],
        ),
        (
            json!({"type": "object", "anyOf": [{"properties": {"a": {"type": "string"}}}]}),
            vec!["anyOf[0].properties[a].type"],
        ),
        (
            json!({"type": "object", "properties": {"p": {"x-kubernetes-int-or-string": true,
                "anyOf": [{"type": "integer"}, {"type": "string"}]}}}),
            vec![],
        ),
        (
            json!({"type": "object", "x-kubernetes-validations": [{"rule": "self.a >"}]}),
            vec!["x-kubernetes-validations[0].rule"],
        ),
        (
            json!({"type": "object", "x-kubernetes-validations": [{"rule": "true", "messageExpression": "'a' +"}, {}]}),
            vec![
                "x-kubernetes-validations[0].messageExpression",
                "x-kubernetes-validations[1].rule",
            ],
        ),
        (
            json!({"type": "object", "properties": {"l": {"type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["k", "m"],
                "items": {"type": "object", "properties": {"k": {"type": "string"}}}}}}),
            vec![
                "properties[l].x-kubernetes-list-map-keys[0]",
                "properties[l].x-kubernetes-list-map-keys[1]",
            ],
        ),
        (
            json!({"type": "object", "properties": {"metadata": {"type": "object", "required": ["labels"]}}}),
            vec!["properties[metadata].required"],
        ),
        (
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
            vec![],
        ),
    ] {
        let fields: Vec<String> = match CompiledSchema::compile(&schema) {
            Ok(_) => Vec::new(),
            Err(causes) => causes.into_iter().map(|c| c.field).collect(),
        };
        assert_eq!(fields, expected, "{schema}");
    }
}

#[test]
fn deep_schemas_are_refused_not_overflowed() {
    let mut schema = json!({"type": "string"});
    for _ in 0..120 {
        schema = json!({"type": "object", "properties": {"a": schema}});
    }
    assert!(CompiledSchema::compile(&schema).is_err());
}

#[test]
fn old_self_can_be_optional() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string", "x-kubernetes-validations": [{
        "rule": "oldSelf.hasValue() ? oldSelf.value() == self : self != 'no'", "optionalOldSelf": true,
    }]}}});
    let schema = CompiledSchema::compile(&schema).unwrap();
    for (old, new, good) in [
        (None, "yes", true),
        (None, "no", false),
        (Some("a"), "a", true),
        (Some("a"), "b", false),
    ] {
        let old = old.map(|a| json!({"a": a}));
        let causes = schema.validate(&json!({"a": new}), old.as_ref());
        assert_eq!(causes.is_empty(), good, "{old:?} {new} {causes:?}");
    }
}

#[test]
fn rules_see_typed_values_and_escaped_names() {
    let schema = json!({"type": "object", "properties": {
        "start": {"type": "string", "format": "date-time"},
        "wait": {"type": "string", "format": "duration"},
        "data": {"type": "string", "format": "byte"},
        "ratio": {"type": "number"},
        "x-y": {"type": "string"},
        "snake_case": {"type": "string"},
        "namespace": {"type": "string"},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
    }, "x-kubernetes-validations": [
        {"rule": "self.start > timestamp('2020-01-01T00:00:00Z')"},
        {"rule": "self.wait < duration('2h')"},
        {"rule": "size(self.data) == 3"},
        {"rule": "self.ratio >= 1.0"},
        {"rule": "self.x__dash__y == 'v'"},
        {"rule": "self.snake_case == 's'"},
        {"rule": "self.__namespace__ == 'n'"},
        {"rule": "self.map['a.b'] == 'c' && 'a.b' in self.map"},
        {"rule": "!has(self.missing)"},
        {"rule": "self.map.all(k, self.map[k].matches('^[a-z]$'))"},
        {"rule": "self.snake_case.lowerAscii() == 's'"},
    ]});
    let schema = CompiledSchema::compile(&schema).unwrap();
    let object = json!({
        "start": "2026-01-01T00:00:00Z", "wait": "1h", "data": "YWJj", "ratio": 2, "x-y": "v", "snake_case": "s",
        "namespace": "n", "map": {"a.b": "c"}, "nothing": null,
    });
    assert_eq!(schema.validate(&object, None), []);
}

#[test]
fn rules_and_defaults_must_be_able_to_work() {
    let base = |node: Value| json!({"type": "object", "properties": {"spec": node}});
    let rule = |text: &str| json!([{"rule": text}]);
    let object = |text: &str| {
        json!({"type": "object", "x-kubernetes-validations": rule(text), "properties": {
            "a-b": {"type": "string"},
            "list": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"y": {"type": "string"}}}},
            "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "embedded": {"type": "object", "x-kubernetes-embedded-resource": true},
        }})
    };
    let list = |kind: &str| {
        json!({"type": "array", "x-kubernetes-list-type": kind, "x-kubernetes-list-map-keys": ["k"], "items": {
            "type": "object", "required": ["k"], "properties": {"k": {"type": "string"}},
            "x-kubernetes-validations": rule("self.k == oldSelf.k")}})
    };
    for (node, faults) in [
        (object("self.a__dash__b == 'x' && oldSelf.a__dash__b == 'x'"), 0),
        (object("self.list.all(i, i.x > 0) && self.list[0].x > 1"), 0),
        (object("self.list.exists_one(i, i.nope > 0)"), 1),
        (object("self.list[0].nope == 1"), 1),
        (
            object("self.map.all(k, self.map[k].y == k) && self.map['z'].y == ''"),
            0,
        ),
        (object("self.map.z.nope == 1"), 1),
        (object("self.any.thing.goes == 1"), 0),
        (
            object("self.embedded.kind == 'Pod' && self.embedded.metadata.name == 'x'"),
            0,
        ),
        (object("self.nope == 1"), 1),
        (object("has(self.nope)"), 1),
        (object("slef.list == []"), 1),
        (object("self.metadata.name == ''"), 1),
        (
            object(
                "quantity('1').isGreaterThan(quantity('0')) && math.greatest(1, 2) == 2 && type(1) == int",
            ),
            0,
        ),
        (
            object(
                "self.list.map(i, i.x).filter(n, n > 1).size() == 1 ? true : {'a': self.a__dash__b}.size() == 1",
            ),
            0,
        ),
        (list("map"), 0),
        (list("atomic"), 1),
        (
            json!({"type": "object", "default": {"b": 1}, "properties": {"a": {"type": "string"}}}),
            1,
        ),
        (
            json!({"type": "object", "default": {"a": 1}, "properties": {"a": {"type": "string"}}}),
            1,
        ),
        (
            json!({"type": "object", "default": {}, "required": ["a"], "properties": {"a": {"type": "string", "default": "x"}}}),
            0,
        ),
    ] {
        let text = node.to_string();
        let causes = CompiledSchema::compile(&base(node)).unwrap().definition_causes();
        assert_eq!(causes.len(), faults, "{text} {causes:?}");
    }
    // The root knows the fields that every object has.
    let schema =
        json!({"type": "object", "x-kubernetes-validations": rule("self.metadata.name != self.kind")});
    assert_eq!(CompiledSchema::compile(&schema).unwrap().definition_causes(), []);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let keys = prop::sample::select(vec![
            "spec", "size", "mode", "name", "labels", "tags", "parts", "free", "known", "embedded",
            "metadata", "choice", "fixed", "when", "kind", "a", "b", "zz",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..6).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

/// Security: what a request costs grows with its size, not with the square of it.
#[test]
fn long_lists_are_judged_in_one_pass() {
    let parts: Vec<Value> = (0..50_000)
        .map(|i| json!({"name": format!("n{i}"), "weight": i}))
        .collect();
    let tags: Vec<String> = (0..50_000).map(|i| format!("t{i}")).collect();
    let mut object = json!({"spec": {"size": 1, "parts": parts, "tags": tags}});
    let old = object.clone();
    object["spec"]["parts"].as_array_mut().unwrap().reverse();
    object["spec"]["tags"].as_array_mut().unwrap().reverse();
    // Quadratic work on lists this long would take the better part of an hour.
    assert_eq!(
        widget().validate(&object, Some(&old)).len(),
        1,
        "only the number of tags is wrong"
    );
}

proptest! {
    #[test]
    fn pruning_twice_is_pruning_once(mut value in any_json()) {
        let schema = widget();
        prop_assert_eq!(schema.unknown_fields(&value).len(), schema.prune(&mut value).len());
        let once = value.clone();
        prop_assert!(schema.prune(&mut value).is_empty());
        prop_assert_eq!(once, value);
    }

    #[test]
    fn defaulting_twice_is_defaulting_once(mut value in any_json()) {
        let schema = widget();
        schema.apply_defaults(&mut value);
        let once = value.clone();
        schema.apply_defaults(&mut value);
        prop_assert_eq!(once, value);
    }

    #[test]
    fn validation_never_panics(value in any_json(), old in any_json()) {
        let schema = widget();
        schema.validate(&value, None);
        schema.validate(&value, Some(&old));
    }

    #[test]
    fn compiling_any_schema_never_panics(value in any_json()) {
        let _ = CompiledSchema::compile(&value);
    }
}
