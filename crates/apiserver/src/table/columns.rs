//! Columns of builtin kinds, as `kubectl get` shows them.

mod pod;
mod workload;

use jiff::Timestamp;
use serde_json::Value;

pub(crate) use self::pod::pod;
pub(crate) use self::workload::{claim, deployment, endpoints, node, replica_set, service, volume};
use super::age;
use crate::kind::{Cell, Column};

type Compute = fn(&Value, Timestamp) -> Value;

/// A text column that is always shown.
fn text(name: &str, cell: Compute) -> Column {
    column(name, "string", 0, cell)
}

/// A text column of the wide form.
fn wide(name: &str, cell: Compute) -> Column {
    column(name, "string", 1, cell)
}

fn column(name: &str, kind: &str, priority: i32, cell: Compute) -> Column {
    Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: String::new(),
        description: name.to_owned(),
        priority,
        cell: Cell::Computed(cell),
    }
}

/// The first column of every table.
pub(crate) fn name() -> Column {
    let cell: Compute = |v, _| at(v, "/metadata/name");
    Column {
        format: "name".to_owned(),
        description: "Name must be unique within a namespace.".to_owned(),
        ..column("Name", "string", 0, cell)
    }
}

/// Time since creation.
fn age() -> Column {
    text("Age", |v, now| {
        age::since(v.pointer("/metadata/creationTimestamp"), now).into()
    })
}

/// Name and age.
pub(crate) fn plain() -> Vec<Column> {
    vec![
        name(),
        Column {
            kind: "date".into(),
            ..age()
        },
    ]
}

pub(crate) fn namespace() -> Vec<Column> {
    vec![name(), text("Status", |v, _| at(v, "/status/phase")), age()]
}

pub(crate) fn config_map() -> Vec<Column> {
    let count: Compute = |v, _| (size(v.get("data")) + size(v.get("binaryData"))).into();
    vec![name(), column("Data", "integer", 0, count), age()]
}

pub(crate) fn secret() -> Vec<Column> {
    let count: Compute = |v, _| size(v.get("data")).into();
    vec![
        name(),
        text("Type", |v, _| at(v, "/type")),
        column("Data", "integer", 0, count),
        age(),
    ]
}

pub(crate) fn service_account() -> Vec<Column> {
    let count: Compute = |v, _| size(v.get("secrets")).into();
    vec![name(), column("Secrets", "integer", 0, count), age()]
}

pub(crate) fn lease() -> Vec<Column> {
    vec![
        name(),
        text("Holder", |v, _| at(v, "/spec/holderIdentity")),
        age(),
    ]
}

pub(crate) fn crd() -> Vec<Column> {
    vec![
        name(),
        text("Created At", |v, _| at(v, "/metadata/creationTimestamp")),
    ]
}

pub(crate) fn network_policy() -> Vec<Column> {
    vec![
        name(),
        text("Pod-Selector", |v, _| selector(v.pointer("/spec/podSelector"))),
        age(),
    ]
}

pub(crate) fn role() -> Vec<Column> {
    vec![
        name(),
        text("Created At", |v, _| at(v, "/metadata/creationTimestamp")),
    ]
}

pub(crate) fn role_binding() -> Vec<Column> {
    vec![
        name(),
        text("Role", |v, _| {
            format!("{}/{}", string(v, "/roleRef/kind"), string(v, "/roleRef/name")).into()
        }),
        age(),
        wide("Users", |v, _| subjects_of(v, "User")),
        wide("Groups", |v, _| subjects_of(v, "Group")),
        wide("ServiceAccounts", |v, _| subjects_of(v, "ServiceAccount")),
    ]
}

fn subjects_of(binding: &Value, kind: &str) -> Value {
    let names: Vec<String> = list(binding.get("subjects"))
        .filter(|s| string(s, "/kind") == kind)
        .map(|s| match kind {
            "ServiceAccount" => format!("{}/{}", string(s, "/namespace"), string(s, "/name")),
            _ => string(s, "/name").to_owned(),
        })
        .collect();
    names.join(", ").into()
}

pub(crate) fn event() -> Vec<Column> {
    event_columns()
}

/// The same columns: each cell reads whichever of the two spellings an event has.
pub(crate) fn regarding_event() -> Vec<Column> {
    event_columns()
}

fn event_columns() -> Vec<Column> {
    vec![
        text("Last Seen", |v, now| last_seen(v, now).into()),
        text("Type", |v, _| at(v, "/type")),
        text("Reason", |v, _| at(v, "/reason")),
        text("Object", |v, _| event_object(v).into()),
        wide("Subobject", |v, _| event_member(v, "/fieldPath").into()),
        wide("Source", |v, _| event_source(v).into()),
        text("Message", |v, _| first(v, &["/message", "/note"]).trim().into()),
        wide("First Seen", |v, now| first_seen(v, now).into()),
        wide("Count", |v, _| event_count(v).to_string().into()),
        Column {
            priority: 1,
            ..name()
        },
    ]
}

fn event_member(event: &Value, member: &str) -> String {
    let of = event.get("involvedObject").or_else(|| event.get("regarding"));
    of.map(|o| string(o, member).to_owned()).unwrap_or_default()
}

fn event_object(event: &Value) -> String {
    format!(
        "{}/{}",
        event_member(event, "/kind").to_lowercase(),
        event_member(event, "/name")
    )
}

fn event_source(event: &Value) -> String {
    let component = first(
        event,
        &[
            "/source/component",
            "/deprecatedSource/component",
            "/reportingComponent",
            "/reportingController",
        ],
    );
    let host = first(event, &["/source/host", "/deprecatedSource/host"]);
    if host.is_empty() {
        component.to_owned()
    } else {
        format!("{component}, {host}")
    }
}

fn event_count(event: &Value) -> i64 {
    let count = ["/series/count", "/count", "/deprecatedCount"]
        .iter()
        .find_map(|p| event.pointer(p)?.as_i64());
    count.unwrap_or(1)
}

fn last_seen(event: &Value, now: Timestamp) -> String {
    let paths = [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/deprecatedLastTimestamp",
        "/eventTime",
        "/metadata/creationTimestamp",
    ];
    age::since(
        paths
            .iter()
            .find_map(|p| event.pointer(p).filter(|v| v.is_string())),
        now,
    )
}

fn first_seen(event: &Value, now: Timestamp) -> String {
    let paths = [
        "/firstTimestamp",
        "/deprecatedFirstTimestamp",
        "/eventTime",
        "/metadata/creationTimestamp",
    ];
    age::since(
        paths
            .iter()
            .find_map(|p| event.pointer(p).filter(|v| v.is_string())),
        now,
    )
}

/// The value at a pointer as text, null if there is none.
fn at(value: &Value, pointer: &str) -> Value {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.as_str().into(),
        _ => Value::String(String::new()),
    }
}

fn string<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The first of several texts that is not empty.
fn first<'v>(value: &'v Value, pointers: &[&str]) -> &'v str {
    pointers
        .iter()
        .map(|p| string(value, p))
        .find(|t| !t.is_empty())
        .unwrap_or_default()
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// How many entries a map or list has.
fn size(value: Option<&Value>) -> usize {
    match value {
        Some(Value::Object(fields)) => fields.len(),
        Some(Value::Array(items)) => items.len(),
        _ => 0,
    }
}

/// Text that stands for something that is not there.
fn or_none(text: String) -> Value {
    if text.is_empty() {
        "<none>".into()
    } else {
        text.into()
    }
}

/// A label selector in one line.
fn selector(value: Option<&Value>) -> Value {
    let text = value
        .map(crate::selectors::LabelSelector::from_object)
        .and_then(Result::ok)
        .map(|s| s.to_string())
        .unwrap_or_default();
    or_none(text)
}
