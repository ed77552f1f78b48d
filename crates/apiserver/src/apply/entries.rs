//! `metadata.managedFields`: who owns what.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fields::{FieldSet, FieldsError};

/// How many Update entries an object keeps.
const MAX_UPDATE_ENTRIES: usize = 10;

/// The manager under which old Update entries are summed up.
const ANCIENT: &str = "ancient-changes";

/// How a manager came by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// Server-side apply.
    Apply,
    /// Create, update and every other kind of patch.
    Update,
}

/// What tells two entries apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Writer {
    pub(crate) operation: Operation,
    pub(crate) manager: String,
    pub(crate) subresource: String,
    /// Empty for Apply: an applier has one entry, whatever version it speaks.
    update_version: String,
}

impl Writer {
    /// The writer of an apply request.
    pub(crate) fn applier(manager: &str, subresource: &str) -> Self {
        Self::new(Operation::Apply, manager, subresource, "")
    }

    /// The writer of any other request.
    pub(crate) fn updater(manager: &str, subresource: &str, api_version: &str) -> Self {
        Self::new(Operation::Update, manager, subresource, api_version)
    }

    fn new(operation: Operation, manager: &str, subresource: &str, api_version: &str) -> Self {
        let update_version = if operation == Operation::Update {
            api_version
        } else {
            ""
        };
        Self {
            operation,
            manager: manager.to_owned(),
            subresource: subresource.to_owned(),
            update_version: update_version.to_owned(),
        }
    }
}

/// What one writer owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) api_version: String,
    /// RFC 3339, in whole seconds and UTC, so that text order is time order. Absent in entries from elsewhere.
    pub(crate) time: Option<String>,
    pub(crate) fields: FieldSet,
}

/// All entries of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    pub(crate) by_writer: BTreeMap<Writer, Holding>,
}

/// `managedFields` that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntriesError {
    /// The list is no list.
    #[error("managedFields must be a list of objects")]
    NotAList,
    /// `operation` is neither `Apply` nor `Update`.
    #[error("managedFields holds the operation {0:?}; only Apply and Update exist")]
    Operation(String),
    /// A field set cannot be read.
    #[error("managedFields holds a field set that cannot be read: {0}")]
    Fields(#[from] FieldsError),
}

impl Entries {
    /// Reads `metadata.managedFields`.
    pub(crate) fn decode(list: &Value) -> Result<Self, EntriesError> {
        let mut entries = Self::default();
        for entry in list.as_array().ok_or(EntriesError::NotAList)? {
            let entry = entry.as_object().ok_or(EntriesError::NotAList)?;
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            let operation = match text("operation") {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                other => return Err(EntriesError::Operation(other.to_owned())),
            };
            let fields = entry.get("fieldsV1").filter(|f| !f.is_null());
            let fields = fields.map(FieldSet::decode).transpose()?.unwrap_or_default();
            let api_version = text("apiVersion").to_owned();
            let time = entry.get("time").and_then(Value::as_str).map(str::to_owned);
            let writer = Writer::new(operation, text("manager"), text("subresource"), &api_version);
            entries.give(
                writer,
                Holding {
                    api_version,
                    time,
                    fields,
                },
            );
        }
        entries.by_writer.retain(|_, holding| !holding.fields.is_empty());
        Ok(entries)
    }

    /// As `metadata.managedFields` holds them: appliers first, then by time.
    pub(crate) fn encode(&self) -> Value {
        let mut sorted: Vec<_> = self.by_writer.iter().collect();
        sorted.sort_by(|(a, held_a), (b, held_b)| {
            (a.operation, &held_a.time, *a).cmp(&(b.operation, &held_b.time, *b))
        });
        sorted
            .into_iter()
            .map(|(writer, holding)| encode_entry(writer, holding))
            .collect()
    }

    /// Adds to what a writer owns; version and time become the newer ones.
    pub(crate) fn give(&mut self, writer: Writer, more: Holding) {
        match self.by_writer.get_mut(&writer) {
            Some(holding) => {
                holding.fields.add(&more.fields);
                holding.api_version = more.api_version;
                holding.time = more.time.max(holding.time.take());
            }
            None => {
                self.by_writer.insert(writer, more);
            }
        }
    }

    /// Takes fields from every writer but one, and drops the writers that have nothing left.
    pub(crate) fn take_from_all_but(&mut self, kept: Option<&Writer>, fields: &FieldSet) {
        for (_, holding) in self
            .by_writer
            .iter_mut()
            .filter(|(writer, _)| Some(*writer) != kept)
        {
            holding.fields.remove(fields);
        }
        self.by_writer.retain(|_, holding| !holding.fields.is_empty());
    }

    /// Everything that somebody owns.
    pub(crate) fn all_fields(&self) -> FieldSet {
        let mut all = FieldSet::default();
        for holding in self.by_writer.values() {
            all.add(&holding.fields);
        }
        all
    }

    /// Sums up the oldest Update entries while there are more than ten, one sum per API version.
    pub(crate) fn cap_updates(&mut self) {
        let updates = || {
            self.by_writer
                .iter()
                .filter(|(writer, _)| writer.operation == Operation::Update)
        };
        let mut count = updates().count();
        if count <= MAX_UPDATE_ENTRIES {
            return;
        }
        let mut oldest: Vec<_> = updates()
            .filter(|(writer, _)| writer.manager != ANCIENT)
            .map(|(writer, holding)| (holding.time.clone(), writer.clone()))
            .collect();
        oldest.sort();
        for (_, writer) in oldest {
            if count <= MAX_UPDATE_ENTRIES {
                break;
            }
            let Some(holding) = self.by_writer.remove(&writer) else {
                continue;
            };
            let sum = Writer::updater(ANCIENT, "", &holding.api_version);
            if self.by_writer.contains_key(&sum) {
                count -= 1;
            }
            self.give(sum, holding);
        }
    }
}

fn encode_entry(writer: &Writer, holding: &Holding) -> Value {
    let operation = match writer.operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    let mut entry = Map::new();
    entry.insert("manager".to_owned(), writer.manager.clone().into());
    entry.insert("operation".to_owned(), operation.into());
    entry.insert("apiVersion".to_owned(), holding.api_version.clone().into());
    if let Some(time) = &holding.time {
        entry.insert("time".to_owned(), time.clone().into());
    }
    entry.insert("fieldsType".to_owned(), "FieldsV1".into());
    entry.insert("fieldsV1".to_owned(), holding.fields.encode());
    if !writer.subresource.is_empty() {
        entry.insert("subresource".to_owned(), writer.subresource.clone().into());
    }
    Value::Object(entry)
}
