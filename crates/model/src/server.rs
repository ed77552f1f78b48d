//! The HTTP side.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::{
    chat::ChatRequest,
    demo::DEMO_MODEL,
    reply::{HttpError, Reply},
    script::Script,
};

/// A prompt of many megabytes is a test case, not an attack: only this machine can reach the provider.
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// The log of requests is for tests; a provider that runs for days must not grow with it.
const MAX_RECORDED: usize = 1000;

/// How the provider is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen. Port 0 lets the system choose.
    pub address: SocketAddr,
    /// The bearer token to demand, or `None` to take any caller.
    pub api_key: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api_key: None,
        }
    }
}

/// The provider could not start.
#[derive(Debug, thiserror::Error)]
#[error("the scripted model cannot listen on {address}: {source}")]
pub struct StartError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// One chat-completions request as it was seen.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The caller's session, from the header `x-session-id`; empty where it sent none.
    pub session: String,
    /// The status the request was answered with.
    pub status: u16,
    /// The decoded body.
    pub request: ChatRequest,
}

/// The provider. See [`ScriptedModel::start`].
#[derive(Debug)]
pub struct ScriptedModel;

/// A provider that is listening. It stops when this is dropped or [`RunningModel::shutdown`] is called.
#[derive(Debug)]
pub struct RunningModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

struct Shared {
    api_key: Option<String>,
    script: Script,
    recorded: Mutex<Vec<RecordedRequest>>,
    next_id: AtomicU64,
}

impl std::fmt::Debug for Shared {
    /// Says nothing: the key and the prompts are nobody's business.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Shared")
    }
}

impl ScriptedModel {
    /// Binds the address and serves until the returned handle is dropped.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(options: Options) -> Result<RunningModel, StartError> {
        let Options { address, api_key } = options;
        let failed = |source| StartError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            api_key,
            script: Script::default(),
            recorded: Mutex::default(),
            next_id: AtomicU64::new(1),
        });
        let router = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(completions))
            .fallback(no_route)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            // Graceful shutdown would wait for hanging answers, which is the opposite of what a test wants.
            tokio::select! {
                served = axum::serve(listener, router) => {
                    if let Err(error) = served {
                        tracing::warn!(%error, "the scripted model stopped serving");
                    }
                }
                _ = stopped => {}
            }
        });
        tracing::debug!(%address, "the scripted demo model is listening");
        Ok(RunningModel {
            address,
            shared,
            stop: Some(stop),
            task,
        })
    }
}

impl RunningModel {
    /// The `baseURL` for an OpenAI-compatible client, such as `http://127.0.0.1:41234/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The chat-completions requests so far, oldest first; of very many only the latest.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared
            .recorded
            .lock()
            .map(|recorded| recorded.clone())
            .unwrap_or_default()
    }

    /// Stops listening.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only when the server has ended already.
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for RunningModel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn models() -> Json<Value> {
    Json(
        json!({"object": "list", "data": [{"id": DEMO_MODEL, "object": "model", "owned_by": "kubeopencode"}]}),
    )
}

async fn no_route(request: Request) -> Response {
    failure(&HttpError {
        status: 404,
        message: format!("the scripted model has no route {}", request.uri().path()),
        retry_after: None,
    })
}

async fn completions(State(shared): State<Arc<Shared>>, headers: HeaderMap, request: Request) -> Response {
    let refuse = |status, message: String| {
        failure(&HttpError {
            status,
            message,
            retry_after: None,
        })
    };
    if let Some(key) = &shared.api_key {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if given.strip_prefix("Bearer ") != Some(key) {
            return refuse(401, "the scripted model was given a wrong API key".to_owned());
        }
    }
    let body = match axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await {
        Ok(body) => body,
        Err(error) => return refuse(413, format!("the request cannot be read: {error}")),
    };
    let chat: ChatRequest = match serde_json::from_slice(&body) {
        Ok(chat) => chat,
        Err(error) => return refuse(400, format!("the request is not a chat completion: {error}")),
    };
    let session = headers
        .get("x-session-id")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let reply = shared.script.reply(session, &chat);
    shared.record(session, &reply, &chat);
    // A hang is waited for before the first byte, so that the caller sees no headers either.
    let reply = match reply {
        Reply::Hang { wait, then } => {
            tokio::time::sleep(wait).await;
            *then
        }
        reply => reply,
    };
    let envelope = Envelope {
        id: format!("chatcmpl-{}", shared.next_id.fetch_add(1, Ordering::Relaxed)),
        model: chat.model.clone(),
        prompt_tokens: (body.len() / 4).max(1),
        usage: chat.wants_usage(),
    };
    match reply {
        Reply::Error(error) => failure(&error),
        reply if chat.stream => streamed(envelope, reply),
        reply => whole(&envelope, reply),
    }
}

impl Shared {
    fn record(&self, session: &str, reply: &Reply, request: &ChatRequest) {
        let status = match reply {
            Reply::Error(error) => error.status,
            _ => 200,
        };
        if let Ok(mut recorded) = self.recorded.lock() {
            if recorded.len() >= MAX_RECORDED {
                recorded.remove(0);
            }
            recorded.push(RecordedRequest {
                session: session.to_owned(),
                status,
                request: request.clone(),
            });
        }
    }
}

fn failure(error: &HttpError) -> Response {
    let HttpError {
        status,
        message,
        retry_after,
    } = error;
    let kind = if *status >= 500 {
        "server_error"
    } else {
        "invalid_request_error"
    };
    let body = Json(json!({"error": {"message": message, "type": kind, "code": status}}));
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    if let Some((name, value)) = retry_after
        && let Ok(value) = HeaderValue::from_str(value)
    {
        response.headers_mut().insert(*name, value);
    }
    response
}

/// What all chunks of one answer have in common.
struct Envelope {
    id: String,
    model: String,
    prompt_tokens: usize,
    usage: bool,
}

impl Envelope {
    fn chunk(&self, choices: Value) -> Value {
        json!({"id": self.id, "object": "chat.completion.chunk", "created": 0, "model": self.model, "choices": choices})
    }

    fn delta(&self, delta: Value, finish: Option<&str>) -> Value {
        self.chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
    }

    fn usage(&self, answer_bytes: usize) -> Value {
        let completion = (answer_bytes / 4).max(1);
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        })
    }
}

/// One thing to put on the wire.
enum Piece {
    Chunk(Value),
    Wait(Duration),
    Reset,
}

fn streamed(envelope: Envelope, reply: Reply) -> Response {
    let pieces = pieces(&envelope, reply);
    let body = stream::iter(pieces).then(|piece| async move {
        match piece {
            Piece::Chunk(Value::Null) => Ok("data: [DONE]\n\n".to_owned()),
            Piece::Chunk(chunk) => Ok(format!("data: {chunk}\n\n")),
            Piece::Wait(wait) => {
                tokio::time::sleep(wait).await;
                Ok(String::new())
            }
            Piece::Reset => Err(std::io::Error::other("broken off as the script demands")),
        }
    });
    event_stream(body)
}

fn event_stream(body: impl Stream<Item = Result<String, std::io::Error>> + Send + 'static) -> Response {
    // An empty piece would end a chunked body early in some clients.
    let body = body.filter(|piece| {
        let keep = !matches!(piece, Ok(text) if text.is_empty());
        async move { keep }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

fn pieces(envelope: &Envelope, reply: Reply) -> Vec<Piece> {
    let mut pieces = vec![Piece::Chunk(
        envelope.delta(json!({"role": "assistant", "content": ""}), None),
    )];
    let content = |text: &str| Piece::Chunk(envelope.delta(json!({"content": text}), None));
    let (finish, answer_bytes) = match reply {
        Reply::Text {
            text,
            finish,
            per_word: Some(pause),
        } => {
            for word in text.split_inclusive(' ') {
                pieces.extend([content(word), Piece::Wait(pause)]);
            }
            (finish, text.len())
        }
        Reply::Text {
            text,
            finish,
            per_word: None,
        } => {
            pieces.extend(chunks_of(&text).map(content));
            (finish, text.len())
        }
        Reply::Reasoning { thought, text } => {
            pieces.push(Piece::Chunk(
                envelope.delta(json!({"reasoning_content": thought}), None),
            ));
            pieces.push(content(&text));
            ("stop", thought.len() + text.len())
        }
        Reply::Tool { name, arguments } => {
            let arguments = arguments.to_string();
            let call = json!({"index": 0, "id": format!("call_{}", envelope.id), "type": "function",
                "function": {"name": name, "arguments": ""}});
            pieces.push(Piece::Chunk(envelope.delta(json!({"tool_calls": [call]}), None)));
            // In two halves, as real providers split arguments anywhere.
            let (first, second) = halves(&arguments);
            for part in [first, second] {
                let more = json!({"tool_calls": [{"index": 0, "function": {"arguments": part}}]});
                pieces.push(Piece::Chunk(envelope.delta(more, None)));
            }
            ("tool_calls", arguments.len())
        }
        Reply::Broken { text, reset } => {
            pieces.push(content(halves(&text).0));
            if reset {
                // The pause lets the first half reach the caller; an immediate error would swallow it.
                pieces.extend([Piece::Wait(Duration::from_millis(20)), Piece::Reset]);
            }
            return pieces;
        }
        // Both were dealt with before the answer began.
        Reply::Error(_) | Reply::Hang { .. } => ("stop", 0),
    };
    pieces.push(Piece::Chunk(envelope.delta(json!({}), Some(finish))));
    if envelope.usage {
        let mut last = envelope.chunk(json!([]));
        last["usage"] = envelope.usage(answer_bytes);
        pieces.push(Piece::Chunk(last));
    }
    pieces.push(Piece::Chunk(Value::Null));
    pieces
}

fn whole(envelope: &Envelope, reply: Reply) -> Response {
    let (message, finish) = match reply {
        Reply::Tool { name, arguments } => {
            let arguments = arguments.to_string();
            let call = json!({"id": format!("call_{}", envelope.id), "type": "function",
                "function": {"name": name, "arguments": arguments}});
            (
                json!({"role": "assistant", "content": null, "tool_calls": [call]}),
                "tool_calls",
            )
        }
        Reply::Text { text, finish, .. } => (json!({"role": "assistant", "content": text}), finish),
        Reply::Reasoning { thought, text } => (
            json!({"role": "assistant", "content": text, "reasoning_content": thought}),
            "stop",
        ),
        Reply::Broken { .. } => {
            let broken: stream::Iter<_> = stream::iter([
                Ok::<_, std::io::Error>("{\"id\":"),
                Err(std::io::Error::other("broken off")),
            ]);
            return Body::from_stream(broken).into_response();
        }
        Reply::Error(error) => return failure(&error),
        Reply::Hang { .. } => (Value::Null, "stop"),
    };
    let size = message.to_string().len();
    Json(json!({
        "id": envelope.id, "object": "chat.completion", "created": 0, "model": envelope.model,
        "usage": envelope.usage(size),
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }))
    .into_response()
}

/// Two halves at a character's border.
fn halves(text: &str) -> (&str, &str) {
    text.split_at(text.floor_char_boundary(text.len() / 2))
}

/// Pieces of a text small enough to look like a stream, and big enough to be quick for a large text.
fn chunks_of(text: &str) -> impl Iterator<Item = &str> {
    let size = (text.len() / 8).max(8);
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
        rest = after;
        Some(piece)
    })
}
