//! PATCH in its four dialects.

use bytes::Bytes;
use serde_json::Value;

use super::Answer;
use super::apply::apply;
use super::modify::{Made, Sub, Target, modify};
use crate::apply::strategic_shape;
use crate::call::Call;
use crate::error::ApiError;
use crate::kind::Kind;
use crate::patch as dialects;
use crate::{media, present, refusal};

/// How the body is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl Dialect {
    /// Reads the content type; strategic merge needs the schema of a builtin kind.
    pub(crate) fn of(content_type: &str, kind: &Kind) -> Result<Self, ApiError> {
        match content_type {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" if !kind.custom => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ if kind.custom => Err(refusal::unsupported_media_type(&[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/apply-patch+yaml",
            ])),
            _ => Err(refusal::unsupported_media_type(&[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/strategic-merge-patch+json",
                "application/apply-patch+yaml",
            ])),
        }
    }

    /// Reads the body of a patch.
    pub(crate) fn read(self, body: &Bytes) -> Result<Value, ApiError> {
        if self == Self::Apply {
            media::yaml(body)
        } else {
            media::json(body)
        }
    }

    /// Applies a patch of this dialect; not for apply, which needs the fields' owners.
    pub(crate) fn run(self, kind: &Kind, object: &mut Value, patch: &Value) -> Result<(), ApiError> {
        match self {
            Self::Json => dialects::json_patch(object, patch),
            Self::Strategic => {
                dialects::strategic_merge(object, patch, &strategic_shape(&kind.group, &kind.kind))
            }
            Self::Merge | Self::Apply if !patch.is_object() => {
                Err(refusal::bad_request("a merge patch must be a JSON object"))
            }
            Self::Merge | Self::Apply => {
                dialects::merge_patch(object, patch);
                Ok(())
            }
        }
    }
}

/// Patches the object, or its status.
pub(crate) async fn patch(call: &mut Call, body: &Bytes, sub: Sub) -> Result<Answer, ApiError> {
    let dialect = Dialect::of(&media::content_type(&call.headers), &call.kind)?;
    let patch = dialect.read(body)?;
    if dialect == Dialect::Apply {
        return apply(call, patch, sub).await;
    }
    if call.query.flag("force") {
        let reason = "FieldValueForbidden";
        let message = "Forbidden: may not be specified for non-apply patch".into();
        let cause = crate::error::Cause {
            reason,
            field: "force".into(),
            message,
        };
        return Err(refusal::bad_options("PatchOptions", vec![cause]));
    }
    let options = call.write_options("PatchOptions")?;
    let (api, kind) = (call.api.clone(), call.kind.clone());
    let target = Target {
        kind: &kind,
        namespace: &call.namespace,
        name: &call.name,
        sub,
    };
    let object = modify(&api, target, &options, &mut call.warnings, |old, _| {
        let mut value = old.clone();
        dialect.run(&kind, &mut value, &patch)?;
        Ok(Made {
            value,
            tracked: false,
            needs_revision: false,
        })
    })
    .await?;
    Ok(Answer::ok(present::one(&kind, call.look(), &object)))
}
