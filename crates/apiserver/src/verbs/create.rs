//! POST of an object.

use bytes::Bytes;

use super::Answer;
use super::insert::{Tracking, insert};
use crate::call::Call;
use crate::error::ApiError;
use crate::{conform, media, present, refusal};

/// Creates what the body holds.
pub(crate) async fn create(call: &mut Call, body: &Bytes) -> Result<Answer, ApiError> {
    if call.kind.namespaced && call.namespace.is_empty() {
        return Err(refusal::method_not_allowed());
    }
    let options = call.write_options("CreateOptions")?;
    let mut value = media::read(&call.headers, body)?;
    conform::type_meta(&call.kind, &mut value)?;
    let (api, kind) = (call.api.clone(), call.kind.clone());
    let object = insert(
        &api,
        &kind,
        &call.namespace,
        value,
        &options,
        Tracking::Update,
        &mut call.warnings,
    )
    .await?;
    Ok(Answer::created(present::one(&kind, call.look(), &object)))
}
