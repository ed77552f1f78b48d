//! What of a Pod's changing status is worth a line.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use koc_api::names::containers;

/// Reasons of waiting that are simply the way to the start.
const ORDINARY: [&str; 2] = ["PodInitializing", "ContainerCreating"];
/// Reasons of waiting that end only when somebody changes something outside the Pod.
const HOPELESS: [&str; 8] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A step is done or has begun.
    Step(String),
    /// A container waits for something that will not come by itself.
    Stuck(String),
    /// A container that prepares the Pod failed; its log says why.
    InitFailed {
        /// The container.
        container: String,
        /// Its exit code.
        exit_code: i32,
    },
    /// The container with the work has something to read.
    Readable {
        /// The container.
        container: String,
    },
}

/// Remembers what was told, so that nothing is told twice.
#[derive(Debug, Default)]
pub(crate) struct PodProgress {
    told: BTreeSet<String>,
}

impl PodProgress {
    /// What is new since the last look.
    pub(crate) fn observe(&mut self, pod: &Pod) -> Vec<News> {
        let mut news = Vec::new();
        let Some(status) = &pod.status else { return news };
        let conditions = status.conditions.iter().flatten();
        for condition in conditions.filter(|c| c.type_ == "PodScheduled" && c.status == "False") {
            let message = condition.message.as_deref().unwrap_or("no node takes it");
            self.tell(&mut news, format!("scheduled {message}"), || {
                News::Step(format!("the Pod waits: {message}"))
            });
        }
        for container in status.init_container_statuses.iter().flatten() {
            self.init(&mut news, container);
        }
        let mut main: Vec<&ContainerStatus> = status.container_statuses.iter().flatten().collect();
        main.sort_by_key(|container| container.name != containers::AGENT);
        for (index, container) in main.into_iter().enumerate() {
            let state = container.state.as_ref();
            self.waiting(&mut news, container);
            let readable = state.is_some_and(|state| state.running.is_some() || state.terminated.is_some());
            if index == 0 && readable {
                let name = container.name.clone();
                self.tell(&mut news, "readable".to_owned(), || News::Readable {
                    container: name,
                });
            }
        }
        news
    }

    fn init(&mut self, news: &mut Vec<News>, container: &ContainerStatus) {
        self.waiting(news, container);
        let Some(state) = &container.state else { return };
        let name = &container.name;
        if let Some(running) = &state.running
            && running.started_at.is_some()
        {
            self.tell(news, format!("{name} runs"), || News::Step(format!("{name} …")));
        }
        let Some(end) = &state.terminated else { return };
        if end.exit_code == 0 {
            let took = match (&end.started_at, &end.finished_at) {
                (Some(start), Some(finish)) => format!(" ({})", seconds(start.0, finish.0)),
                _ => String::new(),
            };
            self.tell(news, format!("{name} done"), || {
                News::Step(format!("{name} done{took}"))
            });
        } else {
            let failed = News::InitFailed {
                container: name.clone(),
                exit_code: end.exit_code,
            };
            self.tell(news, format!("{name} failed {}", container.restart_count), || {
                failed
            });
        }
    }

    fn waiting(&mut self, news: &mut Vec<News>, container: &ContainerStatus) {
        let Some(waiting) = container.state.as_ref().and_then(|state| state.waiting.as_ref()) else {
            return;
        };
        let reason = waiting.reason.as_deref().unwrap_or_default();
        if reason.is_empty() || ORDINARY.contains(&reason) {
            return;
        }
        let message = waiting.message.as_deref().unwrap_or_default();
        let text = match message {
            "" => format!("container {} waits: {reason}", container.name),
            message => format!("container {} waits: {reason}: {message}", container.name),
        };
        let hopeless = HOPELESS.contains(&reason);
        self.tell(news, format!("{} waits {reason}", container.name), || {
            if hopeless {
                News::Stuck(text)
            } else {
                News::Step(text)
            }
        });
    }

    fn tell(&mut self, news: &mut Vec<News>, key: String, what: impl FnOnce() -> News) {
        if self.told.insert(key) {
            news.push(what());
        }
    }
}

/// The time between two instants, as short as it can be read.
pub(crate) fn seconds(start: jiff::Timestamp, end: jiff::Timestamp) -> String {
    let millis = end.duration_since(start).as_millis().max(0);
    if millis < 100_000 {
        format!("{}.{} s", millis / 1000, millis % 1000 / 100)
    } else {
        format!("{} min {} s", millis / 60_000, millis / 1000 % 60)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(init: Value, agent: Value) -> Pod {
        serde_json::from_value(json!({"status": {
            "initContainerStatuses": [{"name": "context-init", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": init}],
            "containerStatuses": [{"name": "agent", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": agent}],
        }}))
        .unwrap()
    }

    #[test]
    fn each_step_is_told_once() {
        let start = "2026-01-01T00:00:00Z";
        let end = "2026-01-01T00:00:01Z";
        let initializing = json!({"waiting": {"reason": "PodInitializing"}});
        let done = json!({"terminated": {"exitCode": 0, "startedAt": start, "finishedAt": end}});
        let step = |text: &str| News::Step(text.to_owned());
        let readable = News::Readable {
            container: "agent".to_owned(),
        };
        let stuck = News::Stuck(
            "container agent waits: CreateContainerConfigError: secret \"key\" not found".to_owned(),
        );
        let failed = News::InitFailed {
            container: "context-init".to_owned(),
            exit_code: 3,
        };
        let cases = [
            (
                json!({"waiting": {"reason": "PodInitializing"}}),
                initializing.clone(),
                vec![],
            ),
            (
                json!({"running": {"startedAt": start}}),
                initializing.clone(),
                vec![step("context-init …")],
            ),
            (
                json!({"running": {"startedAt": start}}),
                initializing.clone(),
                vec![],
            ),
            (
                done.clone(),
                initializing,
                vec![step("context-init done (1.0 s)")],
            ),
            (
                done.clone(),
                json!({"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"key\" not found"}}),
                vec![stuck],
            ),
            (done.clone(), json!({"running": {}}), vec![readable]),
            (done, json!({"terminated": {"exitCode": 0}}), vec![]),
            (json!({"terminated": {"exitCode": 3}}), json!({}), vec![failed]),
        ];
        let mut progress = PodProgress::default();
        for (init, agent, expected) in cases {
            let label = format!("{init} {agent}");
            assert_eq!(progress.observe(&pod(init, agent)), expected, "{label}");
        }
    }

    #[test]
    fn durations_are_short() {
        let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (millis, expected) in [
            (0, "0.0 s"),
            (1_250, "1.2 s"),
            (99_999, "99.9 s"),
            (125_000, "2 min 5 s"),
        ] {
            assert_eq!(
                seconds(start, start + jiff::SignedDuration::from_millis(millis)),
                expected
            );
        }
    }
}
