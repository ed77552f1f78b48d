//! Label and field selectors of one request.

use serde_json::Value;

use crate::call::Call;
use crate::error::ApiError;
use crate::present;
use crate::selectors::{FieldSelector, LabelSelector};
use crate::store::Object;

/// Which objects a list, watch or collection deletion is about.
pub(crate) struct Selection {
    labels: Option<LabelSelector>,
    fields: Option<FieldSelector>,
    /// A name in the path of a watch selects that one object.
    name: Option<String>,
}

impl Selection {
    /// Reads both selectors of the query.
    pub(crate) fn of(call: &Call) -> Result<Self, ApiError> {
        let labels = call
            .query
            .get("labelSelector")
            .map(LabelSelector::parse)
            .transpose()?;
        let fields = call
            .query
            .get("fieldSelector")
            .map(FieldSelector::parse)
            .transpose()?;
        if let Some(fields) = &fields {
            fields.check(&call.kind)?;
        }
        let name = (!call.name.is_empty()).then(|| call.name.clone());
        Ok(Self { labels, fields, name })
    }

    /// True when nothing is filtered.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_none() && self.name.is_none()
    }

    /// Does the object, as its kind shows it, belong?
    pub(crate) fn matches(&self, call: &Call, object: &Object) -> bool {
        self.is_everything() || self.matches_value(&present::value(&call.kind, object))
    }

    fn matches_value(&self, object: &Value) -> bool {
        self.name
            .as_deref()
            .is_none_or(|name| name == crate::meta::name(object))
            && self.labels.as_ref().is_none_or(|labels| labels.matches(object))
            && self.fields.as_ref().is_none_or(|fields| fields.matches(object))
    }
}
