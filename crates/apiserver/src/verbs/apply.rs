//! Server-side apply: merge by ownership into what is there, or create what is not.

use serde_json::Value;

use super::Answer;
use super::insert::{Tracking, insert, place};
use super::modify::{Made, Sub, Target, check_name, modify};
use crate::apply::{self as ownership, ApplyOptions};
use crate::call::Call;
use crate::error::{ApiError, Cause};
use crate::kind::Kind;
use crate::{conform, meta, present, refusal};

/// Applies the configuration in the body on behalf of the field manager named in the query.
pub(crate) async fn apply(call: &mut Call, mut applied: Value, sub: Sub) -> Result<Answer, ApiError> {
    let options = call.write_options("PatchOptions")?;
    if call.query.get("fieldManager").is_none() {
        let cause = Cause::required("fieldManager", "Required value: is required for apply patch");
        return Err(refusal::bad_options("PatchOptions", vec![cause]));
    }
    let (api, kind) = (call.api.clone(), call.kind.clone());
    conform::type_meta(&kind, &mut applied)?;
    place(&kind, &call.namespace, &mut applied)?;
    if meta::name(&applied).is_empty() {
        meta::set(&mut applied, "name", call.name.as_str());
    }
    check_name(&applied, &call.name)?;
    conform::prune(&kind, &mut applied, options.validation, &mut call.warnings)?;
    reset(&kind, sub, &mut applied);
    let api_version = kind.api_version();
    let force = call.query.flag("force");
    let merge = |live: Option<&Value>| {
        let now = meta::now();
        let options = ApplyOptions {
            manager: &options.manager,
            force,
            subresource: sub.name(),
            api_version: &api_version,
            now: &now,
        };
        ownership::apply(live, &applied, &kind.shape, &options)
    };
    loop {
        if api.get(&kind, &call.namespace, &call.name).is_ok() {
            let target = Target {
                kind: &kind,
                namespace: &call.namespace,
                name: &call.name,
                sub,
            };
            let outcome = modify(&api, target, &options, &mut call.warnings, |old, _| {
                Ok(Made {
                    value: merge(Some(old))?,
                    tracked: true,
                    needs_revision: false,
                })
            })
            .await;
            match outcome {
                Ok(object) => return Ok(Answer::ok(present::one(&kind, call.look(), &object))),
                // It was there a moment ago and is gone now: apply creates it.
                Err(error) if error.reason == "NotFound" && sub == Sub::Main => {}
                Err(error) => return Err(error),
            }
        }
        if sub != Sub::Main {
            return Err(refusal::not_found(&kind, &call.name));
        }
        if !meta::uid(&applied).is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {}, and no existing object was found",
                meta::uid(&applied)
            );
            return Err(refusal::conflict(&kind, &call.name, &why));
        }
        if !meta::revision(&applied).is_empty() {
            return Err(refusal::not_found(&kind, &call.name));
        }
        let value = merge(None)?;
        match insert(
            &api,
            &kind,
            &call.namespace,
            value,
            &options,
            Tracking::Applied,
            &mut call.warnings,
        )
        .await
        {
            Ok(object) => return Ok(Answer::created(present::one(&kind, call.look(), &object))),
            // Someone else created it in between: apply merges into that.
            Err(error) if error.reason == "AlreadyExists" && !options.dry_run => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes from the configuration what this endpoint ignores, so that the manager does not come to own it.
fn reset(kind: &Kind, sub: Sub, applied: &mut Value) {
    let Some(fields) = applied.as_object_mut() else {
        return;
    };
    match sub {
        Sub::Status => {
            fields.retain(|field, _| matches!(field.as_str(), "apiVersion" | "kind" | "metadata" | "status"));
            if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.retain(|field, _| {
                    matches!(field.as_str(), "name" | "namespace" | "uid" | "resourceVersion")
                        || (!kind.custom && matches!(field.as_str(), "labels" | "annotations"))
                });
            }
        }
        Sub::Main if kind.subresources.status => {
            fields.remove("status");
        }
        _ => {}
    }
}
