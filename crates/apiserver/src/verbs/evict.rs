//! `pods/eviction` and `pods/binding`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Answer;
use super::delete::{DeleteOptions, delete_object};
use super::modify::{Made, Sub, Target, modify};
use crate::call::Call;
use crate::error::ApiError;
use crate::{media, meta, refusal};

fn success(code: u16) -> Answer {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code});
    Answer::json(code, &status)
}

/// Deletes a Pod on behalf of someone who drains a node. There are no disruption budgets here to ask.
pub(crate) async fn evict(call: &mut Call, body: &Bytes) -> Result<Answer, ApiError> {
    let eviction = media::read(&call.headers, body)?;
    let options = DeleteOptions {
        grace: eviction["deleteOptions"]["gracePeriodSeconds"].as_i64(),
        uid: eviction["deleteOptions"]["preconditions"]["uid"]
            .as_str()
            .map(str::to_owned),
        dry_run: call.write_options("CreateOptions")?.dry_run,
        ..DeleteOptions::default()
    };
    let (api, kind) = (call.api.clone(), call.kind.clone());
    delete_object(&api, &kind, &call.namespace, &call.name, &options).await?;
    Ok(success(201))
}

/// Binds a Pod to a node, once.
pub(crate) async fn bind(call: &mut Call, body: &Bytes) -> Result<Answer, ApiError> {
    let binding = media::read(&call.headers, body)?;
    let Some(node) = binding["target"]["name"]
        .as_str()
        .filter(|node| !node.is_empty())
        .map(str::to_owned)
    else {
        return Err(refusal::bad_request(
            "a Binding must name the node in target.name",
        ));
    };
    let options = call.write_options("CreateOptions")?;
    let (api, kind) = (call.api.clone(), call.kind.clone());
    let target = Target {
        kind: &kind,
        namespace: &call.namespace,
        name: &call.name,
        sub: Sub::Main,
    };
    modify(&api, target, &options, &mut call.warnings, |old, _| {
        if let Some(bound) = old["spec"]["nodeName"].as_str().filter(|bound| !bound.is_empty()) {
            let why = format!("pod {} is already assigned to node \"{bound}\"", call.name);
            return Err(refusal::conflict(&kind, &call.name, &why));
        }
        if meta::is_deleting(old) {
            let why = format!("pod {} is being deleted, cannot be assigned to a host", call.name);
            return Err(refusal::conflict(&kind, &call.name, &why));
        }
        let mut value = old.clone();
        value["spec"]["nodeName"] = json!(node);
        Ok(Made {
            value,
            tracked: false,
            needs_revision: false,
        })
    })
    .await?;
    let bound: Value = json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": meta::now()});
    let target = Target {
        sub: Sub::Status,
        ..target
    };
    modify(&api, target, &options, &mut call.warnings, |old, _| {
        let mut value = old.clone();
        let conditions = value["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let others = conditions
            .into_iter()
            .filter(|condition| condition["type"] != "PodScheduled");
        value["status"]["conditions"] = others.chain([bound.clone()]).collect();
        Ok(Made {
            value,
            tracked: false,
            needs_revision: false,
        })
    })
    .await?;
    Ok(success(201))
}
