//! What of a pod may change after creation: next to nothing.

use std::collections::HashSet;

use serde_json::Value;

use super::validate::{at, list, text};
use crate::error::Cause;
use crate::violation;

/// Checks an update against the stored pod.
pub(super) fn check(value: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let empty = Value::Null;
    let (new_spec, old_spec) = (
        value.get("spec").unwrap_or(&empty),
        old.get("spec").unwrap_or(&empty),
    );
    if new_spec == old_spec {
        return;
    }
    for kind in ["containers", "initContainers"] {
        let (new, old) = (list(new_spec, &[kind]), list(old_spec, &[kind]));
        if new.len() != old.len() {
            let why = "the containers of a pod stay as many as they were";
            causes.push(violation::forbidden(format!("spec.{kind}"), why));
            return;
        }
        for (i, container) in new
            .iter()
            .enumerate()
            .filter(|(_, c)| text(c, &["image"]).is_empty())
        {
            causes.push(violation::required(
                format!("spec.{kind}[{i}].image"),
                text(container, &["name"]),
            ));
        }
    }
    deadline(new_spec, old_spec, causes);
    tolerations(new_spec, old_spec, causes);
    let node = |spec: &Value| text(spec, &["nodeName"]).to_owned();
    let binding = node(old_spec).is_empty() && !node(new_spec).is_empty();
    if masked(new_spec, old_spec, binding) != masked(old_spec, old_spec, binding) {
        let why = "of a pod's spec only the images of its containers, `activeDeadlineSeconds` and added \
                   `tolerations` can change; delete the pod and create it anew";
        causes.push(violation::forbidden("spec", why));
    }
}

/// A copy of the spec with everything that may change taken from the old one.
fn masked(spec: &Value, old: &Value, binding: bool) -> Value {
    let mut spec = spec.clone();
    let Some(fields) = spec.as_object_mut() else {
        return spec;
    };
    for name in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        match old.get(name) {
            Some(value) => fields.insert(name.to_owned(), value.clone()),
            None => fields.remove(name),
        };
    }
    if binding {
        fields.remove("nodeName");
    }
    for kind in ["containers", "initContainers"] {
        let items = fields.get_mut(kind).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
            item.remove("image");
            // The pull policy is derived from the image when it is absent, so it may follow the image.
            item.remove("imagePullPolicy");
        }
    }
    fields.remove("ephemeralContainers");
    spec
}

fn deadline(new: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let seconds = |spec: &Value| at(spec, &["activeDeadlineSeconds"]).and_then(Value::as_i64);
    match (seconds(new), seconds(old)) {
        (Some(now), _) if now < 1 => {
            causes.push(violation::invalid(
                "spec.activeDeadlineSeconds",
                &now.into(),
                "must be greater than or equal to 1",
            ));
        }
        (None, Some(_)) => {
            let why = "cannot be taken away once it is set";
            causes.push(violation::invalid(
                "spec.activeDeadlineSeconds",
                &Value::Null,
                why,
            ));
        }
        (Some(now), Some(before)) if now > before => {
            let why = format!("must be less than or equal to the previous value, {before}");
            causes.push(violation::invalid("spec.activeDeadlineSeconds", &now.into(), why));
        }
        _ => {}
    }
}

fn tolerations(new: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let now = list(new, &["tolerations"]);
    let without_time = |t: &Value| {
        let mut t = t.clone();
        if let Some(fields) = t.as_object_mut() {
            fields.remove("tolerationSeconds");
        }
        t.to_string()
    };
    let now: HashSet<String> = now.iter().map(without_time).collect();
    for old in list(old, &["tolerations"]) {
        if !now.contains(&without_time(old)) {
            let why =
                "tolerations can be added but not changed or taken away, except for their tolerationSeconds";
            causes.push(violation::forbidden("spec.tolerations", why));
        }
    }
}
