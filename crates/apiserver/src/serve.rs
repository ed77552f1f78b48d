//! The server over TCP: TLS, and a bearer token before anything else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use http::header::AUTHORIZATION;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::call::Identity;
use crate::server::ApiServer;
use crate::tls::Tls;
use crate::token::Token;
use crate::{http_front, refusal};

/// A client that opens a connection and then says nothing is not waited for longer than this.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Open connections get this long to finish when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// How to serve over TCP.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where to listen; port 0 takes any free one.
    pub addr: SocketAddr,
    /// The server's certificate.
    pub tls: Tls,
    /// What every request must bring.
    pub token: Token,
}

/// A listening server.
#[derive(Debug)]
pub struct Serving {
    addr: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Serving {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL for a kubeconfig.
    pub fn url(&self) -> String {
        format!("https://{}", self.addr)
    }

    /// Stops listening, lets open requests finish for two seconds, and ends. The API server itself goes on.
    pub async fn shutdown(self) {
        self.stop.cancel();
        // The task ends by itself now; if it panicked there is nothing left to stop.
        _ = self.task.await;
    }

    /// Waits until the server stops.
    pub async fn stopped(&mut self) {
        _ = (&mut self.task).await;
    }
}

impl ApiServer {
    /// Listens on TCP. No request without the token gets anything but 401, whatever its path.
    ///
    /// # Errors
    /// When the address cannot be listened on, for instance because the port is taken.
    pub async fn serve(&self, options: ServeOptions) -> std::io::Result<Serving> {
        let ServeOptions { addr, tls, token } = options;
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let stop = self.api().stop.child_token();
        let front = Front {
            api: self.api(),
            acceptor: TlsAcceptor::from(tls.config()),
            token,
        };
        let task = tokio::spawn(accept(listener, front, stop.clone()));
        Ok(Serving { addr, stop, task })
    }
}

#[derive(Clone)]
struct Front {
    api: Api,
    acceptor: TlsAcceptor,
    token: Token,
}

async fn accept(listener: TcpListener, front: Front, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let over = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, front.clone(), stop.clone());
                let over = over.clone();
                connections.spawn(async move {
                    tokio::select! {
                        () = over.cancelled() => {}
                        () = connection => {}
                    }
                });
            }
            Err(error) => {
                // Mostly "too many open files": taking a breath lets connections close.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    connections.close();
    _ = tokio::time::timeout(FAREWELL, connections.wait()).await;
    over.cancel();
    connections.wait().await;
}

async fn connection(stream: TcpStream, front: Front, stop: CancellationToken) {
    // Watch events are small and wanted at once.
    _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, front.acceptor.accept(stream)).await else {
        return;
    };
    let serve = service_fn(|request: Request<hyper::body::Incoming>| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(guarded(front, request.map(Body::new)).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), serve);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(error, "a connection ended early");
    }
}

/// Lets a request in when it brings the token.
async fn guarded(front: Front, mut request: Request<Body>) -> Response {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let guess = given
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if !guess.is_some_and(|(_, guess)| front.token.matches(guess.trim())) {
        return http_front::refuse(&refusal::unauthorized());
    }
    request.headers_mut().remove(AUTHORIZATION);
    request.extensions_mut().insert(Identity {
        user: "kubernetes-admin",
        groups: &["system:masters", "system:authenticated"],
    });
    http_front::handle(front.api, request).await
}
