//! The scripted demo model, for manifests that ask for it.
//!
//! An AgentTemplate, Agent or Task asks with the annotation [`DEMO_MODEL_ANNOTATION`]. What it gets is a Secret in its
//! namespace with the model's address and key, which the manifest names in `credentials` like that of any provider: so
//! nothing above this crate knows that there is a demo.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, pin_mut, stream};
use k8s_openapi::api::core::v1::Secret;
use koc_api::{Agent, AgentTemplate, Task};
use koc_apiserver::Token;
use koc_model::{Options, RunningModel, ScriptedModel};
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::manifest::Document;
use crate::terminal::Terminal;

/// With the value `true` on an AgentTemplate, Agent or Task: provide the scripted demo model in its namespace.
pub const DEMO_MODEL_ANNOTATION: &str = "local.kubeopencode.io/demo-model";
/// The Secret that then appears.
pub const DEMO_MODEL_SECRET: &str = "kubeopencode-demo-model";
/// Its key with the model's `baseURL`, which is also a fine name for an environment variable.
pub const DEMO_MODEL_URL: &str = "KUBEOPENCODE_DEMO_MODEL_URL";
/// Its key with the model's API key.
pub const DEMO_MODEL_KEY: &str = "KUBEOPENCODE_DEMO_MODEL_KEY";

/// Field manager of the Secret.
const MANAGER: &str = "kubeopencode-local";

/// Why the demo model is not there.
#[derive(Debug, thiserror::Error)]
pub enum DemoModelError {
    /// It could not listen.
    #[error("cannot start the scripted demo model")]
    Start(#[from] koc_model::StartError),
    /// Its Secret could not be written.
    #[error("cannot write the Secret {DEMO_MODEL_SECRET} in namespace {namespace}")]
    Secret {
        /// The namespace.
        namespace: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
}

/// Starts the model when it is first asked for, and tells each namespace of it.
pub(crate) struct DemoModel {
    client: Client,
    terminal: Terminal,
    key: Token,
    model: Option<RunningModel>,
    namespaces: BTreeSet<String>,
}

impl DemoModel {
    pub(crate) fn new(client: Client, terminal: Terminal) -> Self {
        Self {
            client,
            terminal,
            key: Token::random(),
            model: None,
            namespaces: BTreeSet::new(),
        }
    }

    /// Provides what the objects of a manifest ask for.
    pub(crate) async fn provide_for(
        &mut self,
        documents: &[Document],
        default: &str,
    ) -> Result<(), DemoModelError> {
        for document in documents.iter().filter(|document| asks(document)) {
            let own = document.text("/metadata/namespace");
            self.provide(if own.is_empty() { default } else { own }).await?;
        }
        Ok(())
    }

    async fn provide(&mut self, namespace: &str) -> Result<(), DemoModelError> {
        if !self.namespaces.insert(namespace.to_owned()) {
            return Ok(());
        }
        let model = match &self.model {
            Some(model) => model,
            None => {
                let key = Some(self.key.secret().to_owned());
                let model = ScriptedModel::start(Options {
                    api_key: key,
                    ..Options::default()
                })
                .await?;
                self.terminal.note(
                    "the scripted demo model is on: it follows a fixed script, needs no key and is no AI",
                );
                self.model.insert(model)
            }
        };
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": DEMO_MODEL_SECRET},
            "stringData": {DEMO_MODEL_URL: model.base_url(), DEMO_MODEL_KEY: self.key.secret()},
        });
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let result = secrets
            .patch(
                DEMO_MODEL_SECRET,
                &PatchParams::apply(MANAGER).force(),
                &Patch::Apply(&secret),
            )
            .await;
        if let Err(source) = result {
            self.namespaces.remove(namespace);
            return Err(DemoModelError::Secret {
                namespace: namespace.to_owned(),
                source: Box::new(source),
            });
        }
        Ok(())
    }

    /// Provides what objects ask for as they appear, until `shutdown`. The model of an earlier process is gone, so
    /// what exists already counts as appearing.
    pub(crate) async fn watch(mut self, shutdown: CancellationToken) {
        let resources = [
            ApiResource::erase::<AgentTemplate>(&()),
            ApiResource::erase::<Agent>(&()),
            ApiResource::erase::<Task>(&()),
        ];
        let watches = resources.map(|resource| {
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
            watcher(api, watcher::Config::default())
                .default_backoff()
                .applied_objects()
                .boxed()
        });
        let objects = stream::select_all(watches).take_until(shutdown.cancelled_owned());
        pin_mut!(objects);
        loop {
            match objects.try_next().await {
                Ok(Some(object)) => {
                    let wanted = object
                        .annotations()
                        .get(DEMO_MODEL_ANNOTATION)
                        .is_some_and(|value| value == "true");
                    if let Some(namespace) = object.namespace().filter(|_| wanted)
                        && let Err(error) = self.provide(&namespace).await
                    {
                        self.terminal.warn(&error.to_string());
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "a watch for the demo model broke off and starts again")
                }
            }
        }
    }
}

fn asks(document: &Document) -> bool {
    matches!(document.kind(), "AgentTemplate" | "Agent" | "Task")
        && document.value["metadata"]["annotations"][DEMO_MODEL_ANNOTATION] == "true"
}
