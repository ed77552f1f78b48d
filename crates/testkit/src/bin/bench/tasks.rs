//! Latency and throughput of Tasks, with a runtime whose containers end at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use koc_api::{Task, TaskPhase};
use koc_testkit::{Embedded, task, template};
use kube::ResourceExt as _;
use kube::api::PostParams;
use kube::runtime::{WatchStreamExt as _, watcher};

use crate::Row;
use crate::process::{megabytes, resident_bytes};

/// Tasks one after another, for the latency of a single one.
const SINGLE: usize = 100;
/// Tasks at once, for the throughput.
const BURST: usize = 1000;

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let cluster = Embedded::start().await?;
    cluster.api().create(&PostParams::default(), &template()).await?;
    let mut rows = latencies(&cluster).await?;
    rows.extend(burst(&cluster).await?);
    Ok(rows)
}

async fn latencies(cluster: &Embedded) -> anyhow::Result<Vec<Row>> {
    let mut to_start = Vec::with_capacity(SINGLE);
    let mut to_end = Vec::with_capacity(SINGLE);
    let tasks = cluster.api::<Task>();
    for index in 0..SINGLE {
        let name = format!("single-{index}");
        let created = Instant::now();
        tasks.create(&PostParams::default(), &task(&name)).await?;
        let pod = format!("{name}-pod");
        while cluster.runtime.started().await.pod.name != pod {}
        to_start.push(created.elapsed());
        wait_finished(cluster, BTreeSet::from([name])).await?;
        to_end.push(created.elapsed());
        // The starts of this Task's other containers must not count for the next.
        while cluster
            .runtime
            .starts()
            .keys()
            .filter(|s| s.pod.name == pod)
            .count()
            < 3
        {
            cluster.runtime.started().await;
        }
    }
    Ok(vec![
        Row {
            what: "Task created → first container started, p50 / p99",
            value: p50_p99(to_start),
            goal: "-",
        },
        Row {
            what: "Task created → Completed (3 containers), p50 / p99",
            value: p50_p99(to_end),
            goal: "< 300 ms",
        },
    ])
}

async fn burst(cluster: &Embedded) -> anyhow::Result<Vec<Row>> {
    let tasks = cluster.api::<Task>();
    let names: BTreeSet<String> = (0..BURST).map(|index| format!("burst-{index}")).collect();
    let before = cluster.server.revision();
    let started = Instant::now();
    let finished = wait_finished(cluster, names.clone());
    let create = async {
        futures::stream::iter(&names)
            .map(|name| {
                let tasks = tasks.clone();
                async move { tasks.create(&PostParams::default(), &task(name)).await }
            })
            .buffer_unordered(16)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        anyhow::Ok(started.elapsed())
    };
    let (finished, created) = tokio::join!(finished, create);
    finished?;
    let created = created?;
    let total = started.elapsed();
    let writes = cluster.server.revision() - before;
    let memory = resident_bytes(std::process::id())?;
    Ok(vec![
        Row {
            what: "1,000 Tasks created in",
            value: format!("{} ms", created.as_millis()),
            goal: "-",
        },
        Row {
            what: "1,000 Tasks from first create to all Completed",
            value: format!("{} ms", total.as_millis()),
            goal: "-",
        },
        Row {
            what: "Tasks per second, scripted runtime",
            value: format!("{:.0}/s", per_second(BURST, total)),
            goal: "-",
        },
        Row {
            what: "writes per Task, node's included",
            value: format!(
                "{:.1}",
                per_second(usize::try_from(writes)?, Duration::from_secs(1))
                    / per_second(BURST, Duration::from_secs(1))
            ),
            goal: "-",
        },
        Row {
            what: "memory after 1,100 Tasks, everything in one process",
            value: format!("{:.1} MB", megabytes(memory)),
            goal: "< 60 MB",
        },
    ])
}

/// Waits until every named Task has ended, and complains when one did not succeed.
async fn wait_finished(cluster: &Embedded, mut names: BTreeSet<String>) -> anyhow::Result<()> {
    let stream = watcher(cluster.api::<Task>(), watcher::Config::default()).applied_objects();
    futures::pin_mut!(stream);
    while !names.is_empty() {
        let task = stream.try_next().await?.context("the watch ended")?;
        let Some(status) = task.status.as_ref().filter(|s| s.is_finished()) else {
            continue;
        };
        if names.remove(&task.name_any()) && status.phase != Some(TaskPhase::Completed) {
            anyhow::bail!(
                "{} ended as {:?}: {:?}",
                task.name_any(),
                status.phase,
                status.message
            );
        }
    }
    Ok(())
}

fn p50_p99(mut samples: Vec<Duration>) -> String {
    samples.sort();
    let at = |percent: usize| milliseconds(samples[(samples.len() * percent / 100).min(samples.len() - 1)]);
    format!("{:.1} / {:.1} ms", at(50), at(99))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
