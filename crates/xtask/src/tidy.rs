//! The rules of the house that a compiler does not know.

mod layers;
mod sources;

use std::path::Path;

use anyhow::bail;

/// Checks everything and fails with all findings at once.
pub(crate) fn tidy(root: &Path) -> anyhow::Result<()> {
    let mut findings = layers::findings(root)?;
    findings.extend(sources::findings(root)?);
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        crate::report(finding);
    }
    bail!("{} against the rules of the house", counted(findings.len()))
}

/// `1 finding`, `2 findings`.
fn counted(count: usize) -> String {
    if count == 1 {
        "1 finding".to_owned()
    } else {
        format!("{count} findings")
    }
}
