//! What an answer or a failed attempt means.

use std::time::Duration;

use koc_api::InputFailureKind::{self, AccessDenied, InvalidInput, NotFound, Unreachable};
use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};

/// A server that names a longer pause does not want to be asked in time.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) kind: InputFailureKind,
    pub(super) sentence: String,
    /// Whether another attempt may succeed, and what pause the server asks for.
    pub(super) again: Again,
}

/// Whether another attempt may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// No: the same will come of it.
    Never,
    /// Yes.
    Later,
    /// Yes, after this pause.
    After(Duration),
}

impl Failed {
    pub(super) fn for_good(kind: InputFailureKind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
            again: Again::Never,
        }
    }

    pub(super) fn for_now(sentence: impl Into<String>) -> Self {
        Self {
            kind: Unreachable,
            sentence: sentence.into(),
            again: Again::Later,
        }
    }
}

/// Judges an answer that is neither a success nor a redirect.
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap, address: &str) -> Failed {
    let told = |what: &str| format!("{address} answers {status}: {what}");
    match status.as_u16() {
        401 => Failed::for_good(
            AccessDenied,
            told("it wants credentials, or others; check url.secretRef"),
        ),
        403 => Failed::for_good(AccessDenied, told("these credentials may not read it")),
        404 | 410 => Failed::for_good(NotFound, told("there is no such file")),
        407 => Failed::for_good(AccessDenied, told("the proxy wants credentials")),
        408 | 425 | 429 | 500..=599 => Failed {
            again: pause(headers).map_or(Again::Later, Again::After),
            ..Failed::for_now(told("the server has a problem"))
        },
        _ => Failed::for_good(InvalidInput, told("the server does not take this request")),
    }
}

fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// Judges an attempt without an answer.
pub(super) fn broken(error: &reqwest::Error, address: &str, limit: Duration) -> Failed {
    if error.is_timeout() {
        return Failed::for_now(format!(
            "{address} gave no complete answer within {} s; a longer url.timeout may help",
            limit.as_secs()
        ));
    }
    let causes = causes(error);
    if causes.contains("certificate") || causes.contains("UnknownIssuer") {
        return Failed::for_good(
            AccessDenied,
            format!(
                "{address} shows a certificate that is not trusted ({causes}); add its authority to caBundle"
            ),
        );
    }
    Failed::for_now(format!("{address} cannot be reached: {causes}"))
}

/// The innermost causes, which tell more than "error sending request".
fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.pop().unwrap_or_else(|| "the connection failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (code, kind, again) in [
            (400, InvalidInput, false),
            (401, AccessDenied, false),
            (403, AccessDenied, false),
            (404, NotFound, false),
            (410, NotFound, false),
            (429, Unreachable, true),
            (500, Unreachable, true),
            (503, Unreachable, true),
        ] {
            let failed = refusal(
                StatusCode::from_u16(code).unwrap(),
                &HeaderMap::new(),
                "https://h/x",
            );
            assert_eq!(
                (failed.kind, failed.again != Again::Never),
                (kind, again),
                "{code}"
            );
        }
    }

    #[test]
    fn the_server_chooses_the_pause_within_reason() {
        let mut headers = HeaderMap::new();
        for (text, expected) in [
            ("7", Again::After(Duration::from_secs(7))),
            ("99999", Again::After(LONGEST_PAUSE)),
            ("soon", Again::Later),
        ] {
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            let failed = refusal(StatusCode::SERVICE_UNAVAILABLE, &headers, "https://h/x");
            assert_eq!(failed.again, expected, "{text}");
        }
    }
}
