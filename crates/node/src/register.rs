//! The Node object and its lease.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::handle::Context;
use crate::pod::status::seconds;
use crate::{NodeError, machine};

const NAMESPACE: &str = "kube-node-lease";

/// Creates or updates the Node object and reports it ready.
pub(crate) async fn register(context: &Context) -> Result<(), NodeError> {
    let name = &context.options.name;
    let failed = |e: kube::Error| NodeError::Register {
        name: name.clone(),
        source: Box::new(e),
    };
    let api: Api<Node> = Api::all(context.client.clone());
    let mut labels = context.options.labels.clone();
    for (key, value) in [
        ("kubernetes.io/hostname", name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", machine::architecture()),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    let fresh: Node =
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}, "spec": {}}))
            .map_err(|e| failed(kube::Error::SerdeError(e)))?;
    match api.create(&PostParams::default(), &fresh).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let patch = json!({"metadata": {"labels": labels}});
            api.patch(name, &PatchParams::default(), &Patch::Merge(&patch))
                .await
                .map_err(failed)?;
        }
        Err(e) => return Err(failed(e)),
    }
    let patch = json!({ "status": status(context) });
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .map_err(failed)?;
    if let Err(error) = renew_once(context).await {
        tracing::warn!(%error, "the node's lease could not be written");
    }
    Ok(())
}

fn status(context: &Context) -> serde_json::Value {
    let options = &context.options;
    let now = seconds(options.clock.now());
    let capacity = json!({
        "cpu": (context.facts.cpu_milli / 1000).to_string(),
        "memory": format!("{}Ki", context.facts.memory_bytes / 1024),
        "pods": options.max_pods.to_string(),
    });
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    json!({
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [
            {"type": "InternalIP", "address": options.address},
            {"type": "Hostname", "address": options.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": options.kubelet_port}},
        "conditions": [
            condition("MemoryPressure", "False", "NodeHasSufficientMemory", "memory is not watched by this node"),
            condition("DiskPressure", "False", "NodeHasNoDiskPressure", "disks are not watched by this node"),
            condition("PIDPressure", "False", "NodeHasSufficientPID", "processes are not counted by this node"),
            condition("Ready", "True", "NodeReady", "the node runs Pods"),
        ],
        "nodeInfo": {
            "architecture": machine::architecture(),
            "operatingSystem": "linux",
            "osImage": os_image(),
            "kernelVersion": machine::kernel(),
            "kubeletVersion": concat!("v", env!("CARGO_PKG_VERSION")),
            "kubeProxyVersion": "",
            "containerRuntimeVersion": context.runtime.version(),
            "machineID": "", "systemUUID": "", "bootID": "",
        },
    })
}

fn os_image() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|l| l.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |n| n.trim_matches('"').to_owned())
}

/// Renews the lease until the node stops.
pub(crate) async fn renew(context: Arc<Context>, shutdown: CancellationToken) {
    let pause = (context.options.lease / 4).max(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        if let Err(error) = renew_once(&context).await {
            tracing::warn!(%error, "the node's lease could not be renewed");
        }
    }
}

async fn renew_once(context: &Context) -> Result<(), kube::Error> {
    let name = &context.options.name;
    let api: Api<Lease> = Api::namespaced(context.client.clone(), NAMESPACE);
    let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(context.options.clock.now());
    let spec = json!({
        "holderIdentity": name,
        "leaseDurationSeconds": context.options.lease.as_secs(),
        "renewTime": now,
    });
    let patch = json!({ "spec": spec });
    match api
        .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
    {
        Err(kube::Error::Api(status)) if status.code == 404 => {
            let lease: Lease = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}))
                .map_err(kube::Error::SerdeError)?;
            match api.create(&PostParams::default(), &lease).await {
                // The namespace may come a moment later than the node.
                Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
                other => other.map(|_| ()),
            }
        }
        other => other.map(|_| ()),
    }
}
