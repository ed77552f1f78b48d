//! PUT.

use bytes::Bytes;

use super::Answer;
use super::modify::{Made, Sub, Target, check_name, modify};
use crate::call::Call;
use crate::error::ApiError;
use crate::{conform, media, meta, present, refusal};

/// Replaces the object, or its status.
pub(crate) async fn update(call: &mut Call, body: &Bytes, sub: Sub) -> Result<Answer, ApiError> {
    let options = call.write_options("UpdateOptions")?;
    let mut value = media::read(&call.headers, body)?;
    conform::type_meta(&call.kind, &mut value)?;
    if meta::name(&value).is_empty() {
        return Err(refusal::bad_request(
            "the name of the object must be set in metadata.name for an update",
        ));
    }
    check_name(&value, &call.name)?;
    let (api, kind) = (call.api.clone(), call.kind.clone());
    let target = Target {
        kind: &kind,
        namespace: &call.namespace,
        name: &call.name,
        sub,
    };
    let object = modify(&api, target, &options, &mut call.warnings, |_, _| {
        Ok(Made {
            value: value.clone(),
            tracked: false,
            needs_revision: kind.custom,
        })
    })
    .await?;
    Ok(Answer::ok(present::one(&kind, call.look(), &object)))
}
