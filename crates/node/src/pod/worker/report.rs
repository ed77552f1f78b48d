use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource};

use super::{Note, Outcome, Worker};
use crate::pod::plan::Role;
use crate::pod::status::{Picture, Shown, status};

impl Worker {
    /// Sends the status if it changed and no earlier one is on its way.
    pub(super) fn write_status(&mut self) {
        let now = self.now();
        if self.writing || self.write_not_before.is_some_and(|t| t > now) {
            return;
        }
        let record = &self.record;
        let containers = self
            .slots
            .iter()
            .map(|slot| Shown {
                spec: &slot.api,
                role: slot.role,
                live: slot.live,
                record: record.containers.get(&slot.api.name),
                waiting: slot.waiting.as_ref(),
                backing_off: slot.backing_off,
                ready: slot.ready,
                started: slot.started,
            })
            .collect();
        let mut next = status(&Picture {
            pod: &self.pod,
            record,
            containers,
            initialized: record.initialized,
            prepared: self.volumes.is_some(),
            obstacle: self.obstacle.as_deref(),
            finished: self.finished.is_some(),
            address: &self.context.options.address,
            now,
        });
        // The Pod object may still be the one from before our last write: its times come from that write.
        if let (Some(new), Some(old)) = (
            &mut next.conditions,
            self.sent.as_ref().and_then(|s| s.conditions.as_ref()),
        ) {
            for condition in new {
                let same = |c: &&_| -> bool {
                    let c: &k8s_openapi::api::core::v1::PodCondition = c;
                    c.type_ == condition.type_ && c.status == condition.status
                };
                if let Some(before) = old.iter().find(same) {
                    condition
                        .last_transition_time
                        .clone_from(&before.last_transition_time);
                }
            }
        }
        if self.sent.as_ref() == Some(&next) {
            return;
        }
        let body = serde_json::json!({ "metadata": { "uid": self.handle.pod.uid }, "status": next });
        self.sent = Some(next);
        self.writing = true;
        let api = self.api();
        let (name, notes) = (self.handle.pod.name.clone(), self.notes.0.clone());
        self.helpers.spawn(async move {
            let result = api
                .patch_status(&name, &PatchParams::default(), &Patch::Strategic(&body))
                .await;
            let _ = notes.send(Note::Written(result.map(|_| ())));
        });
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.context.client.clone(), &self.handle.pod.namespace)
    }

    /// Everything has stopped and is reported: lets the object go, if it is still this one.
    pub(super) async fn delete(&mut self) -> Option<Outcome> {
        let uid = Some(self.handle.pod.uid.clone());
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions {
                uid,
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match self.api().delete(&self.handle.pod.name, &params).await {
            Ok(_) => Some(Outcome::Gone),
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Some(Outcome::Gone),
            Err(error) => {
                tracing::warn!(pod = %self.handle.pod, %error, "the Pod could not be deleted; trying again");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                self.notes.0.send(Note::Written(Ok(()))).ok()?;
                None
            }
        }
    }

    /// Publishes a warning event about the Pod. Losing one is no harm.
    pub(super) fn warn(&mut self, reason: &str, action: &str, note: String) {
        let reference = self.pod.object_ref(&());
        self.publish(EventType::Warning, reason, action, note, reference);
    }

    /// Publishes a warning event about one container of the Pod.
    pub(super) fn warn_of(&mut self, index: usize, reason: &str, action: &str, note: String) {
        let reference = self.reference_of(index);
        self.publish(EventType::Warning, reason, action, note, reference);
    }

    /// Publishes an event about the ordinary life of one container.
    pub(super) fn tell_of(&mut self, index: usize, reason: &str, action: &str, note: String) {
        let reference = self.reference_of(index);
        self.publish(EventType::Normal, reason, action, note, reference);
    }

    /// The container within the Pod. Without it the news of several containers would count as repetitions of one.
    fn reference_of(&self, index: usize) -> ObjectReference {
        let slot = &self.slots[index];
        let list = match slot.role {
            Role::Main => "containers",
            Role::Init | Role::Sidecar => "initContainers",
        };
        ObjectReference {
            field_path: Some(format!("spec.{list}{{{}}}", slot.api.name)),
            ..self.pod.object_ref(&())
        }
    }

    fn publish(
        &mut self,
        type_: EventType,
        reason: &str,
        action: &str,
        note: String,
        reference: ObjectReference,
    ) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note.chars().take(1000).collect()),
            action: action.to_owned(),
            secondary: None,
        };
        let context = Arc::clone(&self.context);
        self.helpers.spawn(async move {
            if let Err(error) = context.recorder.publish(&event, &reference).await {
                tracing::debug!(%error, "an event could not be published");
            }
        });
    }
}
