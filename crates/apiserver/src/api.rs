//! What every handler and controller shares.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::ApiError;
use crate::kind::Kind;
use crate::kubelet::Kubelets;
use crate::refusal;
use crate::registry::{Kinds, Registry, storage_of};
use crate::store::{Key, Object, Store, Write, WriteError};

/// The server's insides, shared by reference count.
pub(crate) type Api = Arc<Inner>;

/// See [`Api`].
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) kubelets: Kubelets,
    /// Cancelled when the server ends; streams and controllers stop then.
    pub(crate) stop: CancellationToken,
    /// Rung when the set of served kinds may have changed.
    pub(crate) kinds_changed: Notify,
}

impl Inner {
    /// The kinds being served now.
    pub(crate) fn kinds(&self) -> Arc<Kinds> {
        self.registry.kinds()
    }

    /// A stored object by its kind.
    pub(crate) fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Arc<Object>, ApiError> {
        self.store
            .get(&storage_of(kind), namespace, name)
            .ok_or_else(|| refusal::not_found(kind, name))
    }

    /// Replaces a stored object by what `change` makes of it, again and again until no one else is faster.
    /// `change` returns none when nothing is to be done. For the server's own controllers.
    pub(crate) async fn amend(
        &self,
        resource: &str,
        key: &Key,
        change: impl Fn(&Object) -> Option<serde_json::Value> + Send,
    ) -> Result<(), WriteError> {
        loop {
            let Some(current) = self.store.get(resource, &key.namespace, &key.name) else {
                return Ok(());
            };
            let Some(value) = change(&current) else {
                return Ok(());
            };
            match self
                .store
                .write(Write::replace(resource, key.clone(), current.revision, value))
                .await
            {
                Err(WriteError::Conflict) => {}
                Ok(_) | Err(WriteError::Missing) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
