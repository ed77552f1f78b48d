//! A web server that answers as a test wants it to, good manners or not.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// How many came before it.
    pub(crate) number: usize,
    pub(crate) path: String,
    headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).cloned()
    }
}

/// What to answer.
pub(crate) struct Answer {
    head: String,
    body: Body,
}

enum Body {
    Whole(String),
    /// The head, and then silence.
    Silence,
    /// Bytes without end.
    Endless,
    /// Not even a head.
    Cut,
}

impl Answer {
    pub(crate) fn status(code: u16) -> Self {
        Self {
            head: format!("HTTP/1.1 {code} Told\r\n"),
            body: Body::Whole(String::new()),
        }
    }

    pub(crate) fn ok(body: &str) -> Self {
        Self::status(200).with_body(body)
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302).with_header("location", to)
    }

    /// Promises a body that never comes.
    pub(crate) fn slow() -> Self {
        Self {
            body: Body::Silence,
            ..Self::status(200).with_header("content-length", "10")
        }
    }

    pub(crate) fn endless() -> Self {
        Self {
            body: Body::Endless,
            ..Self::status(200)
        }
    }

    pub(crate) fn cut() -> Self {
        Self {
            body: Body::Cut,
            ..Self::status(200)
        }
    }

    pub(crate) fn with_body(mut self, body: &str) -> Self {
        self.body = Body::Whole(body.to_owned());
        self
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }
}

/// The server; it ends when this is dropped.
pub(crate) struct Server {
    scheme: &'static str,
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    asked: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(None, answer).await
    }

    /// With a certificate of an authority of its own, which is returned.
    pub(crate) async fn start_tls(
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let server = Self::serve(Some(TlsAcceptor::from(Arc::new(config))), answer).await;
        (server, made.cert.pem())
    }

    async fn serve(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let asked = Arc::new(Notify::new());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (seen, told, answer) = (Arc::clone(&requests), Arc::clone(&asked), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, seen, told, answer) = (
                    tls.clone(),
                    Arc::clone(&seen),
                    Arc::clone(&told),
                    Arc::clone(&answer),
                );
                tokio::spawn(async move {
                    // A client that breaks off is not the server's problem.
                    let _ = match tls {
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => one(stream, &seen, &told, &*answer).await,
                            Err(error) => Err(error),
                        },
                        None => one(stream, &seen, &told, &*answer).await,
                    };
                });
            }
        });
        Self {
            scheme,
            port,
            requests,
            asked,
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Completes when a request has come.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn one(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Vec<Request>>,
    told: &Notify,
    answer: &(dyn Fn(&Request) -> Answer + Send + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let path = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or_default()
        .to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let request = {
        let mut seen = seen.lock().unwrap();
        let request = Request {
            number: seen.len(),
            path,
            headers,
        };
        seen.push(request.clone());
        request
    };
    let Answer { head, body } = answer(&request);
    told.notify_one();
    match body {
        Body::Cut => Ok(()),
        Body::Whole(text) => {
            let all = format!(
                "{head}content-length: {}\r\nconnection: close\r\n\r\n{text}",
                text.len()
            );
            stream.write_all(all.as_bytes()).await?;
            stream.shutdown().await
        }
        Body::Silence => {
            stream.write_all(format!("{head}\r\n").as_bytes()).await?;
            stream.flush().await?;
            // Until the client gives up.
            stream.read_u8().await.map(drop)
        }
        Body::Endless => {
            stream
                .write_all(format!("{head}connection: close\r\n\r\n").as_bytes())
                .await?;
            loop {
                stream.write_all(&[b'x'; 1024]).await?;
            }
        }
    }
}
