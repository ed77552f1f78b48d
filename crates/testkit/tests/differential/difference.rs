//! Where two answers differ.

use serde_json::Value;

/// One place that is not the same; a side without a value there has none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// A JSON pointer into the answer.
    pub(crate) at: String,
    pub(crate) embedded: Option<Value>,
    pub(crate) real: Option<Value>,
}

/// All differences of two answers. Where even the codes differ, the bodies are told as they are.
pub(crate) fn differences(embedded: &Value, real: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    if embedded["code"] == real["code"] {
        compare(String::new(), Some(embedded), Some(real), &mut found);
        return found;
    }
    for part in ["code", "body", "events"] {
        let (ours, theirs) = (embedded.get(part), real.get(part));
        if ours != theirs {
            found.push(Difference {
                at: format!("/{part}"),
                embedded: ours.cloned(),
                real: theirs.cloned(),
            });
        }
    }
    found
}

fn compare(at: String, embedded: Option<&Value>, real: Option<&Value>, found: &mut Vec<Difference>) {
    match (embedded, real) {
        (Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
            let mut keys: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let token = key.replace('~', "~0").replace('/', "~1");
                compare(format!("{at}/{token}"), ours.get(key), theirs.get(key), found);
            }
        }
        (Some(Value::Array(ours)), Some(Value::Array(theirs))) if ours.len() == theirs.len() => {
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                compare(format!("{at}/{index}"), Some(ours), Some(theirs), found);
            }
        }
        (ours, theirs) if ours == theirs => {}
        (ours, theirs) => found.push(Difference {
            at,
            embedded: ours.cloned(),
            real: theirs.cloned(),
        }),
    }
}

#[test]
fn the_smallest_place_is_told() {
    use serde_json::json;
    let found = differences(
        &json!({"a": [1, {"b/c": 2}], "only": 1, "list": [1]}),
        &json!({"a": [1, {"b/c": 3}], "list": [1, 2]}),
    );
    let places: Vec<&str> = found.iter().map(|d| d.at.as_str()).collect();
    assert_eq!(places, ["/a/1/b~1c", "/list", "/only"]);
    assert_eq!(found[2].real, None);
}
