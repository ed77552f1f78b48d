//! Binds Pods that have no node to this one, for a cluster of one machine.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Binding, Node, Pod};
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::events::{Event, EventType};
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::handle::Context;
use crate::pod::status::seconds;

/// Binds Pods until the node stops.
pub(crate) async fn bind(context: Arc<Context>, shutdown: CancellationToken) {
    let api: Api<Pod> = Api::all(context.client.clone());
    let config = watcher::Config::default().fields("spec.nodeName=");
    let mut pods = Box::pin(kube::runtime::watcher(api, config).applied_objects());
    loop {
        let next = tokio::select! {
            () = shutdown.cancelled() => return,
            next = pods.next() => next,
        };
        match next {
            Some(Ok(pod)) => consider(&context, pod).await,
            Some(Err(error)) => {
                tracing::warn!(%error, "the watch on Pods without a node broke; trying again");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            None => return,
        }
    }
}

async fn consider(context: &Arc<Context>, pod: Pod) {
    let Some(spec) = &pod.spec else { return };
    let ours = spec
        .scheduler_name
        .as_deref()
        .is_none_or(|s| s == "default-scheduler");
    let gated = spec.scheduling_gates.as_ref().is_some_and(|g| !g.is_empty());
    let bound = spec.node_name.as_deref().is_some_and(|n| !n.is_empty());
    if !ours || gated || bound || pod.metadata.deletion_timestamp.is_some() {
        return;
    }
    match obstacle(context, &pod).await {
        None => {
            let context = Arc::clone(context);
            tokio::spawn(async move {
                match bind_one(&context, &pod).await {
                    Ok(()) => {
                        let node = &context.options.name;
                        let note = format!("the Pod goes to node {node}");
                        tell(&context, &pod, EventType::Normal, "Scheduled", note).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, pod = %pod.name_any(), "the Pod could not be bound");
                    }
                }
            });
        }
        Some(reason) => refuse(context, &pod, &reason).await,
    }
}

/// Why the Pod cannot run here.
async fn obstacle(context: &Context, pod: &Pod) -> Option<String> {
    let selector = pod
        .spec
        .as_ref()?
        .node_selector
        .as_ref()
        .filter(|s| !s.is_empty())?;
    let api: Api<Node> = Api::all(context.client.clone());
    let node = api.get_opt(&context.options.name).await.ok()??;
    let missing: Vec<String> = selector
        .iter()
        .filter(|(key, value)| node.labels().get(*key) != Some(value))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let name = &context.options.name;
    (!missing.is_empty()).then(|| {
        format!(
            "the only node, {name}, lacks the labels that nodeSelector asks for: {}",
            missing.join(", ")
        )
    })
}

async fn bind_one(context: &Context, pod: &Pod) -> Result<(), kube::Error> {
    let name = pod.name_any();
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &pod.namespace().unwrap_or_default());
    let binding: Binding = serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": pod.namespace(), "uid": pod.uid()},
        "target": {"apiVersion": "v1", "kind": "Node", "name": context.options.name},
    }))
    .map_err(kube::Error::SerdeError)?;
    let answer: Result<serde_json::Value, _> = api
        .create_subresource("binding", &name, &PostParams::default(), &binding)
        .await;
    match answer {
        // Gone, or bound already.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        // An API server without the binding subresource takes the field itself.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 405) => {
            let patch = json!({"metadata": {"uid": pod.uid()}, "spec": {"nodeName": context.options.name}});
            match api
                .patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
                .await
            {
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
                other => other.map(|_| ()),
            }
        }
        other => other.map(|_| ()),
    }
}

/// Says in the Pod's status why it waits, once per reason.
async fn refuse(context: &Context, pod: &Pod, message: &str) {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    let told = conditions.is_some_and(|all| {
        all.iter()
            .any(|c| c.type_ == "PodScheduled" && c.message.as_deref() == Some(message))
    });
    if told {
        return;
    }
    let now = seconds(context.options.clock.now());
    let patch = json!({
        "metadata": {"uid": pod.uid()},
        "status": {"conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": message, "lastTransitionTime": now,
        }]},
    });
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &pod.namespace().unwrap_or_default());
    let name = pod.name_any();
    if let Err(error) = api
        .patch_status(&name, &PatchParams::default(), &Patch::Strategic(&patch))
        .await
    {
        tracing::warn!(%error, pod = %name, "the Pod's status could not be written");
    }
    tell(
        context,
        pod,
        EventType::Warning,
        "FailedScheduling",
        message.to_owned(),
    )
    .await;
}

/// Publishes an event about the Pod. Losing one is no harm.
async fn tell(context: &Context, pod: &Pod, type_: EventType, reason: &str, note: String) {
    let event = Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note.chars().take(1000).collect()),
        action: "Binding".to_owned(),
        secondary: None,
    };
    if let Err(error) = context.recorder.publish(&event, &pod.object_ref(&())).await {
        tracing::debug!(%error, "an event could not be published");
    }
}
