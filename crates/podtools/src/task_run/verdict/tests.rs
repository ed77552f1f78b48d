use std::time::Duration;

use super::*;

fn answer(finish: Option<&str>) -> Evidence {
    Evidence {
        last: Some(LastAnswer {
            finish: finish.map(str::to_owned),
            fault: None,
        }),
        did_something: true,
        ..Evidence::default()
    }
}

fn failed(fault: Fault) -> Evidence {
    Evidence {
        last: Some(LastAnswer {
            finish: None,
            fault: Some(fault),
        }),
        ..Evidence::default()
    }
}

fn over(ending: Ending) -> Evidence {
    Evidence {
        ending,
        ..Evidence::default()
    }
}

fn api(status: Option<u16>, message: &str) -> Fault {
    let fault = Fault::new("APIError", message);
    status.map_or(fault.clone(), |status| fault.with_status(status))
}

#[track_caller]
fn check(evidence: Evidence, reason: &str, part_of_message: &str) {
    let result = decide(&evidence);
    assert_eq!(result.reason, reason, "{result:?}");
    assert!(
        result.message.contains(part_of_message),
        "{part_of_message:?} is not in {:?}",
        result.message
    );
    assert_eq!(result.outcome == Outcome::Completed, reason == "Completed");
    assert!(!result.message.is_empty());
}

#[test]
fn a_turn_that_ended_well_is_completed() {
    check(answer(Some("stop")), "Completed", "finished its turn.");
    check(answer(Some("end-of-something-new")), "Completed", "finished");
    check(
        Evidence {
            retries: 2,
            ..answer(Some("stop"))
        },
        "Completed",
        "asked again 2 times",
    );
    // The stream broke off once and OpenCode asked again: the run recovered, and says so.
    check(
        Evidence {
            broken_streams: 1,
            ..answer(Some("stop"))
        },
        "Completed",
        "broke off once",
    );
    // The model was told no and found another way.
    check(
        Evidence {
            refused: vec!["bash (rm x)".into()],
            ..answer(Some("stop"))
        },
        "Completed",
        "nobody was there to allow it: bash (rm x)",
    );
    // Some models end silently after their tools have done the work.
    check(
        Evidence {
            did_something: true,
            ..answer(Some("stop"))
        },
        "Completed",
        "",
    );
}

#[test]
fn a_turn_that_only_looks_ended_well_is_failed() {
    // `opencode run` exits with 0 in each of these.
    check(answer(Some("unknown")), "StreamBroken", "broke off");
    check(answer(None), "StreamBroken", "without a reason");
    check(answer(Some("tool-calls")), "StreamBroken", "after a tool call");
    check(
        Evidence {
            refused: vec!["bash (rm x)".into()],
            ..answer(Some("tool-calls"))
        },
        "PermissionRequired",
        "bash (rm x)",
    );
    check(
        Evidence {
            did_something: false,
            ..answer(Some("stop"))
        },
        "ProviderError",
        "nothing at all",
    );
    check(answer(Some("length")), "ProviderError", "output limit");
    check(answer(Some("content-filter")), "ProviderError", "content filter");
    check(Evidence::default(), "StreamBroken", "without any answer");
    // The HTTP API answers 200 and puts the error into the message.
    check(
        failed(api(Some(401), "bad key")),
        "ProviderError",
        "refused the credentials with status 401: bad key",
    );
    check(failed(api(Some(403), "no")), "ProviderError", "credentials");
    check(
        failed(Fault::new("ProviderAuthError", "no key")),
        "ProviderError",
        "credentials",
    );
    check(
        failed(api(Some(404), "no such model")),
        "ProviderError",
        "Check `model` and `baseURL`",
    );
    check(
        failed(api(Some(400), "bad")),
        "ProviderError",
        "failed with status 400: bad",
    );
    check(
        Evidence {
            retries: 5,
            ..failed(api(Some(429), "slow down"))
        },
        "RetriesExhausted",
        "429 after 5 retries",
    );
    check(
        Evidence {
            retries: 1,
            ..failed(api(Some(503), "busy"))
        },
        "RetriesExhausted",
        "after 1 retry: busy",
    );
    check(
        Evidence {
            retries: 5,
            ..failed(api(None, "refused"))
        },
        "RetriesExhausted",
        "failed after 5 retries: refused",
    );
    check(
        failed(Fault::new("MessageAbortedError", "aborted")),
        "Stopped",
        "aborted",
    );
    check(
        failed(Fault::new("ContextOverflowError", "too long")),
        "ProviderError",
        "does not fit",
    );
    check(
        failed(Fault::new("MessageOutputLengthError", "")),
        "ProviderError",
        "output limit",
    );
    check(
        failed(Fault::new("ContentFilterError", "no")),
        "ProviderError",
        "content filter",
    );
    check(
        failed(Fault::new("SomethingNew", "odd")),
        "ProviderError",
        "SomethingNew: odd",
    );
}

#[test]
fn an_error_of_the_session_counts_where_no_answer_has_one() {
    let fault = Some(Fault::new(
        "UnknownError",
        "Model not found: fake/nope.\n  at x.js:1",
    ));
    check(
        Evidence {
            fault: fault.clone(),
            ..Evidence::default()
        },
        "InvalidInput",
        "Model not found: fake/nope.",
    );
    check(
        Evidence {
            fault,
            ..answer(Some("stop"))
        },
        "InvalidInput",
        "Model not found",
    );
    let both = Evidence {
        fault: Some(Fault::new("X", "general")),
        ..failed(api(Some(401), "precise"))
    };
    check(both, "ProviderError", "precise");
}

#[test]
fn every_other_ending_has_its_reason() {
    let tail = || vec!["first".to_owned(), "Error: boom".to_owned()];
    check(
        over(Ending::InvalidInput("There is no prompt.".into())),
        "InvalidInput",
        "There is no prompt.",
    );
    check(
        over(Ending::NotStarted {
            exit: Some(Exit::Code(1)),
            waited: Duration::ZERO,
            tail: tail(),
        }),
        "OpenCodeNotStarted",
        "(exit code 1). It printed: first | Error: boom",
    );
    check(
        over(Ending::NotStarted {
            exit: None,
            waited: Duration::from_secs(60),
            tail: vec![],
        }),
        "OpenCodeNotStarted",
        "not ready after 60 s. Give the container more CPU or memory, or a longer start timeout. It printed nothing.",
    );
    check(
        over(Ending::Refused("bad config".into())),
        "InvalidInput",
        "bad config",
    );
    check(
        over(Ending::Crashed {
            exit: Exit::Signal(9),
            tail: tail(),
        }),
        "OpenCodeCrashed",
        "out of memory",
    );
    check(
        over(Ending::Crashed {
            exit: Exit::Code(3),
            tail: vec![],
        }),
        "OpenCodeCrashed",
        "exit code 3",
    );
    check(
        over(Ending::Unreachable("timeout".into())),
        "OpenCodeCrashed",
        "timeout",
    );
    check(over(Ending::Stopped(15)), "Stopped", "SIGTERM");
    check(
        over(Ending::NoProgress(
            Duration::from_secs(1800),
            "the provider".into(),
        )),
        "NoProgress",
        "30 min",
    );
    check(over(Ending::Stalled), "StreamBroken", "idle");
    check(
        Evidence {
            broken_streams: 5,
            ..over(Ending::BrokenStreams)
        },
        "StreamBroken",
        "5 times in a row",
    );
}

#[test]
fn numbers_are_carried_over() {
    let mut evidence = answer(Some("stop"));
    evidence.session = Some(("ses_1".into(), "title".into()));
    evidence.totals.cost = 0.0012;
    evidence.totals.files = 2;
    evidence.retries = 3;
    let result = decide(&evidence);
    assert_eq!(result.cost, "0.001200");
    assert_eq!(
        (result.files_changed, result.retries, result.exit_code),
        (2, 3, None)
    );
    assert_eq!(result.session_id.as_deref(), Some("ses_1"));
    let crashed = over(Ending::Crashed {
        exit: Exit::Signal(9),
        tail: vec![],
    });
    assert_eq!(decide(&crashed).exit_code, Some(137));
    evidence.totals.cost = f64::NAN;
    assert_eq!(decide(&evidence).cost, "0.000000");
}
