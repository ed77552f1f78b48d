//! What the downward API may ask about a Pod and the machine it runs on.

use k8s_openapi::api::core::v1::{Container, ObjectFieldSelector, Pod, ResourceFieldSelector};

use crate::quantity;

/// Facts that are not in the Pod object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) node_name: String,
    pub(crate) address: String,
    /// Capacity of the machine, in thousandths of a core.
    pub(crate) cpu_milli: i128,
    /// Capacity of the machine, in bytes.
    pub(crate) memory_bytes: i128,
}

/// The value of a `fieldRef`, or a sentence saying why there is none.
pub(crate) fn field(pod: &Pod, facts: &Facts, selector: &ObjectFieldSelector) -> Result<String, String> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    let path = selector.field_path.as_str();
    if let Some((map, key)) = subscript(path) {
        let entries = match map {
            "metadata.labels" => &meta.labels,
            "metadata.annotations" => &meta.annotations,
            _ => return Err(format!("fieldRef {path} is not one this node knows")),
        };
        return Ok(entries
            .as_ref()
            .and_then(|m| m.get(key))
            .cloned()
            .unwrap_or_default());
    }
    let lines = |m: &Option<std::collections::BTreeMap<String, String>>| {
        let quoted = |(k, v): (&String, &String)| format!("{k}={}", serde_json::Value::from(v.as_str()));
        m.iter().flatten().map(quoted).collect::<Vec<_>>().join("\n")
    };
    Ok(match path {
        "metadata.name" => meta.name.clone().unwrap_or_default(),
        "metadata.namespace" => meta.namespace.clone().unwrap_or_default(),
        "metadata.uid" => meta.uid.clone().unwrap_or_default(),
        "metadata.labels" => lines(&meta.labels),
        "metadata.annotations" => lines(&meta.annotations),
        "spec.nodeName" => facts.node_name.clone(),
        "spec.serviceAccountName" => spec
            .and_then(|s| s.service_account_name.clone())
            .unwrap_or_else(|| "default".to_owned()),
        "status.hostIP" | "status.hostIPs" | "status.podIP" | "status.podIPs" => facts.address.clone(),
        _ => return Err(format!("fieldRef {path} is not one this node knows")),
    })
}

/// Splits `metadata.labels['key']`.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (map, rest) = path.split_once("['")?;
    Some((map, rest.strip_suffix("']")?))
}

/// The value of a `resourceFieldRef`. `own` is the container that holds the reference, if one does.
pub(crate) fn resource(
    pod: &Pod,
    facts: &Facts,
    own: Option<&Container>,
    selector: &ResourceFieldSelector,
) -> Result<String, String> {
    let container = match selector.container_name.as_deref().filter(|n| !n.is_empty()) {
        None => own.ok_or_else(|| "resourceFieldRef in a volume needs containerName".to_owned())?,
        Some(name) => {
            let spec = pod.spec.as_ref();
            let inits = spec
                .and_then(|s| s.init_containers.as_deref())
                .unwrap_or_default();
            spec.iter()
                .flat_map(|s| &s.containers)
                .chain(inits)
                .find(|c| c.name == name)
                .ok_or_else(|| {
                    format!("resourceFieldRef names container {name}, which the Pod does not have")
                })?
        }
    };
    let resources = container.resources.as_ref();
    let (side, name) = selector.resource.split_once('.').ok_or_else(|| {
        format!(
            "resourceFieldRef resource {} is not one this node knows",
            selector.resource
        )
    })?;
    let table = match side {
        "limits" => resources.and_then(|r| r.limits.as_ref()),
        "requests" => resources.and_then(|r| r.requests.as_ref()),
        _ => {
            return Err(format!(
                "resourceFieldRef resource {} is not one this node knows",
                selector.resource
            ));
        }
    };
    let given = table
        .and_then(|t| t.get(name))
        .and_then(|q| quantity::milli(&q.0));
    // A missing limit means all the machine has; a missing request means nothing.
    let capacity = match (side, name) {
        ("limits", "cpu") => facts.cpu_milli,
        ("limits", "memory") => facts.memory_bytes * 1000,
        _ => 0,
    };
    let divisor = selector
        .divisor
        .as_ref()
        .and_then(|d| quantity::milli(&d.0))
        .unwrap_or(1000);
    Ok(quantity::in_units(given.unwrap_or(capacity), divisor))
}
