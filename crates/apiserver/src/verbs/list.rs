//! Lists: consistent at one revision, in pages if asked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Answer;
use super::selection::Selection;
use crate::call::Call;
use crate::error::{ApiError, Cause};
use crate::present::{self, ListMeta};
use crate::refusal;
use crate::registry::storage_of;
use crate::store::{Key, Snapshot};

/// GET of a collection.
pub(crate) fn list(call: &Call) -> Result<Answer, ApiError> {
    let selection = Selection::of(call)?;
    let limit: usize = match call.query.get("limit") {
        None => 0,
        Some(limit) => limit
            .parse()
            .map_err(|_| refusal::bad_request(format!("limit \"{limit}\" is no number")))?,
    };
    let page = call.query.get("continue").map(Page::decode).transpose()?;
    let snapshot = snapshot(call, limit, page.as_ref())?;
    let start = page
        .as_ref()
        .map(|page| Key::new(page.namespace.as_str(), page.name.as_str()));

    let mut items = Vec::new();
    let mut rest = 0;
    for (key, object) in &snapshot.objects {
        if start.as_ref().is_some_and(|start| key <= start) {
            continue;
        }
        if limit > 0 && items.len() == limit {
            // With a selector the number left is not told, so one more match is all there is to know.
            if selection.is_everything() {
                rest += 1;
            } else if selection.matches(call, object) {
                rest = 1;
                break;
            }
        } else if selection.matches(call, object) {
            items.push((key.clone(), object.clone()));
        }
    }
    let mut meta = ListMeta {
        revision: snapshot.revision,
        ..ListMeta::default()
    };
    if rest > 0
        && let Some((key, _)) = items.last()
    {
        meta.next = Some(Page::encode(snapshot.revision, key));
        meta.remaining = selection.is_everything().then_some(rest);
    }
    Ok(Answer::ok(present::list(&call.kind, call.look(), &items, &meta)))
}

/// Chooses the revision to list at, after Kubernetes' table of `resourceVersion`, `resourceVersionMatch`,
/// `limit` and `continue`.
fn snapshot(call: &Call, limit: usize, page: Option<&Page>) -> Result<Snapshot, ApiError> {
    let storage = storage_of(&call.kind);
    let latest = || call.api.store.list(&storage, call.scope());
    let asked = call.query.get("resourceVersion");
    let matching = call.query.get("resourceVersionMatch");
    let refuse = |field: &str, text: &str| {
        let reason = "FieldValueForbidden";
        let cause = Cause {
            reason,
            field: field.into(),
            message: format!("Forbidden: {text}"),
        };
        Err(refusal::bad_options("ListOptions", vec![cause]))
    };
    if let Some(page) = page {
        if matching.is_some() {
            return refuse(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden when continue is provided",
            );
        }
        if asked.is_some_and(|asked| asked != "0") {
            return Err(refusal::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        let Some(revision) = page.revision else {
            return Ok(latest());
        };
        return call
            .api
            .store
            .list_at(&storage, call.scope(), revision)
            .map_err(|_| page.expired());
    }
    let Some(asked) = asked else {
        return match matching {
            Some(_) => refuse(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            ),
            None => Ok(latest()),
        };
    };
    let revision: u64 = asked
        .parse()
        .map_err(|_| refusal::bad_request(format!("resourceVersion \"{asked}\" is no number")))?;
    let exact = match matching {
        Some("Exact") if revision == 0 => {
            return refuse(
                "resourceVersionMatch",
                "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"",
            );
        }
        Some("Exact") => true,
        Some("NotOlderThan") => false,
        Some(_) => {
            let cause = crate::call::unsupported(
                "resourceVersionMatch",
                matching.unwrap_or_default(),
                "\"Exact\", \"NotOlderThan\"",
            );
            return Err(refusal::bad_options("ListOptions", vec![cause]));
        }
        None => limit > 0 && revision > 0,
    };
    let current = call.api.store.revision();
    if revision > current {
        return Err(refusal::too_large(revision, current));
    }
    if !exact {
        return Ok(latest());
    }
    let gone = |_| {
        refusal::expired(format!(
            "The resourceVersion for the provided list is too old: {revision}"
        ))
    };
    call.api
        .store
        .list_at(&storage, call.scope(), revision)
        .map_err(gone)
}

/// Where a page ended.
struct Page {
    /// None in the tokens that give up consistency to go on after an expiry.
    revision: Option<u64>,
    namespace: String,
    name: String,
}

impl Page {
    fn encode(revision: u64, last: &Key) -> String {
        let start = format!("{}/{}", last.namespace, last.name);
        let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start});
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    fn decode(token: &str) -> Result<Self, ApiError> {
        let broken =
            || refusal::bad_request("continue key is not valid: use the one of the previous page unchanged");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| broken())?;
        let token: Value = serde_json::from_slice(&bytes).map_err(|_| broken())?;
        let (namespace, name) = token
            .get("start")
            .and_then(Value::as_str)
            .and_then(|start| start.split_once('/'))
            .ok_or_else(broken)?;
        let revision = token.get("rv").and_then(Value::as_i64).ok_or_else(broken)?;
        Ok(Self {
            revision: u64::try_from(revision).ok(),
            namespace: namespace.into(),
            name: name.into(),
        })
    }

    /// 410, with a token by which a client may go on with an inconsistent list if it wants to.
    fn expired(&self) -> ApiError {
        let token =
            json!({"v": "meta.k8s.io/v1", "rv": -1, "start": format!("{}/{}", self.namespace, self.name)});
        ApiError {
            details: Some(json!({"continueToken": URL_SAFE_NO_PAD.encode(token.to_string())})),
            ..refusal::expired(
                "The provided continue parameter is too old to display a consistent list result. Start a new list \
                 without the continue parameter, or use the continue token of this response to go on with an \
                 inconsistent one.",
            )
        }
    }
}
