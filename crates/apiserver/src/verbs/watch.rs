//! Watches: a stream of JSON lines that begins where a list ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::selection::Selection;
use crate::call::Call;
use crate::error::{ApiError, Cause};
use crate::media::Form;
use crate::present;
use crate::refusal;
use crate::registry::storage_of;
use crate::store::{Change, Event, Gone, Object, Watch, watch_line};

/// A bookmark tells idle watchers how far they are, so that they can resume there.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long a watch lasts when the client does not say; a real server chooses between 30 and 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);

/// Answers a watch request: refusals now, later trouble as an ERROR event.
pub(crate) fn watch(call: Call) -> Result<Response, ApiError> {
    let selection = Selection::of(&call)?;
    let start = Start::of(&call)?;
    let storage = storage_of(&call.kind);
    let timeout = call
        .query
        .number("timeoutSeconds")
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs);
    let bookmarks = call.query.flag("allowWatchBookmarks") || matches!(start, Start::StateThenMark);
    let mut pending = VecDeque::new();
    let mut pump = Pump {
        watch: call.api.store.watch(&storage, 0),
        selection,
        columns_sent: false,
        deadline: Instant::now() + timeout.unwrap_or(DEFAULT_TIMEOUT),
        bookmark: bookmarks.then(|| Instant::now() + BOOKMARK_EVERY),
        last_bookmark: 0,
        over: false,
        call,
    };
    match start {
        Start::After(revision) => {
            pump.watch = pump.call.api.store.watch(&storage, revision);
            if !pump.watch.is_possible() {
                pending.push_back(pump.gone(revision));
            }
        }
        Start::State | Start::StateThenMark => {
            let snapshot = pump.call.api.store.list(&storage, pump.call.scope());
            pump.watch = pump.call.api.store.watch(&storage, snapshot.revision);
            for (_, object) in &snapshot.objects {
                if pump.selection.matches(&pump.call, object) {
                    pending.push_back(pump.line(Change::Added, object));
                }
            }
            if matches!(start, Start::StateThenMark) {
                pending.push_back(pump.mark(snapshot.revision, true));
            }
        }
    }
    let body = stream::unfold((pump, pending), |(mut pump, mut pending)| async move {
        loop {
            if let Some(line) = pending.pop_front() {
                return Some((Ok::<_, std::convert::Infallible>(line), (pump, pending)));
            }
            if pump.over {
                return None;
            }
            pump.wait(&mut pending).await;
        }
    });
    let mut response = Response::new(Body::from_stream(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Where a watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// After a revision the client has seen.
    After(u64),
    /// With everything there is, as ADDED events.
    State,
    /// With everything there is, then the bookmark that says it was everything (watch-list).
    StateThenMark,
}

impl Start {
    fn of(call: &Call) -> Result<Self, ApiError> {
        let asked = call.query.get("resourceVersion");
        let revision: u64 = match asked {
            None => 0,
            Some(asked) => asked.parse().map_err(|_| {
                let text = format!(
                    "Invalid value: \"{asked}\": strconv.ParseUint: parsing \"{asked}\": invalid syntax"
                );
                refusal::bad_options("ListOptions", vec![Cause::invalid("resourceVersion", text)])
            })?,
        };
        let matching = call.query.get("resourceVersionMatch");
        let initial = call
            .query
            .get("sendInitialEvents")
            .map(|_| call.query.flag("sendInitialEvents"));
        let refuse = |field: &str, text: &str| {
            let reason = "FieldValueForbidden";
            let cause = Cause {
                reason,
                field: field.into(),
                message: format!("Forbidden: {text}"),
            };
            Err(refusal::bad_options("ListOptions", vec![cause]))
        };
        match (initial, matching) {
            (None, Some(_)) => {
                return refuse(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                );
            }
            (Some(_), None) => {
                return refuse(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                );
            }
            (Some(_), Some(other)) if other != "NotOlderThan" => {
                return refuse(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                );
            }
            _ => {}
        }
        let current = call.api.store.revision();
        if revision > current && initial == Some(true) {
            return Err(refusal::too_large(revision, current));
        }
        Ok(match initial {
            Some(true) if call.query.flag("allowWatchBookmarks") => Self::StateThenMark,
            Some(true) => Self::State,
            Some(false) if revision == 0 => Self::After(current),
            None if revision == 0 => Self::State,
            _ => Self::After(revision),
        })
    }
}

/// What a running watch needs.
struct Pump {
    call: Call,
    watch: Watch,
    selection: Selection,
    /// The Table form names its columns in the first event only.
    columns_sent: bool,
    deadline: Instant,
    bookmark: Option<Instant>,
    last_bookmark: u64,
    over: bool,
}

impl Pump {
    /// Waits for the next thing to say and says it.
    async fn wait(&mut self, pending: &mut VecDeque<Bytes>) {
        let bookmark = self.bookmark.unwrap_or(self.deadline);
        let api = self.call.api.clone();
        tokio::select! {
            biased;
            () = api.stop.cancelled() => self.over = true,
            batch = self.watch.next() => match batch {
                Ok(events) => {
                    for event in events {
                        if let Some(line) = self.shown(&event) {
                            pending.push_back(line);
                        }
                    }
                }
                Err(Gone) => {
                    let line = self.gone(self.watch.cursor());
                    pending.push_back(line);
                }
            },
            () = tokio::time::sleep_until(self.deadline.min(bookmark)) => {
                self.over = Instant::now() >= self.deadline;
                if let Some(at) = &mut self.bookmark {
                    *at = Instant::now() + BOOKMARK_EVERY;
                    let cursor = self.watch.cursor();
                    if cursor > self.last_bookmark || self.over {
                        self.last_bookmark = cursor;
                        let line = self.mark(cursor, false);
                        pending.push_back(line);
                    }
                }
            }
        }
    }

    /// The line for an event; none when it is not about what this watch selects.
    fn shown(&mut self, event: &Event) -> Option<Bytes> {
        if self
            .call
            .scope()
            .is_some_and(|namespace| namespace != &*event.key.namespace)
        {
            return None;
        }
        let kind = &self.call.kind;
        let is_plain = self.call.form == Form::Plain && kind.group != "events.k8s.io";
        let matches = |object: &Arc<Object>| self.selection.matches(&self.call, object);
        let now = event.change != Change::Deleted && matches(&event.object);
        let before = event.previous.as_ref().is_some_and(matches);
        let change = match (before, now) {
            (false, false) => return None,
            (false, true) => Change::Added,
            (true, true) => Change::Modified,
            (true, false) => Change::Deleted,
        };
        if change == event.change && is_plain {
            // Every watcher that sees this event unchanged gets the same bytes.
            return Some(event.line(&kind.kind, &kind.api_version()));
        }
        if change == Change::Deleted
            && event.change != Change::Deleted
            && let Some(previous) = &event.previous
        {
            // It left the selection: the watcher is told the last state it knew, at the new revision.
            let left = Object::new(previous.value.clone(), event.revision);
            return Some(self.line(change, &left));
        }
        Some(self.line(change, &event.object))
    }

    /// A line about an object, in the form the client asked for.
    fn line(&mut self, change: Change, object: &Object) -> Bytes {
        let kind = self.call.kind.clone();
        let shown = match self.call.form {
            Form::Plain if kind.group == "events.k8s.io" => present::value(&kind, object).into_owned(),
            Form::Plain => {
                return watch_line(change.as_str(), &kind.kind, &kind.api_version(), object.body());
            }
            Form::Metadata => present::partial(&object.value),
            Form::Table => {
                let value = present::value(&kind, object);
                let mut table = present::table(&kind, self.call.look().include, &[value.as_ref()]);
                table["metadata"] = json!({"resourceVersion": object.revision.to_string()});
                if self.columns_sent {
                    table["columnDefinitions"] = Value::Null;
                }
                self.columns_sent = true;
                table
            }
        };
        line(change.as_str(), &shown)
    }

    /// A bookmark: how far this watch is.
    fn mark(&mut self, revision: u64, initial_end: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let shown = match self.call.form {
            Form::Plain => json!({
                "kind": self.call.kind.kind, "apiVersion": self.call.kind.api_version(), "metadata": metadata,
            }),
            Form::Metadata => json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            }),
            Form::Table => {
                let mut table = present::table(&self.call.kind, self.call.look().include, &[]);
                table["metadata"] = json!({"resourceVersion": revision.to_string()});
                let row = json!({
                    "cells": [],
                    "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata},
                });
                table["rows"] = json!([row]);
                table["columnDefinitions"] = Value::Null;
                table
            }
        };
        line("BOOKMARK", &shown)
    }

    /// The ERROR event that ends a watch whose past is no longer kept.
    fn gone(&mut self, revision: u64) -> Bytes {
        self.over = true;
        line(
            "ERROR",
            &refusal::too_old(revision, self.call.api.store.revision()).to_status(),
        )
    }
}

fn line(change: &str, object: &Value) -> Bytes {
    let mut text = json!({"type": change, "object": object}).to_string();
    text.push('\n');
    text.into()
}
