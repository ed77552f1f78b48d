use std::sync::Arc;

use tokio::sync::watch;

use super::{Note, Worker};
use crate::clock::after;
use crate::container::attempt::Attempt;
use crate::container::prepare::{Order, Unready, prepare};
use crate::objects::Awaited;
use crate::pod::plan::{Live, back_off_seconds};
use crate::pod::status::Waiting;
use crate::runtime::ContainerSpec;

impl Worker {
    /// Begins to get a container ready for its next attempt.
    pub(super) fn begin(&mut self, index: usize) {
        let Some(volumes) = self.volumes.clone() else {
            return;
        };
        let slot = &mut self.slots[index];
        let record = self.record.containers.get(&slot.api.name);
        let attempt = record
            .filter(|r| r.current.is_some())
            .map_or(0, |r| r.attempt + 1);
        slot.live = Live::Starting;
        slot.not_before = None;
        let order = Order {
            context: Arc::clone(&self.context),
            handle: Arc::clone(&self.handle),
            pod: Arc::clone(&self.pod),
            container: Arc::clone(&slot.api),
            volumes,
            attempt,
        };
        let notes = self.notes.0.clone();
        let task = self.helpers.spawn(async move {
            let result = Box::new(prepare(&order).await);
            let _ = notes.send(Note::Prepared { index, result });
        });
        slot.preparation = Some(task);
    }

    /// Everything is there: records the intention, then starts the process.
    pub(super) async fn launch(&mut self, index: usize, spec: ContainerSpec) {
        let slot = &mut self.slots[index];
        // The container was told to stop between the preparation's end and its news.
        if slot.preparation.take().is_none() || slot.live != Live::Starting {
            return;
        }
        let now = self.context.options.clock.now();
        let before = self.record.clone();
        let record = self.record.containers.entry(spec.container.clone()).or_default();
        record.intend(now);
        record.image_id.clone_from(&spec.image.id);
        let (next, dir, sync) = (
            self.record.clone(),
            self.handle.dir.clone(),
            self.context.options.sync,
        );
        let saved = tokio::task::spawn_blocking(move || next.save(&dir, sync)).await;
        if let Err(error) = saved.unwrap_or_else(|e| Err(std::io::Error::other(e))) {
            // Without the record a restart could run this container a second time.
            self.record = before;
            let message = format!("the node cannot record that it starts the container: {error}");
            self.unready(
                index,
                Unready {
                    reason: "CreateContainerError",
                    message,
                    awaited: None,
                },
            );
            return;
        }
        let slot = &mut self.slots[index];
        let (stop, orders) = watch::channel(None);
        slot.stop = Some(stop);
        slot.failures = 0;
        let attempt = Attempt {
            context: Arc::clone(&self.context),
            handle: Arc::clone(&self.handle),
            api: Arc::clone(&slot.api),
            spec,
            stop: orders,
            reports: self.reports.0.clone(),
        };
        // Not one of the helpers: it must bring its container to an end even if the worker goes away.
        tokio::spawn(attempt.run());
    }

    /// The container cannot be started now: says why and when it is tried again.
    pub(super) fn unready(&mut self, index: usize, unready: Unready) {
        let now = self.now();
        let slot = &mut self.slots[index];
        slot.preparation = None;
        if slot.live != Live::Starting {
            return;
        }
        slot.live = Live::Idle;
        let image = unready.reason == "ErrImagePull";
        let news = slot
            .waiting
            .as_ref()
            .is_none_or(|w| w.message.as_deref() != Some(&unready.message));
        slot.waiting = Some(Waiting {
            reason: unready.reason.to_owned(),
            message: Some(unready.message.clone()),
        });
        slot.failures = slot.failures.saturating_add(1);
        if image {
            let wait = back_off_seconds(slot.failures);
            slot.not_before = Some(after(now, wait));
            slot.settle = Some((after(now, wait / 5), "ImagePullBackOff"));
        } else if unready.awaited.is_some() {
            slot.held = true;
        } else {
            slot.not_before = Some(after(now, Self::pause(slot.failures)));
        }
        if let Some(awaited) = unready.awaited {
            self.await_change(awaited, Some(index));
        }
        if news {
            self.warn_of(index, "Failed", "Start", unready.message);
        }
    }

    /// Tells the worker when the object changes. `index` is the container that waits, or `None` for volumes.
    pub(super) fn await_change(&mut self, awaited: Awaited, index: Option<usize>) {
        let (client, namespace) = (self.context.client.clone(), self.handle.pod.namespace.clone());
        let notes = self.notes.0.clone();
        self.helpers.spawn(async move {
            awaited.change(client, &namespace).await;
            let _ = notes.send(Note::Changed(index));
        });
    }
}
