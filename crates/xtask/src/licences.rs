//! Checks that every dependency may be shipped under this project's licence.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Licences that ask for no more than attribution.
const ACCEPTED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Fails with a list of the dependencies whose licence is unknown or not accepted.
pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo metadata could not be run")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let refused: Vec<String> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| !package["source"].is_null())
        .filter_map(|package| {
            let licence = package["license"].as_str().unwrap_or_default();
            (!is_accepted(licence))
                .then(|| format!("{} {}: {licence:?}", package["name"], package["version"]))
        })
        .collect();
    if !refused.is_empty() {
        bail!(
            "these dependencies have no licence this project accepts; replace them, or extend the list in \
             crates/xtask/src/licences.rs with a reason:\n  {}",
            refused.join("\n  ")
        );
    }
    Ok(())
}

/// Evaluates an SPDX expression: every `AND` part must hold, of each `OR` one suffices. The old `/` means `OR`.
fn is_accepted(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut position = 0;
    let accepted = any_of(&tokens, &mut position);
    accepted && position == tokens.len()
}

fn any_of(tokens: &[&str], position: &mut usize) -> bool {
    let mut accepted = all_of(tokens, position);
    while tokens.get(*position) == Some(&"OR") {
        *position += 1;
        // Both sides are read, so that the position moves on.
        accepted |= all_of(tokens, position);
    }
    accepted
}

fn all_of(tokens: &[&str], position: &mut usize) -> bool {
    let mut accepted = one(tokens, position);
    while tokens.get(*position) == Some(&"AND") {
        *position += 1;
        accepted &= one(tokens, position);
    }
    accepted
}

fn one(tokens: &[&str], position: &mut usize) -> bool {
    let Some(token) = tokens.get(*position) else {
        return false;
    };
    *position += 1;
    if *token == "(" {
        let accepted = any_of(tokens, position);
        *position += 1;
        return accepted;
    }
    let accepted = ACCEPTED.contains(token);
    if tokens.get(*position) == Some(&"WITH") {
        // Exceptions only widen what a licence permits.
        *position += 2;
    }
    accepted
}

#[cfg(test)]
mod tests {
    use super::is_accepted;

    #[test]
    fn expressions_are_evaluated() {
        for (expression, accepted) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT", true),
            ("MIT AND GPL-3.0-only", false),
            ("(Apache-2.0 OR MIT) AND BSD-3-Clause", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
            ("Apache-2.0 AND (GPL-2.0-only OR LGPL-2.1-or-later)", false),
            ("", false),
        ] {
            assert_eq!(is_accepted(expression), accepted, "{expression}");
        }
    }
}
