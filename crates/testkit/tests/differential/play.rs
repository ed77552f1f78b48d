//! Playing a case on one server.

use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::case::{Case, Expect, Step, Take};
use crate::names::Names;
use crate::normal;
use crate::server::{PATIENCE, Server, text};

/// Headers that clients read.
const HEADERS: [&str; 6] = [
    "allow",
    "cache-control",
    "content-type",
    "location",
    "retry-after",
    "warning",
];

/// The normalised answers of a case, and what was not as the case says.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) answers: Vec<Value>,
    pub(crate) complaints: Vec<String>,
}

/// Sends the requests of a case one after another.
pub(crate) async fn play(server: &Server, case: &Case) -> Played {
    let mut played = Played::default();
    let mut names = Names::default();
    let namespace = case.namespace();
    names.set("ns", namespace.as_str().into());
    names.set("core", format!("/api/v1/namespaces/{namespace}").into());
    names.set("apps", format!("/apis/apps/v1/namespaces/{namespace}").into());
    if let Err(error) = server.make_namespace(&namespace).await {
        played.complaints.push(format!("{error:#}"));
        return played;
    }
    for (at, step) in case.steps.iter().enumerate() {
        let complain = |what: &str| format!("{}, step {}: {what}", server.name(), at + 1);
        let answer = match take(server, step, &names).await {
            Ok(answer) => answer,
            Err(error) => {
                played.complaints.push(complain(&format!("{error:#}")));
                return played;
            }
        };
        let body = answer.body().clone();
        if let Some(wanted) = &step.expect
            && let Err(unmet) = met(wanted, &answer)
        {
            played.complaints.push(complain(&unmet));
        }
        for (name, pointer) in &step.save {
            match body.pointer(pointer) {
                Some(value) => names.set(name, value.clone()),
                None => played
                    .complaints
                    .push(complain(&format!("nothing to save at {pointer} in {body}"))),
            }
        }
        played.answers.push(answer.normal(step, &names));
    }
    played
}

/// An answer as it came.
struct Answer {
    code: u16,
    headers: Map<String, Value>,
    content: Content,
}

enum Content {
    Body(Value),
    Events(Value),
}

impl Answer {
    fn body(&self) -> &Value {
        match &self.content {
            Content::Body(value) | Content::Events(value) => value,
        }
    }

    /// The answer as it is compared.
    fn normal(self, step: &Step, names: &Names) -> Value {
        let mut headers = Value::Object(self.headers);
        normal::normalise(&mut headers, names);
        let (field, mut value) = match self.content {
            Content::Body(value) => ("body", value),
            Content::Events(value) => ("events", value),
        };
        if let Some(only) = &step.only
            && let Some(Value::Array(items)) = value.pointer_mut(&only.at)
        {
            items.retain(|item| {
                let has =
                    |(pointer, wanted): (&String, &Value)| item.pointer(pointer) == Some(&names.body(wanted));
                only.wanted.iter().all(has)
            });
        }
        for pointer in &step.ignore {
            normal::ignore(&mut value, pointer);
        }
        if let Some(prefix) = step
            .body
            .as_ref()
            .and_then(|body| body.pointer("/metadata/generateName")?.as_str())
        {
            normal::generated(&mut value, prefix);
        }
        normal::normalise(&mut value, names);
        for pointer in &step.sort {
            normal::sort(&mut value, pointer);
        }
        json!({"code": self.code, "headers": headers, field: value})
    }
}

/// Takes a step: once, or until the answer is the wanted one.
async fn take(server: &Server, step: &Step, names: &Names) -> anyhow::Result<Answer> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(10);
    loop {
        let answer = ask(server, step, names).await?;
        let Some(wanted) = &step.until else {
            return Ok(answer);
        };
        let Err(unmet) = met(wanted, &answer) else {
            return Ok(answer);
        };
        if Instant::now() > deadline {
            bail!("it did not come about: {unmet}");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

async fn ask(server: &Server, step: &Step, names: &Names) -> anyhow::Result<Answer> {
    let request = request(step, names)?;
    let (head, body) = server.send(request).await?.into_parts();
    let code = head.status.as_u16();
    let headers = shown(&head.headers);
    let content = match step.take {
        Some(wanted) if step.watch.is_some() && code == 200 => {
            Content::Events(events(body, wanted, step.bookmarks).await?)
        }
        _ => {
            let text = text(body).await?;
            Content::Body(serde_json::from_str(&text).unwrap_or(Value::String(text)))
        }
    };
    Ok(Answer {
        code,
        headers,
        content,
    })
}

fn request(step: &Step, names: &Names) -> anyhow::Result<Request<String>> {
    let line = names.path(&step.line())?;
    let (method, path) = line.split_once(' ').context("no method")?;
    let mut body = None;
    if let Some(raw) = &step.raw {
        body = Some(names.text(raw));
    } else if let Some(value) = &step.body {
        let mut value = names.body(value);
        for (pointer, size) in &step.fill {
            *place(&mut value, pointer) = "x".repeat(*size).into();
        }
        body = Some(value.to_string());
    }
    let content_type = match step.content_type.as_deref() {
        Some("json") => Some("application/json-patch+json"),
        Some("merge") => Some("application/merge-patch+json"),
        Some("strategic") => Some("application/strategic-merge-patch+json"),
        Some("apply") => Some("application/apply-patch+yaml"),
        Some(other) => Some(other),
        None => body.is_some().then_some("application/json"),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("user-agent", "differential/1.0");
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    for (name, value) in &step.headers {
        request = request.header(name, names.text(value));
    }
    Ok(request.body(body.unwrap_or_default())?)
}

/// The place of a pointer, made if it is missing.
fn place<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    let mut at = value;
    for token in normal::tokens(pointer) {
        at = match token.parse::<usize>() {
            Ok(index) if at.is_array() => &mut at[index],
            _ => &mut at[token.as_str()],
        };
    }
    at
}

fn shown(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown = Map::new();
    for name in HEADERS {
        let mut values: Vec<Value> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned().into())
            .collect();
        match values.len() {
            0 => {}
            1 => {
                shown.insert(name.into(), values.remove(0));
            }
            _ => {
                shown.insert(name.into(), values.into());
            }
        }
    }
    shown
}

/// Reads the lines of a watch.
async fn events(mut body: Body, wanted: Take, bookmarks: bool) -> anyhow::Result<Value> {
    let mut buffer: Vec<u8> = Vec::new();
    let mut events: Vec<Value> = Vec::new();
    let is_enough = |events: &[Value]| matches!(wanted, Take::Events(count) if events.len() >= count);
    while !is_enough(&events) {
        let frame = tokio::time::timeout(PATIENCE, body.frame())
            .await
            .with_context(|| format!("the watch went silent after {}", Value::from(events.clone())))?;
        let Some(frame) = frame else {
            match wanted {
                Take::Until(_) => break,
                Take::Events(_) => bail!("the watch ended after {}", Value::from(events)),
            }
        };
        let data = frame.map_err(|error| anyhow::anyhow!("{error}"))?.into_data();
        buffer.extend_from_slice(&data.unwrap_or_default());
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let event: Value = serde_json::from_slice(&line).context("a line of the watch is no JSON")?;
            if (bookmarks || event["type"] != "BOOKMARK") && !is_enough(&events) {
                events.push(event);
            }
        }
    }
    Ok(events.into())
}

/// What of the wanted answer is not so.
fn met(wanted: &Expect, answer: &Answer) -> Result<(), String> {
    let body = answer.body();
    let code = |wanted: u64| {
        if u64::from(answer.code) == wanted {
            Ok(())
        } else {
            Err(format!("code {} instead of {wanted}: {body}", answer.code))
        }
    };
    match wanted {
        Expect::Code(wanted) => code(u64::from(*wanted)),
        Expect::Values(values) => values.iter().try_for_each(|(pointer, wanted)| {
            if pointer == "code" {
                return code(wanted.as_u64().unwrap_or_default());
            }
            let found = body.pointer(pointer).unwrap_or(&Value::Null);
            if found == wanted {
                Ok(())
            } else {
                Err(format!("{found} instead of {wanted} at {pointer} in {body}"))
            }
        }),
    }
}
