//! The termination message.

use std::path::Path;

use koc_api::result::{MAX_TERMINATION_MESSAGE_BYTES, RunResult};

use crate::task_run::{lines, redact::Redactor};

/// The result as JSON that fits: the texts are freed of secrets and control characters and shortened as needed.
pub(super) fn message(result: &RunResult, redactor: &Redactor) -> (RunResult, String) {
    let clean = |text: &str| lines::printable(&redactor.clean(text));
    let mut result = RunResult {
        message: clean(&result.message),
        session_title: result.session_title.as_deref().map(clean),
        ..result.clone()
    };
    loop {
        let json = serde_json::to_string(&result).unwrap_or_default();
        let title = result.session_title.as_deref().unwrap_or_default();
        let nothing_left = title.is_empty() && result.message.is_empty();
        if json.len() <= MAX_TERMINATION_MESSAGE_BYTES || nothing_left {
            return (result, json);
        }
        // JSON escapes make a text longer than it is, so halving until it fits is simpler than computing.
        if title.len() > result.message.len() {
            result.session_title = Some(halve(title));
        } else {
            result.message = halve(&result.message);
        }
    }
}

/// Writes the message. The kubelet's file exists already and may be the only thing that can be written in its
/// directory, so it is written in place.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(path: &Path, json: &str) -> std::io::Result<()> {
    std::fs::write(path, json)
}

fn halve(text: &str) -> String {
    let kept = &text[..text.floor_char_boundary(text.len() / 2)];
    if kept.is_empty() {
        String::new()
    } else {
        format!("{}…", kept.trim_end_matches('…'))
    }
}

#[cfg(test)]
mod tests {
    use koc_api::result::{Outcome, Tokens};

    use super::*;

    fn result(message: &str, title: Option<&str>) -> RunResult {
        RunResult {
            outcome: Outcome::Failed,
            reason: "ProviderError".into(),
            message: message.into(),
            exit_code: None,
            session_id: Some("ses_1".into()),
            session_title: title.map(str::to_owned),
            message_count: 1,
            tokens: Tokens::default(),
            cost: "0.000000".into(),
            files_changed: 0,
            additions: 0,
            deletions: 0,
            retries: 0,
        }
    }

    #[test]
    fn the_message_always_fits_and_stays_json() {
        for (text, title) in [
            ("short".to_owned(), None),
            ("x".repeat(100_000), None),
            ("\u{1}\"\\".repeat(50_000), Some("t".to_owned())),
            ("✓é".repeat(50_000), Some("✓".repeat(100_000))),
            (String::new(), Some("\"".repeat(100_000))),
        ] {
            let (_, json) = message(&result(&text, title.as_deref()), &Redactor::default());
            assert!(json.len() <= MAX_TERMINATION_MESSAGE_BYTES, "{}", json.len());
            let back: RunResult = serde_json::from_str(&json).unwrap();
            assert_eq!(back.reason, "ProviderError");
            assert_eq!(text.is_empty(), back.message.is_empty());
        }
    }

    #[test]
    fn the_result_tells_no_secret() {
        let redactor = Redactor::new([("API_KEY".to_owned(), "sk-hunter2hunter2".to_owned())], []);
        let (_, json) = message(
            &result("bad key sk-hunter2hunter2", Some("sk-hunter2hunter2")),
            &redactor,
        );
        assert!(!json.contains("hunter2"), "{json}");
    }
}
