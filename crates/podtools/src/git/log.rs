//! The log: lines on standard output that begin with the program's name.

use std::io::Write;

use crate::{plain_text::printable, redact::Redactor};

/// Writes lines without secrets and control characters.
#[derive(Debug, Clone)]
pub(super) struct Log {
    program: &'static str,
    redactor: Redactor,
}

impl Log {
    pub(super) fn new(program: &'static str, redactor: Redactor) -> Self {
        Self { program, redactor }
    }

    /// Writes one line.
    pub(super) fn say(&self, line: &str) {
        let line = printable(&self.redactor.clean(line));
        let mut out = std::io::stdout().lock();
        // A reader that has gone away is no reason to fail.
        let _ = writeln!(out, "{}: {line}", self.program);
        let _ = out.flush();
    }

    /// The redactor, for what is told elsewhere.
    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}
