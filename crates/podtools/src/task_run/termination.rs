//! The termination message.

use koc_api::result::{MAX_TERMINATION_MESSAGE_BYTES, RunResult};

use crate::{plain_text, redact::Redactor, termination_log};

/// The result as JSON that fits: the texts are freed of secrets and control characters and shortened as needed.
pub(super) fn message(result: &RunResult, redactor: &Redactor) -> (RunResult, String) {
    let clean = |text: &str| plain_text::printable(&redactor.clean(text));
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
        if title.len() > result.message.len() {
            result.session_title = Some(termination_log::halve(title));
        } else {
            result.message = termination_log::halve(&result.message);
        }
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
