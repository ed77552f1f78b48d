//! Events have two faces, `v1` and `events.k8s.io/v1`, and one store.

use serde_json::Value;

/// Field names of `v1` and of `events.k8s.io/v1` that mean the same.
const NAMES: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// A `v1` event as `events.k8s.io/v1` shows it.
pub(crate) fn event_from_core(event: &Value) -> Value {
    renamed(event, "events.k8s.io/v1", |(core, new)| (*core, *new))
}

/// An `events.k8s.io/v1` event as `v1` shows it.
pub(crate) fn event_to_core(event: &Value) -> Value {
    renamed(event, "v1", |(core, new)| (*new, *core))
}

fn renamed(
    event: &Value,
    version: &str,
    direction: impl Fn(&(&'static str, &'static str)) -> (&'static str, &'static str),
) -> Value {
    let mut event = event.clone();
    if let Some(fields) = event.as_object_mut() {
        fields.insert("apiVersion".into(), version.into());
        for (from, to) in NAMES.iter().map(direction) {
            if let Some(value) = fields.remove(from) {
                fields.insert(to.to_owned(), value);
            }
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{event_from_core, event_to_core};

    #[test]
    fn both_faces_say_the_same() {
        let core = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "Started", "type": "Normal",
            "involvedObject": {"kind": "Pod", "name": "p"}, "message": "hello", "count": 2,
            "source": {"component": "c"}, "firstTimestamp": "a", "lastTimestamp": "b", "reportingComponent": "c",
            "eventTime": null, "series": {"count": 2},
        });
        let new = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "Started",
            "type": "Normal", "regarding": {"kind": "Pod", "name": "p"}, "note": "hello", "deprecatedCount": 2,
            "deprecatedSource": {"component": "c"}, "deprecatedFirstTimestamp": "a", "deprecatedLastTimestamp": "b",
            "reportingController": "c", "eventTime": null, "series": {"count": 2},
        });
        assert_eq!(event_from_core(&core), new);
        assert_eq!(event_to_core(&new), core);
        assert_eq!(event_to_core(&json!("no event")), json!("no event"));
    }
}
