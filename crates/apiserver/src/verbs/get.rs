//! GET of one object.

use super::Answer;
use crate::call::Call;
use crate::error::ApiError;
use crate::{present, refusal};

/// The object as it is now. A `resourceVersion` in the query may be older than now, not newer.
pub(crate) fn get(call: &Call) -> Result<Answer, ApiError> {
    if let Some(asked) = call.query.get("resourceVersion") {
        let asked: u64 = asked
            .parse()
            .map_err(|_| refusal::bad_request(format!("resourceVersion \"{asked}\" is no number")))?;
        let current = call.api.store.revision();
        if asked > current {
            return Err(refusal::too_large(asked, current));
        }
    }
    let object = call.api.get(&call.kind, &call.namespace, &call.name)?;
    Ok(Answer::ok(present::one(&call.kind, call.look(), &object)))
}
