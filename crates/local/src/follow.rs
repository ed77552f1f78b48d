//! Follows one Task to its end: its Pod's steps on standard error, the agent's log on standard output.

use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, StreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::Pod;
use koc_api::names::{annotations, conditions, labels};
use koc_api::{Task, TaskStatus, condition, is_true};
use kube::api::{LogParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::outcome::Outcome;
use crate::pod_progress::{News, PodProgress};
use crate::terminal::Terminal;

/// A line longer than this is shown in pieces, so that an agent that prints 100 MB without a line break costs no memory.
const MAX_LINE_BYTES: usize = 64 * 1024;
/// Lines shown of the log of a container that failed to prepare the Pod.
const INIT_LOG_LINES: i64 = 20;
/// How long the end of a log may take to arrive after the Task ended.
const LOG_GRACE: Duration = Duration::from_secs(5);

/// A Task and where to tell about it.
#[derive(Clone)]
pub(crate) struct Follower {
    pub(crate) client: Client,
    pub(crate) terminal: Terminal,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Number of the Task among those followed, where there are several; chooses the colour of its prefix.
    pub(crate) prefix: Option<usize>,
    /// Whether the log goes to standard error, because standard output is for data.
    pub(crate) log_to_stderr: bool,
}

impl Follower {
    /// Returns when the Task has ended, is gone, or waits for what nobody will bring; in the last case it was stopped.
    pub(crate) async fn follow(self) -> Outcome {
        let tasks: Api<Task> = Api::namespaced(self.client.clone(), &self.namespace);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let of_task = watcher::Config::default().labels(&format!("{}={}", labels::TASK, self.name));
        let task_changes = watcher::watch_object(tasks, &self.name);
        let pod_changes = watcher(pods, of_task).default_backoff().applied_objects();
        pin_mut!(task_changes, pod_changes);

        let mut progress = PodProgress::default();
        let mut log: Option<JoinHandle<()>> = None;
        let mut last = TaskStatus::default();
        let mut seen = false;
        let mut stuck = None;
        loop {
            tokio::select! {
                change = task_changes.next() => match change {
                    Some(Ok(Some(task))) => {
                        seen = true;
                        let status = task.status.unwrap_or_default();
                        self.tell_queue(&last, &status);
                        last = status;
                        if last.is_finished() {
                            break;
                        }
                    }
                    // Gone after it was there: somebody deleted it.
                    Some(Ok(None)) if seen => {
                        last.message = Some("the Task was deleted".to_owned());
                        break;
                    }
                    Some(Ok(None) | Err(_)) => {}
                    None => break,
                },
                Some(change) = pod_changes.next() => {
                    let Ok(pod) = change else { continue };
                    for news in progress.observe(&pod) {
                        self.report(&pod, news, &mut log, &mut stuck).await;
                    }
                }
            }
        }
        if let Some(log) = log {
            let _ = tokio::time::timeout(LOG_GRACE, log).await;
        }
        Outcome {
            namespace: self.namespace,
            name: self.name,
            status: last,
            stuck,
        }
    }

    async fn report(
        &self,
        pod: &Pod,
        news: News,
        log: &mut Option<JoinHandle<()>>,
        stuck: &mut Option<String>,
    ) {
        let pod = pod.metadata.name.clone().unwrap_or_default();
        match news {
            News::Step(text) => self.note(&text),
            News::Stuck(text) => {
                self.note(&text);
                if stuck.is_none() {
                    *stuck = Some(text);
                    self.stop().await;
                }
            }
            News::InitFailed { container, exit_code } => {
                self.note(&format!(
                    "{container} failed with exit code {exit_code}; the end of its log:"
                ));
                self.tell_log_tail(&pod, &container).await;
            }
            News::Readable { container } => {
                let follower = self.clone();
                *log = Some(tokio::spawn(
                    async move { follower.copy_log(&pod, &container).await },
                ));
            }
        }
    }

    /// Asks the controller to stop the Task. A Task that is gone needs no stopping.
    pub(crate) async fn stop(&self) {
        let tasks: Api<Task> = Api::namespaced(self.client.clone(), &self.namespace);
        let patch = json!({"metadata": {"annotations": {annotations::STOP: annotations::TRUE}}});
        if let Err(error) = tasks
            .patch(&self.name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
        {
            tracing::debug!(task = %self.name, %error, "the Task could not be asked to stop");
        }
    }

    fn tell_queue(&self, before: &TaskStatus, now: &TaskStatus) {
        let waits = |status: &TaskStatus| {
            condition(&status.conditions, conditions::QUEUED)
                .filter(|_| is_true(&status.conditions, conditions::QUEUED))
                .map(|queued| format!("waits in the queue ({}): {}", queued.reason, queued.message))
        };
        if let Some(text) = waits(now).filter(|text| waits(before).as_ref() != Some(text)) {
            self.note(&text);
        }
    }

    async fn tell_log_tail(&self, pod: &str, container: &str) {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let params = LogParams {
            container: Some(container.to_owned()),
            tail_lines: Some(INIT_LOG_LINES),
            ..LogParams::default()
        };
        match pods.logs(pod, &params).await {
            Ok(text) => text
                .lines()
                .for_each(|line| self.terminal.warn(&format!("  {line}"))),
            Err(error) => tracing::debug!(%error, "the log of the failed container cannot be read"),
        }
    }

    async fn copy_log(&self, pod: &str, container: &str) {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let params = LogParams {
            container: Some(container.to_owned()),
            follow: true,
            ..LogParams::default()
        };
        match pods.log_stream(pod, &params).await {
            Ok(stream) => copy_lines(stream, |line| self.show(line)).await,
            Err(error) => self
                .terminal
                .warn(&format!("the log of {container} cannot be read: {error}")),
        }
    }

    fn show(&self, line: &[u8]) {
        let prefix = self.prefix.map(|number| (self.name.as_str(), number));
        self.terminal.log_line(self.log_to_stderr, prefix, line);
    }

    fn note(&self, text: &str) {
        match self.prefix {
            Some(_) => self.terminal.note(&format!("{}: {text}", self.name)),
            None => self.terminal.note(text),
        }
    }
}

/// Hands on every line without its line break, long ones in pieces.
async fn copy_lines(stream: impl AsyncBufRead, mut show: impl FnMut(&[u8])) {
    pin_mut!(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut stream).take(MAX_LINE_BYTES as u64);
        match limited.read_until(b'\n', &mut line).await {
            Ok(0) => return,
            Ok(_) => show(line.strip_suffix(b"\n").unwrap_or(&line)),
            Err(error) => {
                tracing::debug!(%error, "the log broke off");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_and_endless_ones_in_pieces() {
        let long = "x".repeat(MAX_LINE_BYTES + 5);
        let text = format!("a\n\nb\r\n{long}\nend");
        let mut seen = Vec::new();
        copy_lines(futures::io::Cursor::new(text), |line| seen.push(line.len())).await;
        assert_eq!(seen, [1, 0, 2, MAX_LINE_BYTES, 5, 3]);
    }
}
