//! From evidence to result. Pure, so that every disagreement between what OpenCode does and what it reports is a line
//! in a table of tests.

use koc_api::result::{Outcome, RunResult};
use koc_opencode::{Fault, FaultKind};

use crate::task_run::{
    evidence::{Ending, Evidence, LastAnswer},
    lines::{duration, first_line, shorten},
    reaper::Exit,
};

/// Texts from OpenCode and from providers are only quoted up to here.
const QUOTE_CHARS: usize = 400;

/// Decides how the run went.
pub(super) fn decide(evidence: &Evidence) -> RunResult {
    let (reason, message) = match &evidence.ending {
        Ending::TurnEnded => turn(evidence),
        Ending::InvalidInput(why) => ("InvalidInput", why.clone()),
        Ending::NoProgram(why) => ("OpenCodeNotStarted", why.clone()),
        Ending::NotStarted {
            exit: Some(exit),
            tail,
            ..
        } => (
            "OpenCodeNotStarted",
            format!(
                "OpenCode ended before it was ready ({}).{}",
                told(*exit),
                last_words(tail)
            ),
        ),
        Ending::NotStarted {
            exit: None,
            waited,
            tail,
        } => (
            "OpenCodeNotStarted",
            format!(
                "OpenCode was not ready after {}. Give the container more CPU or memory, or a longer start timeout.{}",
                duration(*waited),
                last_words(tail)
            ),
        ),
        Ending::Refused(why) => (
            "InvalidInput",
            format!("OpenCode refuses to work: {why}. Check the OpenCode configuration of the Task."),
        ),
        Ending::Crashed { exit, tail } => {
            let hint = match exit {
                Exit::Signal(9) => " The container may have run out of memory; raise its limit.",
                _ => "",
            };
            (
                "OpenCodeCrashed",
                format!(
                    "OpenCode ended in the middle of the run ({}).{hint}{}",
                    told(*exit),
                    last_words(tail)
                ),
            )
        }
        Ending::Unreachable(why) => (
            "OpenCodeCrashed",
            format!("OpenCode does not answer any more: {why}."),
        ),
        Ending::Stopped(signal) => (
            "Stopped",
            format!(
                "The run was stopped by {} before OpenCode was done.",
                signal_name(*signal)
            ),
        ),
        Ending::NoProgress(waited, what) => (
            "NoProgress",
            format!(
                "Nothing happened for {} while waiting for {what}. The run was given up.",
                duration(*waited)
            ),
        ),
        Ending::Stalled => (
            "StreamBroken",
            "OpenCode became idle without finishing its answer. Run the Task again.".to_owned(),
        ),
        Ending::BrokenStreams => (
            "StreamBroken",
            format!(
                "The provider's stream broke off {} in a row without a finish reason. Check the provider and any proxy.",
                times(evidence.broken_streams)
            ),
        ),
        Ending::Overflow => (
            "ProviderError",
            "OpenCode compacted the conversation again and again and it still does not fit into the model's context. \
             Shorten the prompt and the context, or take a model with a larger one (`limit.context`)."
                .to_owned(),
        ),
    };
    let outcome = if reason == "Completed" {
        Outcome::Completed
    } else {
        Outcome::Failed
    };
    result(evidence, outcome, reason, message)
}

fn result(evidence: &Evidence, outcome: Outcome, reason: &str, message: String) -> RunResult {
    let Evidence {
        ending,
        session,
        retries,
        totals,
        ..
    } = evidence;
    let exit = match ending {
        Ending::NotStarted { exit, .. } => *exit,
        Ending::Crashed { exit, .. } => Some(*exit),
        _ => None,
    };
    RunResult {
        outcome,
        reason: reason.to_owned(),
        message,
        exit_code: exit.map(|exit| match exit {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
        }),
        session_id: session.as_ref().map(|(id, _)| id.clone()),
        session_title: session.as_ref().map(|(_, title)| title.clone()),
        message_count: totals.messages,
        tokens: totals.tokens,
        cost: format!("{:.6}", if totals.cost.is_finite() { totals.cost } else { 0.0 }),
        files_changed: totals.files,
        additions: totals.additions,
        deletions: totals.deletions,
        retries: *retries,
    }
}

/// A turn that has ended by OpenCode's own account.
fn turn(evidence: &Evidence) -> (&'static str, String) {
    let answered = evidence.last.as_ref().and_then(|last| last.fault.as_ref());
    if let Some(fault) = answered.or(evidence.fault.as_ref()) {
        return faulty(evidence, fault);
    }
    let Some(LastAnswer { finish, .. }) = &evidence.last else {
        return (
            "StreamBroken",
            "OpenCode ended its turn without any answer of the model. Run the Task again.".to_owned(),
        );
    };
    match finish.as_deref() {
        None => {
            ("StreamBroken", "The last answer of the model ended without a reason. Run the Task again.".to_owned())
        }
        Some("unknown") => (
            "StreamBroken",
            "The provider's stream broke off in the last answer. Run the Task again; check the provider and any proxy."
                .to_owned(),
        ),
        Some("tool-calls") if !evidence.refused.is_empty() => (
            "PermissionRequired",
            format!(
                "OpenCode asked for something that nobody was there to allow ({}) and ended its turn. \
                 Allow or deny it in the configuration's `permission`.",
                refusals(evidence)
            ),
        ),
        Some("tool-calls") => {
            ("StreamBroken", "OpenCode ended its turn after a tool call, without an answer. Run the Task again.".to_owned())
        }
        Some("length") => (
            "ProviderError",
            "The last answer was cut at the model's output limit. Raise `limit.output` of the model or divide the Task."
                .to_owned(),
        ),
        Some("content-filter") => {
            ("ProviderError", "The provider's content filter stopped the answer. Reword the Task.".to_owned())
        }
        Some("error") => ("ProviderError", "The provider ended the answer with an error.".to_owned()),
        Some(_) if !evidence.did_something => (
            "ProviderError",
            "The model answered nothing at all. Check that the configured model can chat and use tools.".to_owned(),
        ),
        Some(_) => ("Completed", completed(evidence)),
    }
}

fn faulty(evidence: &Evidence, fault: &Fault) -> (&'static str, String) {
    let said = first_line(fault.text(), QUOTE_CHARS);
    let status = fault
        .status()
        .map(|status| format!(" with status {status}"))
        .unwrap_or_default();
    match fault.kind() {
        FaultKind::Credentials => (
            "ProviderError",
            format!("The provider refused the credentials{status}: {said}. Check the API key and where it comes from."),
        ),
        FaultKind::Provider if evidence.retries > 0 => (
            "RetriesExhausted",
            format!("The provider still failed{status} after {}: {said}.", retries(evidence.retries)),
        ),
        FaultKind::Provider if fault.status() == Some(404) => (
            "ProviderError",
            format!("The provider does not know what was asked for{status}: {said}. Check `model` and `baseURL`."),
        ),
        FaultKind::Provider => ("ProviderError", format!("The provider failed{status}: {said}.")),
        FaultKind::Aborted => ("Stopped", format!("The session was aborted: {said}.")),
        FaultKind::ContextOverflow => (
            "ProviderError",
            format!("The conversation does not fit into the model's context: {said}. Divide the Task."),
        ),
        FaultKind::OutputLength => (
            "ProviderError",
            "The answer was cut at the model's output limit. Raise `limit.output` of the model or divide the Task."
                .to_owned(),
        ),
        FaultKind::ContentFilter => {
            ("ProviderError", format!("The provider's content filter stopped the answer: {said}. Reword the Task."))
        }
        FaultKind::ModelNotFound => {
            ("InvalidInput", format!("{said} Check `model` and `provider` in the OpenCode configuration."))
        }
        FaultKind::Other => ("ProviderError", format!("OpenCode reports {}: {said}.", shorten(&fault.name, 80))),
    }
}

fn completed(evidence: &Evidence) -> String {
    let mut message = "OpenCode finished its turn".to_owned();
    if evidence.retries > 0 {
        message.push_str(&format!(
            "; the provider had to be asked again {}",
            times(evidence.retries)
        ));
    }
    if evidence.broken_streams > 0 {
        message.push_str(&format!(
            "; the provider's stream broke off {}",
            times(evidence.broken_streams)
        ));
    }
    if !evidence.refused.is_empty() {
        message.push_str(&format!(
            "; refused because nobody was there to allow it: {}",
            refusals(evidence)
        ));
    }
    message.push('.');
    message
}

fn refusals(evidence: &Evidence) -> String {
    let shown: Vec<&str> = evidence.refused.iter().take(3).map(String::as_str).collect();
    let more = evidence.refused.len() - shown.len();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    shorten(&format!("{}{more}", shown.join(", ")), QUOTE_CHARS)
}

fn times(number: i32) -> String {
    if number == 1 {
        "once".to_owned()
    } else {
        format!("{number} times")
    }
}

fn retries(number: i32) -> String {
    if number == 1 {
        "1 retry".to_owned()
    } else {
        format!("{number} retries")
    }
}

fn told(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal(signal) => signal_name(signal),
    }
}

fn signal_name(signal: i32) -> String {
    match signal {
        1 => "SIGHUP".to_owned(),
        2 => "SIGINT".to_owned(),
        6 => "SIGABRT".to_owned(),
        9 => "SIGKILL".to_owned(),
        11 => "SIGSEGV".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => format!("signal {other}"),
    }
}

/// The end of what OpenCode printed, in one line.
fn last_words(tail: &[String]) -> String {
    let last = &tail[tail.len().saturating_sub(5)..];
    if last.is_empty() {
        return " It printed nothing.".to_owned();
    }
    format!(" It printed: {}", shorten(&last.join(" | "), 2 * QUOTE_CHARS))
}

#[cfg(test)]
mod tests;
