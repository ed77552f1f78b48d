//! `/scale`: the number of replicas, without the rest of the object.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Answer;
use super::modify::{Made, Sub, Target, modify};
use super::patch::Dialect;
use crate::call::Call;
use crate::error::{ApiError, Cause};
use crate::kind::{Kind, ScalePaths};
use crate::{media, meta, refusal};

/// GET, PUT and PATCH of `autoscaling/v1` Scale.
pub(crate) async fn scale(call: &mut Call, method: &http::Method, body: &Bytes) -> Result<Answer, ApiError> {
    let (api, kind) = (call.api.clone(), call.kind.clone());
    let Some(paths) = kind.subresources.scale.clone() else {
        return Err(refusal::no_such_path());
    };
    if *method == http::Method::GET {
        let object = api.get(&kind, &call.namespace, &call.name)?;
        return Ok(Answer::json(200, &shown(&object.value, &paths)));
    }
    let options = call.write_options("UpdateOptions")?;
    let dialect = match *method {
        http::Method::PUT => None,
        http::Method::PATCH => Some(Dialect::of(&media::content_type(&call.headers), &kind)?),
        _ => return Err(refusal::method_not_allowed()),
    };
    let given = match dialect {
        None => media::read(&call.headers, body)?,
        Some(dialect) => dialect.read(body)?,
    };
    let target = Target {
        kind: &kind,
        namespace: &call.namespace,
        name: &call.name,
        sub: Sub::Scale,
    };
    let object = modify(&api, target, &options, &mut call.warnings, |old, _| {
        let wanted = match dialect {
            None => given.clone(),
            Some(Dialect::Json) => {
                let mut scale = shown(old, &paths);
                crate::patch::json_patch(&mut scale, &given)?;
                scale
            }
            Some(_) => {
                let mut scale = shown(old, &paths);
                crate::patch::merge_patch(&mut scale, &given);
                scale
            }
        };
        let mut value = old.clone();
        let replicas = replicas(&kind, &call.name, &wanted)?;
        set_at(&mut value, &paths.spec, json!(replicas));
        for field in ["resourceVersion", "uid"] {
            if !meta::text(&wanted, field).is_empty() {
                meta::set(&mut value, field, meta::text(&wanted, field));
            }
        }
        Ok(Made {
            value,
            tracked: false,
            needs_revision: false,
        })
    })
    .await?;
    Ok(Answer::json(200, &shown(&object.value, &paths)))
}

fn replicas(kind: &Kind, name: &str, scale: &Value) -> Result<i64, ApiError> {
    let replicas = match scale["spec"].get("replicas") {
        None => 0,
        Some(replicas) => replicas.as_i64().ok_or_else(|| {
            refusal::bad_request(format!("spec.replicas must be a whole number and is {replicas}"))
        })?,
    };
    if (0..=i64::from(i32::MAX)).contains(&replicas) {
        return Ok(replicas);
    }
    let text = format!("Invalid value: {replicas}: must be greater than or equal to 0");
    Err(refusal::invalid(
        kind,
        name,
        vec![Cause::invalid("spec.replicas", text)],
    ))
}

/// The Scale of an object.
fn shown(object: &Value, paths: &ScalePaths) -> Value {
    let mut metadata = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if !meta::text(object, field).is_empty() {
            metadata.insert(field.into(), meta::text(object, field).into());
        }
    }
    let number = |path: &str| at(object, path).and_then(Value::as_i64).unwrap_or(0);
    let mut status = json!({"replicas": number(&paths.status)});
    let selector = paths
        .selector
        .as_deref()
        .and_then(|path| at(object, path))
        .map(selector_text)
        .unwrap_or_default();
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": number(&paths.spec)}, "status": status,
    })
}

/// A selector as the text `/scale` shows: CRDs hold the text already, workloads hold a LabelSelector.
fn selector_text(selector: &Value) -> String {
    if let Some(text) = selector.as_str() {
        return text.into();
    }
    let labels = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let mut parts: Vec<String> = labels
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    for rule in selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let key = rule["key"].as_str().unwrap_or_default();
        let values: Vec<&str> = rule["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        parts.push(match rule["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.sort();
    parts.join(",")
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.trim_start_matches('.')
        .split('.')
        .try_fold(object, |value, field| value.get(field))
}

fn set_at(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for field in path.trim_start_matches('.').split('.') {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[field];
    }
    *place = value;
}
