//! How a Task ended, for people and for programs.

use koc_api::names::conditions;
use koc_api::{TaskPhase, TaskStatus, is_false};
use serde_json::{Value, json};

use crate::pod_progress::seconds;

/// The end of one Task.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) status: TaskStatus,
    /// What kept it from starting, where something did that could not resolve itself.
    pub(crate) stuck: Option<String>,
}

impl Outcome {
    /// Whether the Task did what was asked. A stopped or timed-out Task is Completed by phase, but no success.
    pub(crate) fn is_success(&self) -> bool {
        self.stuck.is_none()
            && self.status.phase == Some(TaskPhase::Completed)
            && !is_false(&self.status.conditions, conditions::SUCCEEDED)
    }

    /// One or two lines: the verdict, then what it took.
    pub(crate) fn for_people(&self) -> String {
        let status = &self.status;
        let mut text = match (&self.stuck, self.is_success()) {
            (Some(stuck), _) => format!("Task {} could not start: {stuck}", self.name),
            (None, true) => format!("Task {} Completed", self.name),
            (None, false) => {
                let reason = status.reason.as_deref().unwrap_or("no reason given");
                let message = status.message.as_deref().unwrap_or_default();
                let verdict = match status.phase {
                    Some(TaskPhase::Completed) => "did not finish",
                    _ => "Failed",
                };
                let colon = if message.is_empty() { "" } else { ": " };
                format!("Task {} {verdict} ({reason}){colon}{message}", self.name)
            }
        };
        let details = self.details();
        if !details.is_empty() {
            text = format!("{text}\n  {}", details.join(" · "));
        }
        text
    }

    fn details(&self) -> Vec<String> {
        let status = &self.status;
        let mut details = Vec::new();
        if let (Some(start), Some(end)) = (&status.start_time, &status.completion_time) {
            details.push(seconds(start.0, end.0));
        }
        if let Some(code) = status.exit_code.filter(|code| *code != 0) {
            details.push(format!("exit code {code}"));
        }
        let Some(summary) = status
            .session
            .as_ref()
            .and_then(|session| session.summary.as_ref())
        else {
            return details;
        };
        if let Some(tokens) = summary.token_usage {
            let (input, output) = (tokens.input.unwrap_or(0), tokens.output.unwrap_or(0));
            let cache = tokens.cache.unwrap_or(0);
            let cached = if cache > 0 {
                format!(", {cache} cached")
            } else {
                String::new()
            };
            details.push(format!("tokens {input} in, {output} out{cached}"));
        }
        if let Some(cost) = &summary.cost {
            details.push(format!("cost ${cost}"));
        }
        if let Some(files) = summary.files_changed.filter(|files| *files > 0) {
            let (added, removed) = (summary.additions.unwrap_or(0), summary.deletions.unwrap_or(0));
            let plural = if files == 1 { "" } else { "s" };
            details.push(format!("{files} file{plural} changed (+{added} −{removed})"));
        }
        if let Some(retries) = summary.retries.filter(|retries| *retries > 0) {
            details.push(format!("{retries} provider retries"));
        }
        details
    }

    /// One JSON object; fields without a value are left out.
    pub(crate) fn for_programs(&self) -> Value {
        let status = serde_json::to_value(&self.status).unwrap_or_default();
        let mut out = json!({
            "namespace": self.namespace,
            "name": self.name,
            "succeeded": self.is_success(),
        });
        for field in [
            "phase",
            "reason",
            "message",
            "exitCode",
            "startTime",
            "completionTime",
            "session",
        ] {
            if let Some(value) = status.get(field) {
                out[field] = value.clone();
            }
        }
        if let Some(stuck) = &self.stuck {
            out["reason"] = json!("CouldNotStart");
            out["message"] = json!(stuck);
        }
        if let (Some(start), Some(end)) = (&self.status.start_time, &self.status.completion_time) {
            out["durationSeconds"] = json!(end.0.duration_since(start.0).as_secs_f64());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: Value, stuck: Option<&str>) -> Outcome {
        Outcome {
            namespace: "default".to_owned(),
            name: "hello".to_owned(),
            status: serde_json::from_value(status).unwrap(),
            stuck: stuck.map(str::to_owned),
        }
    }

    #[test]
    fn the_outcome_says_what_happened_and_what_it_took() {
        let cases = [
            (
                json!({"phase": "Completed", "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:05Z",
                    "session": {"summary": {"tokenUsage": {"input": 120, "output": 30, "cache": 5}, "cost": "0.001200",
                    "filesChanged": 1, "additions": 3, "deletions": 0, "retries": 2}}}),
                None,
                true,
                "Task hello Completed\n  5.0 s · tokens 120 in, 30 out, 5 cached · cost $0.001200 · 1 file changed (+3 −0) · 2 provider retries",
            ),
            (
                json!({"phase": "Failed", "reason": "ProviderError", "message": "the provider answered 401", "exitCode": 1}),
                None,
                false,
                "Task hello Failed (ProviderError): the provider answered 401\n  exit code 1",
            ),
            (
                json!({"phase": "Completed", "reason": "Timeout", "message": "timed out after 5s", "conditions": [
                    {"type": "Succeeded", "status": "False", "reason": "Timeout", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}),
                None,
                false,
                "Task hello did not finish (Timeout): timed out after 5s",
            ),
            (
                json!({"phase": "Running"}),
                Some("ErrImagePull: no such image"),
                false,
                "Task hello could not start: ErrImagePull: no such image",
            ),
        ];
        for (status, stuck, success, expected) in cases {
            let outcome = outcome(status, stuck);
            assert_eq!(outcome.is_success(), success, "{expected}");
            assert_eq!(outcome.for_people(), expected);
            assert_eq!(outcome.for_programs()["succeeded"], json!(success));
        }
    }
}
