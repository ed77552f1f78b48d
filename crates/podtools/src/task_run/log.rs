//! The log of a run: lines on standard output.

use std::io::Write;

use crate::{plain_text, redact::Redactor};

/// Writes lines for a person. Every line is free of known secrets and of control characters, which could otherwise
/// rewrite the terminal of whoever reads the log.
#[derive(Debug)]
pub(super) struct Log {
    redactor: Redactor,
}

impl Log {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor }
    }

    /// Writes a text of one or more lines.
    pub(super) fn print(&self, text: &str) {
        // Secrets are looked for before the text is cut into lines or changed in any other way.
        let clean = self.redactor.clean(text);
        let mut out = std::io::stdout().lock();
        for line in clean.lines() {
            // A reader that has gone away is no reason to stop the run.
            let _ = writeln!(out, "{}", plain_text::printable(line));
        }
        let _ = out.flush();
    }
}
