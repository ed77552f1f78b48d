//! One change of one object, as watchers see it.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;

use super::object::{Key, Object};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

impl Change {
    /// The word watch events use.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One committed write.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) resource: Arc<str>,
    pub(crate) key: Key,
    pub(crate) change: Change,
    /// The new object; for a deletion the last one, stamped with the deletion's revision.
    pub(crate) object: Arc<Object>,
    /// What was there before, for selectors and for undoing.
    pub(crate) previous: Option<Arc<Object>>,
    /// When it was published, so that the window can forget by age.
    pub(crate) at: Instant,
    line: OnceLock<(Box<str>, Bytes)>,
}

impl Event {
    pub(super) fn new(
        resource: Arc<str>,
        key: Key,
        change: Change,
        object: Arc<Object>,
        previous: Option<Arc<Object>>,
    ) -> Self {
        let revision = object.revision;
        Self {
            revision,
            resource,
            key,
            change,
            object,
            previous,
            at: Instant::now(),
            line: OnceLock::new(),
        }
    }

    /// The JSON watch line of the event in one version of its kind, made once for all watchers of that version.
    pub(crate) fn line(&self, kind: &str, api_version: &str) -> Bytes {
        let make = || watch_line(self.change.as_str(), kind, api_version, self.object.body());
        let (version, line) = self.line.get_or_init(|| (api_version.into(), make()));
        if &**version == api_version {
            line.clone()
        } else {
            make()
        }
    }
}

/// One line of a watch stream.
pub(crate) fn watch_line(change: &str, kind: &str, api_version: &str, body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(body.len() + 96);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(change.as_bytes());
    out.extend_from_slice(b"\",\"object\":{\"kind\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"apiVersion\":\"");
    out.extend_from_slice(api_version.as_bytes());
    out.extend_from_slice(b"\",");
    out.extend_from_slice(body);
    out.extend_from_slice(b"}}\n");
    Bytes::from(out)
}
