//! Streams of a program over one websocket: each frame begins with the number of its channel.

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::runtime::{InputStream, OutputStream, Resize};

/// Subprotocols in order of preference; the first can close a single channel.
pub(super) const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
pub(super) const STDIN: u8 = 0;
pub(super) const STDOUT: u8 = 1;
pub(super) const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// A program's streams, however it was come by.
pub(super) struct Streams {
    pub(super) stdin: Option<InputStream>,
    /// What it prints, by channel. Ends when nothing more comes.
    pub(super) output: mpsc::Receiver<(u8, Bytes)>,
    pub(super) resize: Option<Resize>,
    /// The program's exit code, or why there is none.
    pub(super) exit: BoxFuture<'static, Result<i32, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    width: u16,
    height: u16,
}

/// A frame of a channel.
pub(super) fn frame(channel: u8, bytes: &[u8]) -> Message {
    let mut data = Vec::with_capacity(bytes.len() + 1);
    data.push(channel);
    data.extend_from_slice(bytes);
    Message::Binary(data.into())
}

/// The end of a session that went as it should. A close without a code is an error to clients.
pub(super) fn farewell() -> Message {
    Message::Close(Some(CloseFrame {
        code: close_code::NORMAL,
        reason: "".into(),
    }))
}

/// Copies a stream into the channel until it ends; goes on reading when nobody listens any more, so that the
/// program is not blocked.
pub(super) async fn pump(mut source: OutputStream, channel: u8, out: mpsc::Sender<(u8, Bytes)>, show: bool) {
    let mut chunk = vec![0; 32 * 1024];
    while let Ok(read) = source.read(&mut chunk).await {
        if read == 0 {
            break;
        }
        if show {
            let _ = out.send((channel, Bytes::copy_from_slice(&chunk[..read]))).await;
        }
    }
}

/// Serves one websocket until the program ends or the client leaves.
pub(super) async fn serve(socket: WebSocket, streams: Streams) {
    let Streams {
        stdin,
        mut output,
        resize,
        exit,
    } = streams;
    let (mut sink, mut source) = socket.split();
    let (input, inbox) = mpsc::channel::<Bytes>(16);
    tokio::spawn(feed(stdin, inbox));
    let mut input = Some(input);
    let mut exit = exit;
    let mut code = None;
    let mut printing = true;
    // After the end, what was printed before is still sent, but nothing that a left-over program prints.
    let mut patience = Box::pin(tokio::time::sleep(std::time::Duration::from_secs(
        3600 * 24 * 365,
    )));
    while printing || code.is_none() {
        tokio::select! {
            chunk = output.recv(), if printing => match chunk {
                Some((channel, bytes)) => {
                    if sink.send(frame(channel, &bytes)).await.is_err() {
                        return;
                    }
                }
                None => printing = false,
            },
            ended = &mut exit, if code.is_none() => {
                code = Some(ended);
                patience.as_mut().reset(tokio::time::Instant::now() + std::time::Duration::from_secs(2));
            }
            () = &mut patience, if code.is_some() => break,
            message = source.next() => match message {
                Some(Ok(Message::Binary(data))) => receive(&data, &mut input, resize.as_ref()).await,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
    let status = status(&code.unwrap_or_else(|| Err("the program was lost".to_owned())));
    let _ = sink.send(frame(ERROR, status.as_bytes())).await;
    let _ = sink.send(farewell()).await;
    let _ = sink.close().await;
}

async fn receive(data: &[u8], input: &mut Option<mpsc::Sender<Bytes>>, resize: Option<&Resize>) {
    match data.split_first() {
        Some((&STDIN, bytes)) => {
            if let Some(input) = input.as_ref().filter(|_| !bytes.is_empty()) {
                // A program that does not read holds its client back, as a pipe would.
                let _ = input.send(Bytes::copy_from_slice(bytes)).await;
            }
        }
        Some((&RESIZE, bytes)) => {
            if let (Some(resize), Ok(size)) = (resize, serde_json::from_slice::<Size>(bytes)) {
                resize(size.width, size.height);
            }
        }
        Some((&CLOSE, [STDIN])) => *input = None,
        _ => {}
    }
}

/// Writes what the client sends to the program, in its own task, so that a program that does not read does
/// not stop the rest.
async fn feed(stdin: Option<InputStream>, mut inbox: mpsc::Receiver<Bytes>) {
    let Some(mut stdin) = stdin else {
        while inbox.recv().await.is_some() {}
        return;
    };
    while let Some(bytes) = inbox.recv().await {
        if stdin.write_all(&bytes).await.is_err() || stdin.flush().await.is_err() {
            break;
        }
    }
    let _ = stdin.shutdown().await;
}

/// The status that ends a session.
fn status(outcome: &Result<i32, String>) -> String {
    let value = match outcome {
        Ok(0) => json!({"metadata": {}, "status": "Success"}),
        Ok(code) => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with exit code {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Err(problem) => json!({
            "metadata": {}, "status": "Failure", "reason": "InternalError", "message": problem, "code": 500,
        }),
    };
    value.to_string()
}
