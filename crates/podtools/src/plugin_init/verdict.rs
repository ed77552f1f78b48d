//! What npm's words mean.

use koc_api::InputFailureKind::{self, AccessDenied, Internal, InvalidInput, NotFound, Unreachable};
use serde::Deserialize;

use crate::{input_report::InputError, plain_text::shorten};

/// What `npm --json` prints when it fails.
#[derive(Debug, Default, Deserialize)]
struct Report {
    #[serde(default)]
    error: Error,
}

#[derive(Debug, Default, Deserialize)]
struct Error {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    summary: Option<String>,
}

/// Why npm failed, from its report and its standard error.
pub(super) fn of(output: &str, errors: &str) -> InputError {
    let report: Report = output
        .find('{')
        .and_then(|start| serde_json::from_str(&output[start..]).ok())
        .unwrap_or_default();
    let code = report
        .error
        .code
        .or_else(|| {
            errors
                .lines()
                .find_map(|line| line.split("error code ").nth(1))
                .map(str::to_owned)
        })
        .unwrap_or_default();
    let code = code.trim();
    let said = report
        .error
        .summary
        .filter(|summary| !summary.trim().is_empty())
        .unwrap_or_else(|| last_words(errors));
    let (kind, advice) = meaning(code, &said);
    let code = if code.is_empty() { "npm failed" } else { code };
    let said = shorten(&said.split_whitespace().collect::<Vec<_>>().join(" "), 800);
    InputError::new(kind, format!("{code}: {said}{advice}"))
}

/// What npm's code means. They are Node's system codes, `E` and an HTTP status, or npm's own words.
fn meaning(code: &str, said: &str) -> (InputFailureKind, &'static str) {
    match code {
        "E404" | "ETARGET" | "ENOVERSIONS" => (NotFound, "; check the plugin's name and version"),
        "E401" | "E403" | "ENEEDAUTH" | "EOTP" => (
            AccessDenied,
            "; the registry wants credentials: give plugin-init an .npmrc by systemContainers.pluginInit",
        ),
        "EINVALIDPACKAGENAME"
        | "EINVALIDTAGNAME"
        | "EUNSUPPORTEDPROTOCOL"
        | "EBADPLATFORM"
        | "EBADENGINE"
        | "ERESOLVE" => (InvalidInput, ""),
        "EINTEGRITY" => (
            AccessDenied,
            "; the package is not the one that the registry describes",
        ),
        code if code.contains("CERT") || code.contains("VERIFY") => (
            AccessDenied,
            "; add the registry's certificate authority to caBundle",
        ),
        "ENOSPC" | "EACCES" | "EROFS" | "EPERM" | "EDQUOT" => (Internal, ""),
        "ENOTFOUND" | "EAI_AGAIN" | "ECONNREFUSED" | "ECONNRESET" | "ETIMEDOUT" | "ERR_SOCKET_TIMEOUT"
        | "EHOSTUNREACH" | "ENETUNREACH" | "EPIPE" | "E429" => {
            (Unreachable, "; is the registry reachable from this Pod?")
        }
        code if code.starts_with("E5") && code.len() == 4 => (Unreachable, ""),
        // npm wraps what git says of a repository into one of its own codes.
        _ if said.contains("Repository not found") || said.contains("not found in upstream") => {
            (NotFound, "")
        }
        _ => (Internal, ""),
    }
}

/// The last lines of standard error that say something.
fn last_words(errors: &str) -> String {
    let lines: Vec<&str> = errors
        .lines()
        .map(|line| line.trim_start_matches("npm error").trim())
        .filter(|line| !line.is_empty() && !line.contains("complete log of this run"))
        .collect();
    if lines.is_empty() {
        return "it said nothing".to_owned();
    }
    lines[lines.len().saturating_sub(6)..].join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, errors: &str, kind: InputFailureKind, part: &str) {
        let error = of(output, errors);
        assert!(error.kind == kind && error.sentence.contains(part), "{error:?}");
    }

    #[test]
    fn npms_codes_are_understood() {
        let report = |code: &str, summary: &str| {
            serde_json::json!({"error": {"code": code, "summary": summary, "detail": ""}}).to_string()
        };
        check(
            &report("E404", "'p@1' is not in this registry."),
            "",
            NotFound,
            "E404: 'p@1' is not in this registry.",
        );
        check(
            &report("ETARGET", "No matching version found for p@9."),
            "",
            NotFound,
            "p@9",
        );
        check(
            &report("E401", "Unable to authenticate"),
            "",
            AccessDenied,
            ".npmrc",
        );
        check(
            &report("ECONNREFUSED", "request failed"),
            "",
            Unreachable,
            "reachable",
        );
        check(
            &report("E503", "503 Service Unavailable"),
            "",
            Unreachable,
            "E503",
        );
        check(
            &report("SELF_SIGNED_CERT_IN_CHAIN", "x"),
            "",
            AccessDenied,
            "caBundle",
        );
        check(
            &report("EINTEGRITY", "sha512-a but got sha512-b"),
            "",
            AccessDenied,
            "not the one",
        );
        check(&report("ENOSPC", "no space"), "", Internal, "no space");
        check(
            "",
            "npm error code ENOTFOUND\nnpm error network x\n",
            Unreachable,
            "ENOTFOUND",
        );
        check(
            "",
            "npm error A complete log of this run can be found in: /x\n",
            Internal,
            "it said nothing",
        );
        check("{\"broken", "", Internal, "npm failed");
    }
}
