//! The `@@` lines of a prompt.

use std::time::Duration;

use serde_json::json;

use crate::reply::{HttpError, Reply};

/// A hang without a number lasts longer than any test or patience.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// Nobody needs more from `@@big`, and a typing mistake must not eat the machine's memory.
const MAX_BIG: usize = 512 * 1024 * 1024;

/// One parsed line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Directive {
    /// Answers one request.
    Step(Reply),
    /// Fails the requests for the following step this many times; `None` means always.
    Fault { error: HttpError, times: Option<u32> },
    /// Delays the following step.
    Delay(Duration),
}

/// All directives of a prompt, in order. Other lines are ignored.
pub(crate) fn parse(prompt: &str) -> Vec<Directive> {
    prompt
        .lines()
        .filter_map(|line| line.trim().strip_prefix("@@"))
        .map(parse_line)
        .collect()
}

fn parse_line(line: &str) -> Directive {
    let (verb, rest) = split_word(line);
    let step = match verb {
        "say" => Reply::text(unescape(rest)),
        "think" => Reply::Reasoning {
            thought: unescape(rest),
            text: "thought.".to_owned(),
        },
        "bash" => Reply::tool(
            "bash",
            json!({"command": rest, "description": "Runs a scripted command"}),
        ),
        "write" => {
            let (path, body) = split_word(rest);
            Reply::tool("write", json!({"filePath": path, "content": unescape(body)}))
        }
        "read" => Reply::tool("read", json!({"filePath": rest})),
        "tool" => {
            let (name, body) = split_word(rest);
            match serde_json::from_str(if body.is_empty() { "{}" } else { body }) {
                Ok(arguments) => Reply::Tool {
                    name: name.to_owned(),
                    arguments,
                },
                Err(error) => mistake(line, &error.to_string()),
            }
        }
        "big" => match rest.trim().parse::<usize>() {
            Ok(bytes) if bytes <= MAX_BIG => Reply::text(lines_of(bytes)),
            _ => mistake(line, "expected a number of bytes, at most 512 MiB"),
        },
        "slow" => {
            let (millis, text) = split_word(rest);
            match millis.parse() {
                Ok(millis) => Reply::Text {
                    text: unescape(text),
                    finish: "stop",
                    per_word: Some(Duration::from_millis(millis)),
                },
                Err(_) => mistake(line, "expected milliseconds and a text"),
            }
        }
        "cut" => Reply::Broken {
            text: unescape(rest),
            reset: false,
        },
        "drop" => Reply::Broken {
            text: unescape(rest),
            reset: true,
        },
        "finish" => {
            let (reason, text) = split_word(rest);
            let finish = match reason {
                "length" => "length",
                "content_filter" => "content_filter",
                "tool_calls" => "tool_calls",
                _ => "stop",
            };
            Reply::Text {
                text: unescape(text),
                finish,
                per_word: None,
            }
        }
        "error" => return parse_error(line, rest),
        "hang" => {
            return match rest.trim() {
                "" => Directive::Delay(FOR_EVER),
                number => match number
                    .parse::<f64>()
                    .ok()
                    .and_then(|s| Duration::try_from_secs_f64(s).ok())
                {
                    Some(wait) => Directive::Delay(wait),
                    None => Directive::Step(mistake(line, "expected a number of seconds")),
                },
            };
        }
        _ => mistake(line, "there is no such directive"),
    };
    Directive::Step(step)
}

/// `STATUS [times=N] [retry-after=S] [retry-after-ms=N] [MESSAGE]`
fn parse_error(line: &str, rest: &str) -> Directive {
    let (status, mut rest) = split_word(rest);
    let Some(status) = status
        .parse::<u16>()
        .ok()
        .filter(|status| (400..600).contains(status))
    else {
        return Directive::Step(mistake(line, "expected a status from 400 to 599"));
    };
    let (mut times, mut retry_after) = (None, None);
    loop {
        let (word, after) = split_word(rest);
        match word.split_once('=') {
            Some(("times", number)) => times = number.parse().ok(),
            Some(("retry-after", value)) => retry_after = Some(("retry-after", value.to_owned())),
            Some(("retry-after-ms", value)) => retry_after = Some(("retry-after-ms", value.to_owned())),
            _ => break,
        }
        rest = after;
    }
    let message = if rest.is_empty() {
        format!("scripted provider error {status}")
    } else {
        rest.to_owned()
    };
    Directive::Fault {
        error: HttpError {
            status,
            message,
            retry_after,
        },
        times,
    }
}

/// A wrong directive is answered in words, so that the person who wrote it sees it in the log.
fn mistake(line: &str, why: &str) -> Reply {
    Reply::text(format!("The directive \"@@{line}\" cannot be used: {why}."))
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

/// Exactly `bytes` bytes of text, broken into lines so that a reader sees where a truncation happened.
fn lines_of(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 80);
    let mut line = 0_usize;
    while text.len() < bytes {
        line += 1;
        text.push_str(&format!("{line:09} {}\n", "x".repeat(53)));
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Directive) {
        assert_eq!(
            parse(&format!("some text\n  {line}\nmore text")),
            vec![expected],
            "{line}"
        );
    }

    fn fault(
        status: u16,
        message: &str,
        times: Option<u32>,
        retry: Option<(&'static str, &str)>,
    ) -> Directive {
        let retry_after = retry.map(|(name, value)| (name, value.to_owned()));
        Directive::Fault {
            error: HttpError {
                status,
                message: message.to_owned(),
                retry_after,
            },
            times,
        }
    }

    #[test]
    fn every_directive_is_understood() {
        check(
            "@@say all done\\nbye",
            Directive::Step(Reply::text("all done\nbye")),
        );
        check("@@say", Directive::Step(Reply::text("")));
        check(
            "@@bash echo a  b",
            Directive::Step(Reply::tool(
                "bash",
                json!({"command": "echo a  b", "description": "Runs a scripted command"}),
            )),
        );
        check(
            "@@write /a b c",
            Directive::Step(Reply::tool("write", json!({"filePath": "/a", "content": "b c"}))),
        );
        check(
            "@@read /a",
            Directive::Step(Reply::tool("read", json!({"filePath": "/a"}))),
        );
        check(
            "@@tool x {\"y\":1}",
            Directive::Step(Reply::tool("x", json!({"y": 1}))),
        );
        check("@@tool x", Directive::Step(Reply::tool("x", json!({}))));
        check(
            "@@cut abc",
            Directive::Step(Reply::Broken {
                text: "abc".into(),
                reset: false,
            }),
        );
        check(
            "@@drop abc",
            Directive::Step(Reply::Broken {
                text: "abc".into(),
                reset: true,
            }),
        );
        check("@@hang 1.5", Directive::Delay(Duration::from_millis(1500)));
        check("@@hang", Directive::Delay(FOR_EVER));
        check(
            "@@error 401",
            fault(401, "scripted provider error 401", None, None),
        );
        check("@@error 500 boom boom", fault(500, "boom boom", None, None));
        check(
            "@@error 429 times=2 retry-after=1 slow down",
            fault(429, "slow down", Some(2), Some(("retry-after", "1"))),
        );
        check("@@error 429 retry-after-ms=20", {
            fault(
                429,
                "scripted provider error 429",
                None,
                Some(("retry-after-ms", "20")),
            )
        });
    }

    #[test]
    fn a_wrong_directive_says_so_in_the_answer() {
        for line in [
            "@@nope",
            "@@error 200",
            "@@error",
            "@@hang soon",
            "@@tool x {",
            "@@big many",
            "@@slow x y",
        ] {
            match parse(line).as_slice() {
                [Directive::Step(Reply::Text { text, .. })] => assert!(text.contains(line), "{line}: {text}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn big_text_has_exactly_the_size_asked_for() {
        for bytes in [0, 1, 63, 64, 65, 100_000] {
            assert_eq!(lines_of(bytes).len(), bytes);
        }
    }

    #[test]
    fn a_value_is_not_read_as_a_directive() {
        assert_eq!(parse("mail me@@home or a @@say inside a line"), vec![]);
    }
}
