//! Reading answers, errors above all.

use futures::StreamExt;
use reqwest::Response;
use serde_json::Value;

use crate::error::Error;

/// How much of an error answer is worth reading.
const MAX_ERROR_BYTES: usize = 16 * 1024;

/// The answer, unless it is an error.
pub(crate) async fn check(doing: &'static str, response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status.as_u16() == 401 {
        return Err(Error::Unauthorized { doing });
    }
    let body = read(response, MAX_ERROR_BYTES)
        .await
        .map(|(body, _)| body)
        .unwrap_or_default();
    Err(Error::Status {
        doing,
        status: status.as_u16(),
        detail: detail(&body),
    })
}

/// The sentence in an error answer, where there is one.
fn detail(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let found = ["/data/message", "/message", "/error/message", "/name"]
        .into_iter()
        .find_map(text);
    let message = sentence(found.unwrap_or_default());
    match text("/data/path") {
        Some(path) if !message.is_empty() => shorten(&format!("{path}: {message}")),
        _ => shorten(&message),
    }
}

/// One line. OpenCode quotes a configuration that it cannot parse, with the credentials in it; only what it says about
/// the configuration is kept.
fn sentence(text: &str) -> String {
    let complaints = match text.split_once("--- Errors ---") {
        Some((_, rest)) => rest.split("--- End ---").next().unwrap_or_default(),
        None if text.contains("--- JSONC Input ---") => "the configuration is not JSON",
        None => text,
    };
    let is_quote = |line: &str| {
        line.strip_prefix("Line ")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let lines = complaints
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !is_quote(line));
    lines.filter(|line| *line != "^").collect::<Vec<_>>().join("; ")
}

fn shorten(text: &str) -> String {
    text.chars().take(300).collect()
}

/// At most `limit` bytes of a body, and whether that was all.
pub(crate) async fn read(response: Response, limit: usize) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Ok((body, false));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_that_opencode_quotes_is_not_repeated() {
        let message = "\n--- JSONC Input ---\n{\"apiKey\":\"hunter2\", broken\n\n--- Errors ---\nInvalidSymbol at line 1, \
                       column 2\n   Line 1: {\"apiKey\":\"hunter2\"\n           ^\n--- End ---";
        let body =
            json!({"name": "ConfigJsonError", "data": {"path": "/tools/opencode.json", "message": message}});
        let detail = detail(body.to_string().as_bytes());
        assert_eq!(detail, "/tools/opencode.json: InvalidSymbol at line 1, column 2");
        assert!(!sentence("--- JSONC Input ---\nhunter2").contains("hunter2"));
    }
}
