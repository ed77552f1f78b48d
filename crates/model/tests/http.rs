//! The provider over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use koc_model::{Options, RunningModel, ScriptedModel};
use serde_json::{Value, json};

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn ask(model: &RunningModel, prompt: &str, stream: bool) -> (u16, String) {
    let body = json!({
        "model": "m", "stream": stream, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": prompt}],
    });
    let url = format!("{}/chat/completions", model.base_url());
    let response = client().post(url).body(body.to_string()).send().await.unwrap();
    let status = response.status().as_u16();
    (
        status,
        response
            .text()
            .await
            .unwrap_or_else(|error| format!("broken: {error}")),
    )
}

fn events(body: &str) -> Vec<Value> {
    body.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn text(events: &[Value]) -> String {
    events
        .iter()
        .filter_map(|event| event.pointer("/choices/0/delta/content")?.as_str())
        .collect()
}

fn finish(events: &[Value]) -> Option<&str> {
    events
        .iter()
        .find_map(|event| event.pointer("/choices/0/finish_reason")?.as_str())
}

#[tokio::test]
async fn an_answer_is_streamed_with_finish_reason_and_usage() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let model = ScriptedModel::start(Options::default()).await.unwrap();
    for (prompt, expected, reason) in [
        ("@@say hello wörld", "hello wörld", Some("stop")),
        ("@@slow 1 one two three", "one two three", Some("stop")),
        ("@@finish length a b", "a b", Some("length")),
        ("@@cut abcdef", "abc", None),
    ] {
        let (status, body) = ask(&model, prompt, true).await;
        let events = events(&body);
        assert_eq!(
            (status, text(&events).as_str(), finish(&events)),
            (200, expected, reason),
            "{prompt}"
        );
        assert_eq!(body.ends_with("data: [DONE]\n\n"), reason.is_some(), "{prompt}");
        let usage = events
            .iter()
            .find_map(|event| event.pointer("/usage/total_tokens")?.as_u64());
        assert_eq!(usage.is_some(), reason.is_some(), "{prompt}");
    }
    let (_, body) = ask(&model, "@@big 3000000", true).await;
    assert_eq!(text(&events(&body)).len(), 3_000_000);
    let (_, body) = ask(&model, "@@drop abcdef", true).await;
    assert!(body.starts_with("broken:"), "{body}");
    let (_, body) = ask(&model, "@@bash ls", true).await;
    assert_eq!(finish(&events(&body)), Some("tool_calls"));
    let arguments: String = events(&body)
        .iter()
        .filter_map(|event| {
            event
                .pointer("/choices/0/delta/tool_calls/0/function/arguments")?
                .as_str()
        })
        .collect();
    assert_eq!(
        serde_json::from_str::<Value>(&arguments).unwrap()["command"],
        "ls"
    );
    assert_eq!(model.requests().len(), 7);
    model.shutdown().await;
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_one_document() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let model = ScriptedModel::start(Options::default()).await.unwrap();
    let (status, body) = ask(&model, "@@say hi", false).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &body["choices"][0]["message"]["content"]),
        (200, &json!("hi"))
    );
}

#[tokio::test]
async fn faults_have_the_status_and_the_header_asked_for() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let model = ScriptedModel::start(Options::default()).await.unwrap();
    let (status, body) = ask(
        &model,
        "@@error 429 times=1 retry-after-ms=7 slow down\n@@say ok",
        true,
    )
    .await;
    assert_eq!(status, 429);
    assert!(body.contains("slow down"), "{body}");
    let (status, _) = ask(
        &model,
        "@@error 429 times=1 retry-after-ms=7 slow down\n@@say ok",
        true,
    )
    .await;
    assert_eq!(status, 200);
    let (status, _) = ask(&model, "@@error 401", true).await;
    assert_eq!(status, 401);
    let recorded: Vec<u16> = model.requests().iter().map(|request| request.status).collect();
    assert_eq!(recorded, [429, 200, 401]);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_printed() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Options {
        api_key: Some("k-very-secret".to_owned()),
        ..Options::default()
    };
    let model = ScriptedModel::start(options).await.unwrap();
    let (status, body) = ask(&model, "@@say hi", true).await;
    assert_eq!(status, 401);
    assert!(!body.contains("k-very-secret"));
    assert!(!format!("{model:?}").contains("k-very-secret"));
}
