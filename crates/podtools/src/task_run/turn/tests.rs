use super::*;

const NOW: i64 = 1_795_374_231_431;

fn event(kind: &str, properties: &str) -> Event {
    Event::parse(&format!(r#"{{"type":"{kind}","properties":{properties}}}"#))
}

/// Plays events and returns what is printed; other acts appear in angle brackets.
fn play(turn: &mut Turn, events: &[(&str, &str)]) -> Vec<String> {
    let acts = events
        .iter()
        .flat_map(|(kind, properties)| turn.observe(event(kind, properties), NOW).0);
    acts.map(|act| match act {
        Act::Print(text) => text,
        other => format!("<{other:?}>"),
    })
    .collect()
}

fn check(events: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(play(&mut Turn::new("ses_1"), events), expected);
}

const ASSISTANT: (&str, &str) = (
    "message.updated",
    r#"{"sessionID":"ses_1","info":{"id":"msg_2","role":"assistant","providerID":"fake","modelID":"m"}}"#,
);

#[test]
fn a_tool_call_and_an_answer_are_shown_once() {
    let tool = |state: &str| {
        format!(
            r#"{{"sessionID":"ses_1","part":{{"id":"prt_1","type":"tool","tool":"bash","state":{state}}}}}"#
        )
    };
    let pending = tool(r#"{"status":"pending","input":{}}"#);
    let running = tool(r#"{"status":"running","input":{"command":"ls"}}"#);
    let more = tool(r#"{"status":"running","input":{"command":"ls"},"metadata":{"output":"a"}}"#);
    let done =
        tool(r#"{"status":"completed","input":{"command":"ls"},"output":"a\n","metadata":{"exit":0}}"#);
    let text = r#"{"sessionID":"ses_1","part":{"id":"prt_2","messageID":"msg_2","type":"text","text":"bye","time":{"start":1,"end":2}}}"#;
    let step = r#"{"sessionID":"ses_1","part":{"id":"prt_0","type":"step-start"}}"#;
    check(
        &[
            ASSISTANT,
            ("message.part.updated", step),
            ("message.part.updated", &pending),
            ("message.part.updated", &running),
            ("message.part.updated", &more),
            ("message.part.updated", &done),
            ("message.part.updated", &done),
            ("message.part.updated", text),
            ("message.part.updated", text),
            ("session.idle", r#"{"sessionID":"ses_1"}"#),
        ],
        &[
            "● model fake/m",
            "● step 1",
            "→ bash: ls",
            "    a",
            "✓ bash",
            "bye",
            "<LookForEnd>",
        ],
    );
}

#[test]
fn the_prompt_and_unfinished_text_are_not_shown() {
    check(
        &[
            (
                "message.updated",
                r#"{"sessionID":"ses_1","info":{"id":"msg_1","role":"user"}}"#,
            ),
            ASSISTANT,
            (
                "message.part.updated",
                r#"{"sessionID":"ses_1","part":{"id":"a","messageID":"msg_1","type":"text","text":"prompt","time":{"end":1}}}"#,
            ),
            (
                "message.part.updated",
                r#"{"sessionID":"ses_1","part":{"id":"b","messageID":"msg_2","type":"text","text":"ha"}}"#,
            ),
            (
                "message.part.updated",
                r#"{"sessionID":"ses_1","part":{"id":"c","messageID":"msg_2","type":"reasoning","text":"hm","time":{"end":1}}}"#,
            ),
        ],
        &["● model fake/m"],
    );
}

#[test]
fn retries_become_visible() {
    let retry = |attempt: i64, wait: i64| {
        format!(
            r#"{{"sessionID":"ses_1","status":{{"type":"retry","attempt":{attempt},"message":"slow down","next":{}}}}}"#,
            NOW + wait
        )
    };
    let (first, second) = (retry(1, 2200), retry(2, 6800));
    let mut turn = Turn::new("ses_1");
    let lines = play(
        &mut turn,
        &[
            ("session.status", &first),
            ("session.status", &first),
            ("session.status", &second),
        ],
    );
    assert_eq!(
        lines,
        [
            "⟳ the provider said: slow down (try 2 in 2.2 s)",
            "⟳ the provider said: slow down (try 3 in 6.8 s)"
        ]
    );
    assert_eq!(
        (turn.retries, turn.waiting_for(NOW).as_str()),
        (2, "the provider (try 3, asked again in 6.8 s)")
    );
    assert_eq!(turn.waiting_for(NOW + 10_000), "the provider (try 3)");
}

#[test]
fn permissions_and_questions_are_refused_once_also_for_sub_agents() {
    let child = r#"{"sessionID":"ses_2","info":{"id":"ses_2","parentID":"ses_1"}}"#;
    let ask = r#"{"id":"per_1","sessionID":"ses_2","permission":"bash","patterns":["rm x"]}"#;
    let question = r#"{"id":"que_1","sessionID":"ses_1","questions":[{"question":"Which?"}]}"#;
    let mut turn = Turn::new("ses_1");
    let lines = play(
        &mut turn,
        &[
            ("permission.asked", ask), // not ours yet
            ("session.created", child),
            ("permission.asked", ask),
            ("permission.asked", ask),
            ("question.asked", question),
        ],
    );
    assert_eq!(
        lines,
        [
            "? OpenCode asks for permission: bash (rm x)\n✗ refused, because nobody is here to allow it",
            "<RefusePermission(\"per_1\")>",
            "? OpenCode asks a question (Which?)\n✗ refused, because nobody is here to answer it",
            "<RefuseQuestion(\"que_1\")>",
        ]
    );
    assert_eq!(turn.refused, ["bash (rm x)", "question (Which?)"]);
}

#[test]
fn other_sessions_and_heartbeats_are_no_news() {
    let mut turn = Turn::new("ses_1");
    for (kind, properties) in [
        ("server.heartbeat", "{}"),
        ("plugin.added", "{}"),
        ("session.idle", r#"{"sessionID":"ses_9"}"#),
        ("session.error", r#"{"sessionID":"ses_9","error":{"name":"X"}}"#),
        (
            "permission.asked",
            r#"{"id":"per_1","sessionID":"ses_9","permission":"bash"}"#,
        ),
    ] {
        assert_eq!(
            turn.observe(event(kind, properties), NOW),
            (vec![], false),
            "{kind}"
        );
    }
    assert!(
        turn.observe(event("message.part.delta", r#"{"sessionID":"ses_1"}"#), NOW)
            .1
    );
}

#[test]
fn an_error_belongs_to_the_answer_after_which_it_came() {
    let mut turn = Turn::new("ses_1");
    let error = (
        "session.error",
        r#"{"sessionID":"ses_1","error":{"name":"X","data":{"message":"boom"}}}"#,
    );
    let twice = (
        "session.error",
        r#"{"sessionID":"ses_1","error":{"name":"X","data":{"message":"XError: boom"}}}"#,
    );
    assert_eq!(play(&mut turn, &[error, twice]), ["✗ error: boom"]);
    assert_eq!(turn.fault.as_ref().map(Fault::text), Some("boom"));
    play(&mut turn, &[ASSISTANT]);
    assert_eq!(turn.fault, None);
    // The same answer again is not a new beginning.
    play(&mut turn, &[error, ASSISTANT]);
    assert!(turn.fault.is_some());
}

#[test]
fn a_stream_that_always_breaks_is_given_up() {
    let mut turn = Turn::new("ses_1");
    let mut finish = |number: i32, reason: &str| {
        let part = format!(
            r#"{{"sessionID":"ses_1","part":{{"id":"p{number}","type":"step-finish","reason":"{reason}"}}}}"#
        );
        play(&mut turn, &[("message.part.updated", &part)])
            .last()
            .cloned()
    };
    for number in 0..4 {
        assert!(finish(number, "unknown").is_some_and(|line| line.contains("broke off")));
    }
    assert_eq!(finish(4, "tool-calls"), None);
    for number in 5..9 {
        assert!(finish(number, "unknown").is_some_and(|line| line.contains("broke off")));
    }
    assert_eq!(finish(9, "unknown").as_deref(), Some("<GiveUp(BrokenStreams)>"));
    assert_eq!(turn.broken_streams, 9);
}

#[test]
fn a_conversation_that_never_fits_is_given_up() {
    let mut turn = Turn::new("ses_1");
    let compacted = ("session.compacted", r#"{"sessionID":"ses_1"}"#);
    let tool = (
        "message.part.updated",
        r#"{"sessionID":"ses_1","part":{"id":"t","type":"tool","tool":"read","state":{"status":"completed"}}}"#,
    );
    let lines = play(
        &mut turn,
        &[
            compacted, compacted, compacted, tool, compacted, compacted, compacted,
        ],
    );
    assert!(!lines.iter().any(|line| line.contains("GiveUp")), "{lines:?}");
    assert_eq!(
        play(&mut turn, &[compacted]).last().map(String::as_str),
        Some("<GiveUp(Overflow)>")
    );
}

#[test]
fn what_events_missed_is_caught_up_without_repetition() {
    let messages: Vec<Message> = serde_json::from_str(
        r#"[{"info":{"id":"msg_1","role":"user"},"parts":[{"id":"a","type":"text","text":"prompt","time":{"end":1}}]},
            {"info":{"id":"msg_2","role":"assistant","providerID":"fake","modelID":"m"},"parts":[
             {"id":"s","type":"step-start"},
             {"id":"b","type":"text","text":"hello","time":{"end":1}},
             {"id":"f","type":"step-finish","reason":"stop"}]}]"#,
    )
    .unwrap();
    let mut turn = Turn::new("ses_1");
    let print = |text: &str| Act::Print(text.to_owned());
    assert_eq!(
        turn.catch_up(&messages),
        [print("● model fake/m"), print("● step 1"), print("hello")]
    );
    assert_eq!(turn.catch_up(&messages), []);
}

#[test]
fn the_end_of_a_turn_needs_a_complete_answer_or_an_error() {
    let fault = Fault::new("X", "");
    let message = |info: &str| -> Message { serde_json::from_str(&format!(r#"{{"info":{info}}}"#)).unwrap() };
    let user = || message(r#"{"id":"msg_1","role":"user"}"#);
    let open = || message(r#"{"id":"msg_2","role":"assistant"}"#);
    let whole = || message(r#"{"id":"msg_2","role":"assistant","time":{"completed":1}}"#);
    assert!(has_ended(&[user(), whole()], None));
    assert!(!has_ended(&[user(), open()], None));
    assert!(!has_ended(&[user(), open()], Some(&fault)));
    assert!(!has_ended(&[user()], None));
    assert!(has_ended(&[user()], Some(&fault)));
    assert!(!has_ended(&[], None));
}
