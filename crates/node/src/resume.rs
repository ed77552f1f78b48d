//! Takes up a Pod where an earlier process left it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::handle::{Context, PodHandle};
use crate::pod::record::{Attempt, ContainerRecord, Ended, PodRecord, Verdict};

/// The Pod's record: the one on disk with open ends closed, or a new one.
pub(crate) async fn record(context: &Context, handle: &PodHandle, pod: &Pod) -> PodRecord {
    let now = context.options.clock.now();
    let made = fs::create_dir_all(&handle.dir)
        .and_then(|()| fs::set_permissions(&handle.dir, fs::Permissions::from_mode(0o700)));
    let mut record = match made.and_then(|()| PodRecord::load(&handle.dir)) {
        Ok(Some(record)) => record,
        Ok(None) => fresh(handle, pod, now),
        // A record that cannot be read could hide a finished run, so nothing is started on a guess.
        Err(error) => PodRecord {
            verdict: Some(Verdict {
                reason: "NodeRecordUnreadable".to_owned(),
                message: format!("the node's record of this Pod cannot be read, so it is not run: {error}"),
            }),
            ..fresh(handle, pod, now)
        },
    };
    for container in record.close_unknown(now) {
        context
            .runtime
            .reclaim(&handle.dir.join("containers").join(&container))
            .await;
    }
    if let Err(error) = record.save(&handle.dir, false) {
        tracing::error!(pod = %handle.pod, %error, "the Pod's record cannot be written");
    }
    record
}

/// A Pod this data directory knows nothing of. If its status says that containers ran, they are not run
/// again as if nothing had been.
fn fresh(handle: &PodHandle, pod: &Pod, now: Timestamp) -> PodRecord {
    let status = pod.status.as_ref();
    let started = status.and_then(|s| s.start_time.as_ref()).map_or(now, |t| t.0);
    let statuses = status.iter().flat_map(|s| {
        s.init_container_statuses
            .iter()
            .flatten()
            .chain(s.container_statuses.iter().flatten())
    });
    PodRecord {
        namespace: handle.pod.namespace.clone(),
        name: handle.pod.name.clone(),
        uid: handle.pod.uid.clone(),
        start_time: started,
        initialized: false,
        verdict: None,
        containers: statuses
            .filter_map(|s| Some((s.name.clone(), reported(s, now)?)))
            .collect(),
    }
}

fn reported(status: &ContainerStatus, now: Timestamp) -> Option<ContainerRecord> {
    let state = status.state.as_ref()?;
    let ended = state.terminated.as_ref().map(|t| Ended {
        exit_code: t.exit_code,
        reason: t.reason.clone().unwrap_or_default(),
        message: t.message.clone(),
        started_at: t.started_at.as_ref().map(|t| t.0),
        finished_at: t.finished_at.as_ref().map_or(now, |t| t.0),
        container_id: t.container_id.clone(),
    });
    if ended.is_none() && state.running.is_none() {
        return None;
    }
    let started_at = state
        .running
        .as_ref()
        .and_then(|r| r.started_at.as_ref())
        .map(|t| t.0);
    Some(ContainerRecord {
        attempt: u32::try_from(status.restart_count).unwrap_or(0),
        current: Some(Attempt {
            intended_at: started_at.unwrap_or(now),
            started_at,
            container_id: status.container_id.clone(),
            ended,
        }),
        last: None,
        crashes: u32::try_from(status.restart_count).unwrap_or(0),
        image_id: status.image_id.clone(),
    })
}
