//! The only place that changes the cluster.

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference, Pod};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use koc_api::names::{events, group};
use koc_api::{Task, TaskStatus};
use koc_core::{Announcement, ContextMapRewrite, Creation, Effect, Plan, RefusedCreation};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde_json::json;

/// Why a plan can't be carried out as it is. Nothing was lost: deciding anew goes on from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// A ConfigMap of one of the Task's context names is there already.
    ContextMapExists,
    /// A Pod of the Task's Pod name is there already.
    PodExists,
    /// The Task changed after the plan was made.
    Stale,
    /// The API server refused a creation for good or for now; the Task is to say so.
    Refused(RefusedCreation),
}

/// Carries out plans in one namespace.
pub(crate) struct Executor {
    client: Client,
    namespace: String,
}

impl Executor {
    pub(crate) fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    /// Carries the effects out in order. On success, returns the versions of the Task that are outdated by now.
    pub(crate) async fn execute(
        &self,
        task: &Task,
        plan: &Plan,
    ) -> Result<Result<Vec<String>, Obstacle>, kube::Error> {
        let name = task.name_any();
        let mut version = task.resource_version().unwrap_or_default();
        let mut outdated = Vec::new();
        for effect in &plan.effects {
            let done = match effect {
                Effect::CreateContextMap(map) => self.create::<ConfigMap>(map, Creation::ContextMap).await?,
                Effect::RewriteContextMap(rewrite) => self.rewrite(rewrite).await?,
                Effect::CreatePod(pod) => self.create::<Pod>(pod, Creation::Pod).await?,
                Effect::DeletePod { name, uid } => self.delete_pod(name, uid).await?,
                Effect::Announce(announcement) => self.announce(task, announcement).await?,
                Effect::Label(labels) => {
                    let patch = json!({
                        "metadata": {"resourceVersion": version, "labels": labels.iter().cloned().collect::<std::collections::BTreeMap<_, _>>()},
                    });
                    let params = PatchParams::apply(group::FIELD_MANAGER);
                    match self
                        .api::<Task>()
                        .patch_metadata(&name, &params, &Patch::Merge(patch))
                        .await
                    {
                        Ok(patched) => {
                            outdated.push(std::mem::replace(
                                &mut version,
                                patched.resource_version().unwrap_or_default(),
                            ));
                            Ok(())
                        }
                        Err(error) => Err(stale_or(error)?),
                    }
                }
                Effect::Status(status) => {
                    match self.write_status(&name, &version, status).await? {
                        // An unchanged status brings no watch event, so the version stays the one to act upon.
                        Ok(Some(new)) if new == version => {}
                        Ok(_) => outdated.push(version.clone()),
                        Err(obstacle) => return Ok(Err(obstacle)),
                    }
                    Ok(())
                }
            };
            if let Err(obstacle) = done {
                return Ok(Err(obstacle));
            }
        }
        Ok(Ok(outdated))
    }

    /// Writes the whole status, provided the Task still has this version. Returns the new version, where it is known.
    pub(crate) async fn write_status(
        &self,
        task: &str,
        version: &str,
        status: &TaskStatus,
    ) -> Result<Result<Option<String>, Obstacle>, kube::Error> {
        let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
        let params = PatchParams::apply(group::FIELD_MANAGER);
        match self
            .api::<Task>()
            .patch_status(task, &params, &Patch::Merge(patch))
            .await
        {
            Ok(written) => Ok(Ok(written.resource_version())),
            // The answer may not fit this version's types; the write itself went through.
            Err(kube::Error::SerdeError(_)) => Ok(Ok(None)),
            Err(error) => Ok(Err(stale_or(error)?)),
        }
    }

    async fn create<K>(&self, object: &K, what: Creation) -> Result<Result<(), Obstacle>, kube::Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::Serialize
            + serde::de::DeserializeOwned,
    {
        let params = PostParams {
            field_manager: Some(group::FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        match self.api::<K>().create(&params, object).await {
            Ok(_) => Ok(Ok(())),
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(Err(match what {
                Creation::ContextMap => Obstacle::ContextMapExists,
                Creation::Pod => Obstacle::PodExists,
            })),
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 413 | 422) => {
                let refused = RefusedCreation {
                    what,
                    name: object.name_any(),
                    code: status.code,
                    message: status.message.clone(),
                };
                Ok(Err(Obstacle::Refused(refused)))
            }
            Err(error) => Err(error),
        }
    }

    /// Changes the contents of a ConfigMap that was looked at in this version. Another version means to look again.
    async fn rewrite(&self, rewrite: &ContextMapRewrite) -> Result<Result<(), Obstacle>, kube::Error> {
        let patch = json!({"metadata": {"resourceVersion": rewrite.version}, "data": rewrite.data});
        let params = PatchParams::apply(group::FIELD_MANAGER);
        let api = self.api::<ConfigMap>();
        match api.patch(&rewrite.name, &params, &Patch::Merge(patch)).await {
            Ok(_) => Ok(Ok(())),
            Err(error) => Ok(Err(stale_or(error)?)),
        }
    }

    async fn delete_pod(&self, name: &str, uid: &str) -> Result<Result<(), Obstacle>, kube::Error> {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match self.api::<Pod>().delete(name, &params).await {
            Ok(_) => Ok(Ok(())),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Ok(())),
            // Another Pod has the name by now, or somebody was in the way for a moment.
            Err(error) if is_conflict(&error) => {
                let there = self.api::<Pod>().get_metadata_opt(name).await?;
                match there.and_then(|pod| pod.metadata.uid) {
                    Some(there) if there == uid => Err(error),
                    _ => Ok(Ok(())),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Creates the event under a name that follows from Task and reason, so that saying it twice is saying it once.
    async fn announce(&self, task: &Task, said: &Announcement) -> Result<Result<(), Obstacle>, kube::Error> {
        let event = Event {
            metadata: ObjectMeta {
                name: Some(event_name(task, said.reason)),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(jiff::Timestamp::now())),
            type_: Some(if said.warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(said.reason.to_owned()),
            action: Some(said.action.to_owned()),
            note: Some(said.note.chars().take(1000).collect()),
            reporting_controller: Some(events::TASK_REPORTER.to_owned()),
            reporting_instance: Some(events::TASK_REPORTER.to_owned()),
            regarding: Some(ObjectReference {
                api_version: Some(Task::api_version(&()).into_owned()),
                kind: Some(Task::kind(&()).into_owned()),
                name: task.metadata.name.clone(),
                namespace: task.metadata.namespace.clone(),
                uid: task.metadata.uid.clone(),
                ..ObjectReference::default()
            }),
            ..Event::default()
        };
        match self.api::<Event>().create(&PostParams::default(), &event).await {
            Ok(_) => Ok(Ok(())),
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(Ok(())),
            // An event is news, not state: a namespace being deleted or a quota on events must not hold the Task up.
            Err(kube::Error::Api(status))
                if status.code == 403 || status.code == 404 || status.code == 422 =>
            {
                tracing::warn!(task = %task.name_any(), reason = said.reason, %status, "the event was refused");
                Ok(Ok(()))
            }
            Err(error) => Err(error),
        }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// A refused precondition or a vanished Task means that the plan is out of date; anything else is an error.
fn stale_or(error: kube::Error) -> Result<Obstacle, kube::Error> {
    match error {
        kube::Error::Api(status) if status.code == 409 || status.code == 404 => Ok(Obstacle::Stale),
        error => Err(error),
    }
}

/// Names an event by Task and reason. Long Task names are cut: the UID keeps the name unique.
fn event_name(task: &Task, reason: &str) -> String {
    let name: String = task.name_any().chars().take(180).collect();
    format!(
        "{}.{}.{}",
        name.trim_end_matches(['-', '.']),
        task.uid().unwrap_or_default(),
        reason.to_lowercase()
    )
}
