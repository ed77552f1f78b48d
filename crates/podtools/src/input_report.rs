//! How a program that provides an input of a Pod says that it could not.
//!
//! `git-init`, `url-fetch` and `plugin-init` end alike: one sentence on standard error for whoever reads the log, the
//! same as JSON in the termination message for the controller, and an exit code that tells the kind of failure.

use std::{io::Write, path::PathBuf};

use clap::Args;
use koc_api::{
    InputFailure, InputFailureKind,
    names::{env, paths},
    result::MAX_TERMINATION_MESSAGE_BYTES,
};

use crate::{plain_text, redact::Redactor, termination_log};

/// What every program that provides an input is told about its surroundings.
#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// What a person calls the input, such as 'git context "rules"'; failures begin with it.
    #[arg(long, env = env::INPUT_NAME, value_name = "TEXT")]
    pub input_name: Option<String>,

    /// File for a failure as JSON.
    #[arg(long, env = env::TERMINATION_LOG, default_value = paths::TERMINATION_LOG)]
    pub termination_log: PathBuf,
}

/// Why an input could not be provided, without the input's name, which [`InputArgs::conclude`] knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct InputError {
    /// What kind of failure.
    pub kind: InputFailureKind,
    /// What was wrong, where, and what to do.
    pub sentence: String,
}

/// How a program that provides an input ended before it had done so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputEnd {
    /// It gave up.
    Failed(InputError),
    /// It was told to stop by this signal.
    Stopped(i32),
}

/// The exit code of a program that provides an input: 0, that of [`InputFailureKind::exit_code`], or 128 plus the
/// signal that stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputExit(u8);

impl InputError {
    /// A failure of this kind.
    pub(crate) fn new(kind: InputFailureKind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
        }
    }
}

impl From<InputError> for InputEnd {
    fn from(error: InputError) -> Self {
        Self::Failed(error)
    }
}

impl InputExit {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        self.0
    }
}

impl From<InputExit> for std::process::ExitCode {
    fn from(exit: InputExit) -> Self {
        Self::from(exit.0)
    }
}

impl InputArgs {
    /// Tells how `program` ended and returns its exit code. `fallback` names the input where nobody has named it. The
    /// redactor must know every secret the program was given.
    pub(crate) fn conclude(
        &self,
        program: &str,
        fallback: &str,
        redactor: &Redactor,
        result: Result<(), InputEnd>,
    ) -> InputExit {
        let error = match result {
            Ok(()) => return InputExit(0),
            Err(InputEnd::Stopped(signal)) => return InputExit(u8::try_from(128 + signal).unwrap_or(1)),
            Err(InputEnd::Failed(error)) => error,
        };
        let name = self
            .input_name
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or(fallback);
        let (failure, json) = message(name, &error, redactor);
        let mut out = std::io::stderr().lock();
        // A log that nobody reads is no reason to fail differently.
        let _ = writeln!(out, "{program}: {}", failure.message);
        if let Err(error) = termination_log::write(&self.termination_log, &json) {
            // Without a kubelet there is no such file, and the log has said everything.
            let _ = writeln!(
                out,
                "{program}: the failure cannot be written to {}: {error}",
                self.termination_log.display()
            );
        }
        InputExit(failure.kind.exit_code())
    }
}

/// The failure, and its JSON, which fits into a termination message and is free of secrets and control characters.
fn message(name: &str, error: &InputError, redactor: &Redactor) -> (InputFailure, String) {
    let text = format!("{name}: {}", error.sentence);
    // A message is one line.
    let clean = plain_text::printable(&redactor.clean(&text).replace(['\n', '\r'], " "));
    let mut failure = InputFailure {
        kind: error.kind,
        message: clean,
    };
    loop {
        let json = serde_json::to_string(&failure).unwrap_or_default();
        if json.len() <= MAX_TERMINATION_MESSAGE_BYTES || failure.message.is_empty() {
            return (failure, json);
        }
        failure.message = termination_log::halve(&failure.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conclude(result: Result<(), InputEnd>, name: Option<&str>) -> (u8, Option<InputFailure>) {
        let directory = tempfile::tempdir().unwrap();
        let args = InputArgs {
            input_name: name.map(str::to_owned),
            termination_log: directory.path().join("log"),
        };
        let redactor = Redactor::new([("A_TOKEN".to_owned(), "hunter2hunter2".to_owned())], []);
        let exit = args.conclude("git-init", "git \"https://h/x\"", &redactor, result);
        let written = std::fs::read(&args.termination_log).ok();
        (
            exit.code(),
            written.map(|json| serde_json::from_slice(&json).unwrap()),
        )
    }

    fn failed(sentence: &str) -> Result<(), InputEnd> {
        Err(InputError::new(InputFailureKind::NotFound, sentence).into())
    }

    #[test]
    fn a_failure_is_told_with_the_name_of_the_input() {
        for (name, expected) in [
            (
                Some("git context \"rules\""),
                "git context \"rules\": no such branch",
            ),
            (None, "git \"https://h/x\": no such branch"),
            (Some(""), "git \"https://h/x\": no such branch"),
        ] {
            let (code, failure) = conclude(failed("no such branch"), name);
            let failure = failure.unwrap();
            assert_eq!((code, failure.message.as_str()), (11, expected));
            assert_eq!(failure.kind, InputFailureKind::NotFound);
        }
    }

    #[test]
    fn success_and_a_signal_leave_no_message() {
        assert_eq!(conclude(Ok(()), None), (0, None));
        assert_eq!(conclude(Err(InputEnd::Stopped(15)), None), (143, None));
    }

    #[test]
    fn a_failure_tells_no_secret_and_no_control_character_and_fits() {
        let (_, failure) = conclude(failed("got hunter2hunter2\n\x1b[2J"), None);
        let message = failure.unwrap().message;
        assert_eq!(message, "git \"https://h/x\": got [secret] \u{fffd}[2J");
        let long = failed(&"\"\\\u{1}é".repeat(20_000));
        let (_, failure) = conclude(long, None);
        assert!(serde_json::to_string(&failure.unwrap()).unwrap().len() <= MAX_TERMINATION_MESSAGE_BYTES);
    }
}
