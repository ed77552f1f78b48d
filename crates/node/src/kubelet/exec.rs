use std::sync::Arc;

use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::{broadcast, mpsc};

use super::channel::{PROTOCOLS, STDERR, STDOUT, Streams, pump, serve};
use super::{Refusal, flag, live, pod};
use crate::container::log::Stream;
use crate::handle::{Context, LiveContainer};
use crate::runtime::{ExecSpec, Process};

type Pairs = Vec<(String, String)>;
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

fn upgrade(upgrade: Upgrade) -> Result<WebSocketUpgrade, Refusal> {
    let refuse = |e: WebSocketUpgradeRejection| {
        Refusal(
            StatusCode::BAD_REQUEST,
            format!("this node speaks websocket here ({}): {e}", PROTOCOLS.join(", ")),
        )
    };
    Ok(upgrade.map_err(refuse)?.protocols(PROTOCOLS))
}

/// `/exec/{namespace}/{pod}/{container}`.
pub(super) async fn exec(
    State(context): State<Arc<Context>>,
    Path((namespace, name, container)): Path<(String, String, String)>,
    Query(query): Query<Pairs>,
    socket: Upgrade,
) -> Result<Response, Refusal> {
    let handle = pod(&context, &namespace, &name)?;
    let live = live(&handle, &container)?;
    let command: Vec<String> = query
        .iter()
        .filter(|(k, _)| k == "command")
        .map(|(_, v)| v.clone())
        .collect();
    if command.is_empty() {
        return Err(Refusal(
            StatusCode::BAD_REQUEST,
            "you must specify at least one command to run".to_owned(),
        ));
    }
    let tty = flag(&query, "tty");
    let spec = ExecSpec {
        command,
        stdin: flag(&query, "stdin"),
        tty,
    };
    let (stdout, stderr) = (flag(&query, "stdout"), flag(&query, "stderr"));
    Ok(upgrade(socket)?.on_upgrade(move |socket| async move {
        let streams = match live.container.exec(spec).await {
            Ok(process) => running(process, stdout, stderr),
            Err(error) => refused(error.to_string()),
        };
        serve(socket, streams).await;
    }))
}

fn running(process: Process, show_stdout: bool, show_stderr: bool) -> Streams {
    let (out, output) = mpsc::channel(16);
    if let Some(stdout) = process.stdout {
        tokio::spawn(pump(stdout, STDOUT, out.clone(), show_stdout));
    }
    if let Some(stderr) = process.stderr {
        tokio::spawn(pump(stderr, STDERR, out, show_stderr));
    }
    let exit = process.exit;
    Streams {
        stdin: process.stdin,
        output,
        resize: process.resize,
        exit: Box::pin(async move { Ok(exit.await.code) }),
    }
}

fn refused(problem: String) -> Streams {
    let (_, output) = mpsc::channel(1);
    Streams {
        stdin: None,
        output,
        resize: None,
        exit: Box::pin(async move { Err(problem) }),
    }
}

/// `/attach/{namespace}/{pod}/{container}`.
pub(super) async fn attach(
    State(context): State<Arc<Context>>,
    Path((namespace, name, container)): Path<(String, String, String)>,
    Query(query): Query<Pairs>,
    socket: Upgrade,
) -> Result<Response, Refusal> {
    let handle = pod(&context, &namespace, &name)?;
    let live = live(&handle, &container)?;
    if flag(&query, "tty") && !live.tty {
        let text = format!("container {container} has no terminal; set tty in its spec");
        return Err(Refusal(StatusCode::BAD_REQUEST, text));
    }
    let (stdin, stdout, stderr) = (
        flag(&query, "stdin"),
        flag(&query, "stdout"),
        flag(&query, "stderr"),
    );
    // Subscribed before the answer, so that nothing printed after it is missed.
    let printed = live.output.subscribe();
    Ok(upgrade(socket)?.on_upgrade(move |socket| async move {
        let streams = attached(live, printed, stdin, stdout, stderr).await;
        serve(socket, streams).await;
    }))
}

async fn attached(
    live: LiveContainer,
    mut printed: broadcast::Receiver<(Stream, bytes::Bytes)>,
    stdin: bool,
    stdout: bool,
    stderr: bool,
) -> Streams {
    let (out, output) = mpsc::channel(16);
    let mut ended = live.ended.clone();
    // The node keeps a sender of its own, so the container's end has to be watched beside it.
    let mut watched = live.ended.clone();
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                biased;
                next = printed.recv() => next,
                _ = watched.wait_for(Option::is_some) => return,
            };
            match next {
                Ok((Stream::Stdout, bytes)) if stdout => {
                    if out.send((STDOUT, bytes)).await.is_err() {
                        return;
                    }
                }
                Ok((Stream::Stderr, bytes)) if stderr => {
                    if out.send((STDERR, bytes)).await.is_err() {
                        return;
                    }
                }
                // A client that is too slow misses some, as with any terminal that scrolls on.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    });
    let input = if stdin {
        live.stdin.lock().await.take()
    } else {
        None
    };
    Streams {
        stdin: input,
        output,
        resize: live.resize.clone(),
        exit: Box::pin(async move {
            let code = ended.wait_for(Option::is_some).await.ok().and_then(|code| *code);
            code.ok_or_else(|| "the container was lost".to_owned())
        }),
    }
}
