use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::channel::{PROTOCOLS, farewell, frame};
use super::{Refusal, pod};
use crate::handle::Context;

/// Most ports of one connection: each takes two of the 256 channels.
const PORTS: usize = 64;

/// `/portForward/{namespace}/{pod}?ports=…`: channel pairs of data and error, each beginning with the port.
pub(super) async fn forward(
    State(context): State<Arc<Context>>,
    Path((namespace, name)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    pod(&context, &namespace, &name)?;
    let bad = |text: &str| Refusal(StatusCode::BAD_REQUEST, text.to_owned());
    let ports: Result<Vec<u16>, _> = query
        .iter()
        .filter(|(key, _)| key == "ports" || key == "port")
        .flat_map(|(_, value)| value.split(','))
        .map(str::parse)
        .collect();
    let ports = ports.map_err(|_| bad("ports must be numbers from 1 to 65535"))?;
    if ports.is_empty() {
        // kubectl names its ports inside a SPDY connection.
        return Err(bad(&format!(
            "kubectl's port-forward (SPDY) is not spoken here, only websocket with ports=8080 in the query. \
             Programs of this Pod listen on this machine itself: connect to their port on {} directly",
            context.options.address
        )));
    }
    if ports.len() > PORTS || ports.contains(&0) {
        return Err(bad(
            "give at most 64 ports from 1 to 65535, as ports=8080 or ports=8080,9090",
        ));
    }
    let socket = socket.map_err(|e| bad(&format!("this node forwards ports over websocket: {e}")))?;
    let address = context.options.address.clone();
    Ok(socket
        .protocols(PROTOCOLS)
        .on_upgrade(move |socket| serve(socket, address, ports)))
}

async fn serve(socket: WebSocket, address: String, ports: Vec<u16>) {
    let (mut sink, mut source) = socket.split();
    let (out, mut frames) = mpsc::channel::<Message>(32);
    let mut inputs = Vec::new();
    for (index, port) in ports.into_iter().enumerate() {
        let Ok(channel) = u8::try_from(index * 2) else {
            return;
        };
        for first in [channel, channel + 1] {
            if sink.send(frame(first, &port.to_le_bytes())).await.is_err() {
                return;
            }
        }
        let (input, inbox) = mpsc::channel(32);
        inputs.push(input);
        tokio::spawn(one_port(address.clone(), port, channel, inbox, out.clone()));
    }
    drop(out);
    loop {
        tokio::select! {
            next = frames.recv() => match next {
                Some(message) => if sink.send(message).await.is_err() {
                    return;
                },
                // Every port's connection is over.
                None => break,
            },
            message = source.next() => match message {
                Some(Ok(Message::Binary(data))) => {
                    let Some((channel, bytes)) = data.split_first() else { continue };
                    if channel % 2 == 0
                        && let Some(input) = inputs.get(usize::from(channel / 2))
                    {
                        let _ = input.send(data.slice_ref(bytes)).await;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = sink.send(farewell()).await;
    let _ = sink.close().await;
}

async fn one_port(
    address: String,
    port: u16,
    channel: u8,
    mut inbox: mpsc::Receiver<bytes::Bytes>,
    out: mpsc::Sender<Message>,
) {
    let connection = match TcpStream::connect((address.as_str(), port)).await {
        Ok(connection) => connection,
        Err(e) => {
            let text = format!("port {port} of the Pod cannot be reached: {e}");
            let _ = out.send(frame(channel + 1, text.as_bytes())).await;
            return;
        }
    };
    let (mut read, mut write) = connection.into_split();
    let feed = tokio::spawn(async move {
        while let Some(bytes) = inbox.recv().await {
            if write.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut chunk = vec![0; 32 * 1024];
    while let Ok(got) = read.read(&mut chunk).await {
        if got == 0 || out.send(frame(channel, &chunk[..got])).await.is_err() {
            break;
        }
    }
    feed.abort();
}
