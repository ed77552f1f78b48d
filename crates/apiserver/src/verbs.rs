//! What can be done to a resource.

mod apply;
mod create;
mod delete;
mod evict;
mod get;
mod insert;
mod list;
mod modify;
mod patch;
mod scale;
mod selection;
mod update;
mod watch;

use bytes::Bytes;
use serde_json::Value;

pub(crate) use create::create;
pub(crate) use delete::{DeleteOptions, Propagation, delete, delete_collection, delete_object};
pub(crate) use evict::{bind, evict};
pub(crate) use get::get;
pub(crate) use insert::{Tracking, insert};
pub(crate) use list::list;
pub(crate) use modify::{Sub, is_finished};
pub(crate) use patch::patch;
pub(crate) use scale::scale;
pub(crate) use update::update;
pub(crate) use watch::watch;

/// A finished answer: HTTP code and JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self {
            code: 200,
            body: body.into(),
        }
    }

    pub(crate) fn created(body: impl Into<Bytes>) -> Self {
        Self {
            code: 201,
            body: body.into(),
        }
    }

    pub(crate) fn json(code: u16, value: &Value) -> Self {
        Self {
            code,
            body: value.to_string().into(),
        }
    }
}
