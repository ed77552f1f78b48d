//! A Pod in the form fixtures speak about: everything has its name instead of its place in a list.
//!
//! - each container by its name; `initNames` and `containerNames` have their order
//! - `env` by variable: its value, or in words where the value comes from; `envNames` has their order
//! - `mounts` by path: `volume`, or `volume:subPath`, and ` (ro)` where nothing may be written; `mountPaths` has the order
//! - `volumes` by name, without the name; `volumeNames` has their order

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value};

/// The view of a Pod.
pub(crate) fn of(pod: &Pod) -> Value {
    let mut view = serde_json::to_value(pod).unwrap();
    let mut spec = view["spec"].take();
    for (field, order) in [("initContainers", "initNames"), ("containers", "containerNames")] {
        let list = take_list(&mut spec, field);
        view[order] = names(&list, "name");
        for container in list {
            let name = container["name"].as_str().unwrap().to_owned();
            view[name] = self::container(container);
        }
    }
    let volumes = take_list(&mut spec, "volumes");
    view["volumeNames"] = names(&volumes, "name");
    view["volumes"] = volumes
        .into_iter()
        .map(|mut volume| {
            let name = volume.as_object_mut().unwrap().remove("name").unwrap();
            (name.as_str().unwrap().to_owned(), volume)
        })
        .collect::<Map<_, _>>()
        .into();
    view["spec"] = spec;
    view
}

fn container(mut container: Value) -> Value {
    let env = take_list(&mut container, "env");
    container["envNames"] = names(&env, "name");
    container["env"] = env
        .iter()
        .map(|var| (var["name"].as_str().unwrap().to_owned(), value_of(var)))
        .collect::<Map<_, _>>()
        .into();
    let mounts = take_list(&mut container, "volumeMounts");
    container["mountPaths"] = names(&mounts, "mountPath");
    container["mounts"] = mounts
        .iter()
        .map(|mount| {
            let mut text = mount["name"].as_str().unwrap().to_owned();
            if let Some(sub) = mount["subPath"].as_str() {
                text.extend([":", sub]);
            }
            if mount["readOnly"] == true {
                text.push_str(" (ro)");
            }
            (mount["mountPath"].as_str().unwrap().to_owned(), Value::from(text))
        })
        .collect::<Map<_, _>>()
        .into();
    container
}

fn value_of(var: &Value) -> Value {
    let from = &var["valueFrom"];
    let optional = |reference: &Value| {
        if reference["optional"] == true {
            " (optional)"
        } else {
            ""
        }
    };
    for (field, what) in [("secretKeyRef", "secret"), ("configMapKeyRef", "configmap")] {
        if let (Some(name), Some(key)) = (from[field]["name"].as_str(), from[field]["key"].as_str()) {
            return format!("{what} {name}/{key}{}", optional(&from[field])).into();
        }
    }
    if from.is_null() {
        Value::from(var["value"].as_str().unwrap_or_default())
    } else {
        from.clone()
    }
}

fn take_list(object: &mut Value, field: &str) -> Vec<Value> {
    match object.as_object_mut().and_then(|o| o.remove(field)) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn names(list: &[Value], field: &str) -> Value {
    list.iter().map(|item| item[field].clone()).collect()
}
