//! Rules about source files: names, sizes, and calls that do not belong where they are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// More lines than this, and a file holds more than one noun.
const MAX_LINES: usize = 600;

/// Names that say nothing about what is in a file or directory.
const VAGUE: &[&str] = &[
    "common",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "stuff",
    "things",
    "util",
    "utilities",
    "utils",
];

/// What one part of the repository must not say, and why.
struct Ban {
    /// Path below the repository, with a slash at its end; empty for all of it.
    below: &'static str,
    needle: &'static str,
    because: &'static str,
}

/// Needles are cut in two so that this file does not find itself.
const BANS: &[Ban] = &[
    Ban {
        below: "",
        needle: concat!("#[", "allow("),
        because: "use #[expect(…, reason = \"…\")], which ends when it is not needed any more",
    },
    Ban {
        below: "",
        needle: concat!("#![", "allow("),
        because: "use #![expect(…, reason = \"…\")], which ends when it is not needed any more",
    },
    Ban {
        below: "crates/api/src/",
        needle: concat!("kube::", "Client"),
        because: "this crate knows no client",
    },
    Ban {
        below: "crates/api/src/",
        needle: concat!("tokio", "::"),
        because: "this crate knows no runtime",
    },
    Ban {
        below: "crates/api/src/",
        needle: concat!("Timestamp::", "now"),
        because: "this crate knows no clock: take the time as an argument",
    },
    Ban {
        below: "crates/api/src/",
        needle: concat!("SystemTime::", "now"),
        because: "this crate knows no clock: take the time as an argument",
    },
    Ban {
        below: "crates/core/src/",
        needle: concat!("kube::", "Client"),
        because: "decisions know no client",
    },
    Ban {
        below: "crates/core/src/",
        needle: concat!("tokio", "::"),
        because: "decisions know no runtime",
    },
    Ban {
        below: "crates/core/src/",
        needle: concat!("Timestamp::", "now"),
        because: "decisions know no clock: take the time as an argument",
    },
    Ban {
        below: "crates/core/src/",
        needle: concat!("SystemTime::", "now"),
        because: "decisions know no clock: take the time as an argument",
    },
    Ban {
        below: "crates/core/src/",
        needle: concat!("Instant::", "now"),
        because: "decisions know no clock: take the time as an argument",
    },
    Ban {
        below: "crates/core/src/",
        needle: concat!("Zoned::", "now"),
        because: "decisions know no clock: take the time as an argument",
    },
    Ban {
        below: "crates/core/src/",
        needle: concat!("std::", "env"),
        because: "decisions know no environment: take the value as an argument",
    },
    Ban {
        below: "crates/core/src/",
        needle: concat!("std::", "fs"),
        because: "decisions know no disk: take the content as an argument",
    },
    Ban {
        below: "crates/apiserver/src/",
        needle: concat!("kubeopen", "code.io"),
        because: "this crate serves any kind and knows none of ours",
    },
    Ban {
        below: "crates/node/src/",
        needle: concat!("kubeopen", "code.io"),
        because: "this crate runs any Pod and knows none of our kinds",
    },
];

/// What the Rust files below `crates/` do against the rules.
pub(super) fn findings(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    collect(&root.join("crates"), &mut files)?;
    files.sort();
    let mut findings = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let path = file
            .strip_prefix(root)
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        findings.extend(judge(&path, &text));
    }
    Ok(findings)
}

/// All Rust files below a directory.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Judges one file by its path below the repository and its text.
fn judge(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for part in path.trim_end_matches(".rs").split('/') {
        if VAGUE.contains(&part) {
            findings.push(format!(
                "{path}: the name {part} does not say what is inside: name the noun"
            ));
        }
    }
    if path.ends_with("/mod.rs") {
        findings.push(format!(
            "{path}: name the file after its module, beside the directory"
        ));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        findings.push(format!(
            "{path}: {lines} lines are more than {MAX_LINES}: take a noun out into its own file"
        ));
    }
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for ban in BANS
            .iter()
            .filter(|ban| path.starts_with(ban.below) && line.contains(ban.needle))
        {
            findings.push(format!(
                "{path}:{}: {} is not for here: {}",
                number + 1,
                ban.needle,
                ban.because
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::judge;

    fn check(path: &str, text: &str, expected: &[&str]) {
        let found = judge(path, text);
        assert_eq!(found.len(), expected.len(), "{path}: {found:?}");
        for (found, part) in found.iter().zip(expected) {
            assert!(found.contains(part), "{path}: {found}");
        }
    }

    #[test]
    fn names_sizes_and_calls() {
        let long = "\n".repeat(601);
        let clock = concat!("let now = Timestamp::", "now();");
        check("crates/core/src/queue.rs", "fn next() {}\n", &[]);
        check("crates/core/src/utils.rs", "", &["name utils"]);
        check("crates/core/src/helpers/queue.rs", "", &["name helpers"]);
        check("crates/core/src/queue/mod.rs", "", &["beside the directory"]);
        check("crates/core/src/queue.rs", &long, &["601 lines"]);
        check("crates/core/src/queue.rs", clock, &["no clock"]);
        check("crates/controller/src/queue.rs", clock, &[]);
        check("crates/core/src/queue.rs", &format!("// {clock}"), &[]);
        check(
            "crates/node/src/run.rs",
            concat!("#[", "allow(dead_code)]"),
            &["expect"],
        );
        check("crates/core/src/a.rs", concat!("use std::", "fs;"), &["no disk"]);
    }
}
