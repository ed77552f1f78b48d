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
