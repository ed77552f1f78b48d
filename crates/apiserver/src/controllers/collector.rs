//! Garbage collection by owner references, in its three modes.
//!
//! Driven by events alone: an object is looked at when it changes, when an owner of it goes, and once at start.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::owners::{Index, Owner, Place, owners_of};
use crate::api::Api;
use crate::kind::Kind;
use crate::meta;
use crate::store::{Change, Gone, Object};
use crate::verbs::{DeleteOptions, Propagation, delete_object, is_finished};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// Runs until dropped.
pub(crate) async fn run(api: Api) {
    loop {
        let mut collector = Collector {
            api: api.clone(),
            index: Index::default(),
            queue: VecDeque::new(),
        };
        let revision = collector.scan();
        collector.work().await;
        let mut watch = api.store.watch_all(revision);
        let kinds_changed = api.kinds_changed.notified();
        tokio::pin!(kinds_changed);
        loop {
            tokio::select! {
                batch = watch.next() => match batch {
                    Ok(events) => {
                        for event in events {
                            let place = collector.index.follow(&event);
                            if event.change == Change::Deleted {
                                let uid = place.uid.clone();
                                collector.queue.extend(collector.index.dependents(&uid));
                                collector.queue_waiting_owners(&event.object.value, &event.key.namespace);
                            } else {
                                collector.queue.push_back(place);
                            }
                        }
                        collector.work().await;
                    }
                    // It fell behind the window: what it knows may be wrong, so it looks at everything again.
                    Err(Gone) => break,
                },
                // References to a kind that was unknown may be resolvable now.
                () = &mut kinds_changed => break,
            }
        }
    }
}

struct Collector {
    api: Api,
    index: Index,
    queue: VecDeque<Place>,
}

impl Collector {
    /// Reads everything into the index and queues what has owners or is being deleted.
    fn scan(&mut self) -> u64 {
        let revision = self.api.store.revision();
        for resource in self.api.store.resources() {
            for (key, object) in self.api.store.list(&resource, None).objects {
                let uid: Arc<str> = meta::uid(&object.value).into();
                let place = Place {
                    resource: resource.clone(),
                    key,
                    uid,
                };
                self.index.put(&place, &object.value);
                if meta::is_deleting(&object.value) || !owners_of(&object.value).is_empty() {
                    self.queue.push_back(place);
                }
            }
        }
        revision
    }

    async fn work(&mut self) {
        while let Some(place) = self.queue.pop_front() {
            let Some(object) = self.current(&place) else {
                continue;
            };
            if meta::is_deleting(&object.value) {
                self.finish_owner(&place, &object).await;
            }
            if !owners_of(&object.value).is_empty() {
                self.judge(&place, &object).await;
            }
        }
    }

    /// The object, if it is still the same one.
    fn current(&self, place: &Place) -> Option<Arc<Object>> {
        let object = self
            .api
            .store
            .get(&place.resource, &place.key.namespace, &place.key.name)?;
        (meta::uid(&object.value) == &*place.uid).then_some(object)
    }

    /// A dependent is gone: its owners may have been waiting for just that.
    fn queue_waiting_owners(&mut self, dependent: &Value, namespace: &str) {
        for owner in owners_of(dependent) {
            if let Lookup::Found(place, object) = self.look_up(&owner, namespace)
                && meta::finalizers(&object.value).contains(&FOREGROUND)
            {
                self.queue.push_back(place);
            }
        }
    }

    /// Finds an owner where its reference says it is.
    fn look_up(&self, owner: &Owner, namespace: &str) -> Lookup {
        let kinds = self.api.kinds();
        let Some(kind) = kinds.named(&owner.group, &owner.kind) else {
            return Lookup::Unknown;
        };
        if kind.namespaced && namespace.is_empty() {
            // A cluster-scoped object cannot be owned by something in a namespace; such a reference says nothing.
            return Lookup::Unknown;
        }
        let namespace = if kind.namespaced { namespace } else { "" };
        match self.api.get(kind, namespace, &owner.name) {
            Ok(object) if meta::uid(&object.value) == owner.uid => {
                let key = crate::store::Key::new(namespace, owner.name.as_str());
                let resource = crate::registry::storage_of(kind).into();
                Lookup::Found(
                    Place {
                        resource,
                        key,
                        uid: owner.uid.as_str().into(),
                    },
                    object,
                )
            }
            _ => Lookup::Absent,
        }
    }

    /// Decides about an object that has owners: it stays, loses dangling references, or goes.
    async fn judge(&mut self, place: &Place, object: &Object) {
        let (mut solid, mut absent, mut waiting) = (0, Vec::new(), Vec::new());
        for owner in owners_of(&object.value) {
            match self.look_up(&owner, &place.key.namespace) {
                Lookup::Unknown => solid += 1,
                Lookup::Absent => absent.push(owner.uid),
                Lookup::Found(_, found) => {
                    let waits = meta::is_deleting(&found.value)
                        && meta::finalizers(&found.value).contains(&FOREGROUND);
                    if waits {
                        waiting.push(owner.uid)
                    } else {
                        solid += 1
                    }
                }
            }
        }
        if solid > 0 {
            let dangling: Vec<String> = absent.into_iter().chain(waiting).collect();
            if !dangling.is_empty() {
                self.drop_references(place, &dangling).await;
            }
            return;
        }
        if absent.is_empty() && waiting.is_empty() {
            return;
        }
        if meta::is_deleting(&object.value) {
            return;
        }
        let own = meta::finalizers(&object.value);
        let propagation = if !waiting.is_empty() && !self.index.dependents(&place.uid).is_empty() {
            // The owner waits for this one, so this one must wait for its own dependents too.
            Propagation::Foreground
        } else if own.contains(&ORPHAN) {
            Propagation::Orphan
        } else if own.contains(&FOREGROUND) {
            Propagation::Foreground
        } else {
            Propagation::Background
        };
        self.delete(place, propagation).await;
    }

    /// Moves on an owner that is being deleted and waits for its dependents.
    async fn finish_owner(&mut self, place: &Place, object: &Object) {
        let finalizers = meta::finalizers(&object.value);
        if finalizers.contains(&ORPHAN) {
            for dependent in self.index.dependents(&place.uid) {
                self.drop_references(&dependent, &[place.uid.to_string()]).await;
            }
            self.drop_finalizer(place, ORPHAN).await;
        } else if finalizers.contains(&FOREGROUND) {
            let mut blocked = false;
            for dependent in self.index.dependents(&place.uid) {
                let Some(found) = self.current(&dependent) else {
                    continue;
                };
                let owners = owners_of(&found.value);
                let Some(owner) = owners.iter().find(|owner| owner.uid == *place.uid) else {
                    continue;
                };
                blocked |= owner.blocks;
                if !meta::is_deleting(&found.value) {
                    self.queue.push_back(dependent);
                }
            }
            if !blocked {
                self.drop_finalizer(place, FOREGROUND).await;
            }
        }
    }

    fn kind_of(&self, place: &Place) -> Option<Arc<Kind>> {
        self.api.kinds().stored_as(&place.resource).cloned()
    }

    async fn delete(&self, place: &Place, propagation: Propagation) {
        let Some(kind) = self.kind_of(place) else { return };
        let options = DeleteOptions {
            uid: Some(place.uid.to_string()),
            propagation: Some(propagation),
            ..DeleteOptions::default()
        };
        let outcome = delete_object(&self.api, &kind, &place.key.namespace, &place.key.name, &options).await;
        if let Err(error) = outcome
            && error.reason != "NotFound"
            && error.reason != "Conflict"
        {
            tracing::warn!(resource = &*place.resource, name = &*place.key.name, %error, "garbage collection failed");
        }
    }

    async fn drop_references(&self, place: &Place, uids: &[String]) {
        let change = |object: &Object| {
            if meta::uid(&object.value) != &*place.uid {
                return None;
            }
            let mut value = object.value.clone();
            let owners = value["metadata"]["ownerReferences"].as_array()?.clone();
            let kept: Vec<Value> = owners
                .iter()
                .filter(|owner| {
                    !owner["uid"]
                        .as_str()
                        .is_some_and(|uid| uids.iter().any(|gone| gone == uid))
                })
                .cloned()
                .collect();
            (kept.len() != owners.len()).then(|| {
                meta::set(&mut value, "ownerReferences", kept);
                value
            })
        };
        self.amend(place, change).await;
    }

    async fn drop_finalizer(&self, place: &Place, finalizer: &str) {
        let Some(kind) = self.kind_of(place) else { return };
        let without = |object: &Object| {
            let kept: Vec<Value> = meta::finalizers(&object.value)
                .into_iter()
                .filter(|f| *f != finalizer)
                .map(Value::from)
                .collect();
            let mut value = object.value.clone();
            meta::set(&mut value, "finalizers", kept);
            value
        };
        let Some(object) = self.current(place) else { return };
        if is_finished(&kind, &without(&object)) {
            let write =
                crate::store::Write::remove(place.resource.clone(), place.key.clone(), object.revision);
            if self.api.store.write(write).await.is_ok() {
                return;
            }
        }
        self.amend(place, |object| {
            let held = meta::uid(&object.value) == &*place.uid
                && meta::finalizers(&object.value).contains(&finalizer);
            held.then(|| without(object))
        })
        .await;
        // Whoever changed it in between left a finished object behind only if nobody looks again: the event of
        // the change just made brings it back into the queue, and the next look removes it.
    }

    async fn amend(&self, place: &Place, change: impl Fn(&Object) -> Option<Value> + Send) {
        if let Err(error) = self.api.amend(&place.resource, &place.key, change).await {
            tracing::warn!(resource = &*place.resource, name = &*place.key.name, %error, "garbage collection failed");
        }
    }
}

enum Lookup {
    Found(Place, Arc<Object>),
    Absent,
    /// Its kind is not served here, so nothing can be said about it.
    Unknown,
}
