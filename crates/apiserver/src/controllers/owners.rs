//! Who owns whom, as far as the collector has seen.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::meta;
use crate::store::{Change, Event, Key};

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) resource: Arc<str>,
    pub(super) key: Key,
    pub(super) uid: Arc<str>,
}

/// One owner reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) blocks: bool,
}

/// The owner references of an object.
pub(super) fn owners_of(object: &Value) -> Vec<Owner> {
    let list = object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten();
    let text = |owner: &Value, field: &str| owner[field].as_str().unwrap_or_default().to_owned();
    list.map(|owner| {
        let version = text(owner, "apiVersion");
        let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
        let blocks = owner["blockOwnerDeletion"] == true;
        Owner {
            group,
            kind: text(owner, "kind"),
            name: text(owner, "name"),
            uid: text(owner, "uid"),
            blocks,
        }
    })
    .collect()
}

/// Dependents by the UID of their owner, and back.
#[derive(Default)]
pub(super) struct Index {
    dependents: HashMap<String, HashSet<Place>>,
    owners: HashMap<Arc<str>, Vec<String>>,
}

impl Index {
    /// Takes note of an object as it is now.
    pub(super) fn put(&mut self, place: &Place, object: &Value) {
        self.remove(place);
        let uids: Vec<String> = owners_of(object).into_iter().map(|owner| owner.uid).collect();
        if uids.is_empty() {
            return;
        }
        for uid in &uids {
            self.dependents
                .entry(uid.clone())
                .or_default()
                .insert(place.clone());
        }
        self.owners.insert(place.uid.clone(), uids);
    }

    /// Forgets an object that is gone.
    pub(super) fn remove(&mut self, place: &Place) {
        for uid in self.owners.remove(&place.uid).unwrap_or_default() {
            if let Some(places) = self.dependents.get_mut(&uid) {
                places.remove(place);
                if places.is_empty() {
                    self.dependents.remove(&uid);
                }
            }
        }
    }

    /// Objects that name this UID as an owner.
    pub(super) fn dependents(&self, uid: &str) -> Vec<Place> {
        self.dependents.get(uid).into_iter().flatten().cloned().collect()
    }

    /// Follows an event; says which object it was about.
    pub(super) fn follow(&mut self, event: &Event) -> Place {
        let uid = meta::uid(&event.object.value).into();
        let place = Place {
            resource: event.resource.clone(),
            key: event.key.clone(),
            uid,
        };
        match event.change {
            Change::Deleted => self.remove(&place),
            Change::Added | Change::Modified => self.put(&place, &event.object.value),
        }
        place
    }
}
