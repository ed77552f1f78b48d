//! Requests to the server.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{Method, RequestBuilder, Response, Url, redirect::Policy};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    answer::{check, read},
    error::Error,
    lenient,
    message::Message,
    request::{PermissionRequest, QuestionRequest},
    secret::Secret,
    session::{FileDiff, Session, SessionStatus},
    stream::EventStream,
};

/// OpenCode's user name unless its server was told another one.
const USER: &str = "opencode";

/// The history of a long session with many tool results stays far below this.
const MAX_ANSWER_BYTES: usize = 128 * 1024 * 1024;

/// Where a server is and how to speak to it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Such as `http://127.0.0.1:4096`.
    pub base_url: String,
    /// The server's password, where it demands one.
    pub password: Option<Secret>,
    /// The project directory, where it is not the server's own.
    pub directory: Option<String>,
    /// How long one request may take. OpenCode never answers a request that it accepts in the moment before it is
    /// ready, so there is no request without a limit.
    pub timeout: Duration,
}

impl Endpoint {
    /// An endpoint without a password, with 30 seconds for each request.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            password: None,
            directory: None,
            timeout: Duration::from_secs(30),
        }
    }
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    password: Option<Secret>,
    directory: Option<String>,
    timeout: Duration,
}

/// What a server says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// Whether it can work.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub healthy: bool,
    /// OpenCode's version.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub version: String,
}

/// A session to create.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewSession {
    /// Its title. With a title OpenCode does not ask a model for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Rules that come after those of the configuration; the last matching rule wins.
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "permission")]
    pub permissions: Vec<PermissionRule>,
}

/// One permission rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PermissionRule {
    /// What it is about, such as `bash` or `question`.
    pub permission: String,
    /// On what, `*` for everything.
    pub pattern: String,
    /// `allow`, `ask` or `deny`.
    pub action: String,
}

impl PermissionRule {
    /// A rule that forbids something altogether.
    #[must_use]
    pub fn deny(permission: &str) -> Self {
        Self {
            permission: permission.to_owned(),
            pattern: "*".to_owned(),
            action: "deny".to_owned(),
        }
    }
}

/// The answer to a permission request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Yes, this time.
    Once,
    /// No. With a message the model goes on and is told why; without one its turn ends.
    Reject(Option<String>),
}

impl Client {
    /// A client for this endpoint. Nothing is sent yet.
    ///
    /// # Errors
    /// When the base URL is not one, or TLS cannot be set up.
    pub fn new(endpoint: Endpoint) -> Result<Self, Error> {
        let Endpoint {
            base_url,
            password,
            directory,
            timeout,
        } = endpoint;
        let base = Url::parse(&base_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            // User info in the URL would be a password in a place that gets printed.
            .filter(|url| url.username().is_empty() && url.password().is_none())
            .ok_or_else(|| Error::Address {
                url: without_user_info(&base_url),
            })?;
        // Another part of the program may have chosen a provider before us; that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(timeout)
            .tcp_nodelay(true);
        if base.scheme() == "http" {
            // Reading the system's certificates takes longer than the whole exchange with a local server.
            builder = builder.tls_certs_only([]);
        }
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(Error::Setup)?;
        Ok(Self {
            http,
            base,
            password,
            directory,
            timeout,
        })
    }

    /// Whether the server is up. `limit` replaces the endpoint's timeout: a probe must be short, because the first
    /// requests after the start may never be answered.
    ///
    /// # Errors
    /// When the server does not answer, refuses the password, or is not an OpenCode server.
    pub async fn health(&self, limit: Duration) -> Result<Health, Error> {
        self.get("ask for the health", "global/health", limit).await
    }

    /// Creates a session.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_session(&self, session: &NewSession) -> Result<Session, Error> {
        let doing = "create a session";
        let request = self.request(Method::POST, "session", self.timeout).json(session);
        self.decode(doing, self.timeout, request).await
    }

    /// Reads a session.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn session(&self, session: &str) -> Result<Session, Error> {
        self.get(
            "read the session",
            &format!("session/{}", id(session)?),
            self.timeout,
        )
        .await
    }

    /// The sessions that a session's sub-agents have used.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn children(&self, session: &str) -> Result<Vec<Session>, Error> {
        self.list("list sub-agents", &format!("session/{}/children", id(session)?))
            .await
    }

    /// Gives a session a prompt and returns as soon as the server has taken it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prompt(&self, session: &str, text: &str) -> Result<(), Error> {
        let doing = "send the prompt";
        let path = format!("session/{}/prompt_async", id(session)?);
        let body = json!({"parts": [{"type": "text", "text": text}]});
        let request = self.request(Method::POST, &path, self.timeout).json(&body);
        self.send(doing, self.timeout, request).await.map(drop)
    }

    /// Ends a session's turn and the programs its tools have started. Harmless when nothing runs.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn abort(&self, session: &str, limit: Duration) -> Result<(), Error> {
        let path = format!("session/{}/abort", id(session)?);
        self.send(
            "abort the session",
            limit,
            self.request(Method::POST, &path, limit),
        )
        .await
        .map(drop)
    }

    /// All messages of a session, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn messages(&self, session: &str) -> Result<Vec<Message>, Error> {
        self.list("read the messages", &format!("session/{}/message", id(session)?))
            .await
    }

    /// The sessions that are doing something. A session that is not in the map is idle.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&self, limit: Duration) -> Result<BTreeMap<String, SessionStatus>, Error> {
        let all: BTreeMap<String, Value> = self.get("read the status", "session/status", limit).await?;
        let known = |(session, status)| {
            (
                session,
                serde_json::from_value(status).unwrap_or(SessionStatus::Unknown),
            )
        };
        Ok(all
            .into_iter()
            .map(known)
            .filter(|(_, status)| *status != SessionStatus::Idle)
            .collect())
    }

    /// What the turn started by a user's message has changed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn diff(&self, session: &str, message: &str) -> Result<Vec<FileDiff>, Error> {
        self.list(
            "read the changes",
            &format!("session/{}/diff?messageID={}", id(session)?, id(message)?),
        )
        .await
    }

    /// Permission requests that wait for an answer, of all sessions.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn permissions(&self) -> Result<Vec<PermissionRequest>, Error> {
        self.list("list permission requests", "permission").await
    }

    /// Answers a permission request.
    ///
    /// # Errors
    /// See [`Error`]; status 404 when it was answered already.
    pub async fn reply_permission(&self, request: &str, reply: &Reply) -> Result<(), Error> {
        let path = format!("permission/{}/reply", id(request)?);
        let body = match reply {
            Reply::Once => json!({"reply": "once"}),
            Reply::Reject(None) => json!({"reply": "reject"}),
            Reply::Reject(Some(message)) => json!({"reply": "reject", "message": message}),
        };
        let request = self.request(Method::POST, &path, self.timeout).json(&body);
        self.send("answer a permission request", self.timeout, request)
            .await
            .map(drop)
    }

    /// Questions that wait for an answer, of all sessions.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn questions(&self) -> Result<Vec<QuestionRequest>, Error> {
        self.list("list questions", "question").await
    }

    /// Refuses to answer a question.
    ///
    /// # Errors
    /// See [`Error`]; status 404 when it was answered already.
    pub async fn reject_question(&self, question: &str) -> Result<(), Error> {
        let path = format!("question/{}/reject", id(question)?);
        let request = self.request(Method::POST, &path, self.timeout);
        self.send("reject a question", self.timeout, request)
            .await
            .map(drop)
    }

    /// Subscribes to events. What happens after [`crate::Event::Connected`] has arrived is not missed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn events(&self) -> Result<EventStream, Error> {
        // The timeout of a request covers its whole body, and this body never ends; only the head is limited.
        let (doing, request) = ("subscribe to events", self.untimed(Method::GET, "event"));
        let answer = tokio::time::timeout(self.timeout, request.send())
            .await
            .map_err(|_| Error::Timeout {
                doing,
                limit: self.timeout,
            })?
            .map_err(|source| unreachable_or_timeout(doing, self.timeout, source))?;
        let response = check(doing, answer).await?;
        let is_stream = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        if !is_stream {
            return Err(Error::Undecodable {
                doing,
                detail: "it is not an event stream".to_owned(),
            });
        }
        Ok(EventStream::new(response))
    }

    fn untimed(&self, method: Method, path: &str) -> RequestBuilder {
        // The ids in a path were checked, so joining cannot change the host; a base that ends in a path keeps it.
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        if let Some(directory) = &self.directory {
            url.query_pairs_mut().append_pair("directory", directory);
        }
        let mut request = self.http.request(method, url);
        if let Some(password) = &self.password {
            request = request.basic_auth(USER, Some(password.expose()));
        }
        request
    }

    fn request(&self, method: Method, path: &str, limit: Duration) -> RequestBuilder {
        self.untimed(method, path).timeout(limit)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        path: &str,
        limit: Duration,
    ) -> Result<T, Error> {
        self.decode(doing, limit, self.request(Method::GET, path, limit))
            .await
    }

    async fn list<T: DeserializeOwned>(&self, doing: &'static str, path: &str) -> Result<Vec<T>, Error> {
        self.get::<Value>(doing, path, self.timeout)
            .await
            .map(lenient::items)
    }

    async fn decode<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        limit: Duration,
        request: RequestBuilder,
    ) -> Result<T, Error> {
        let response = self.send(doing, limit, request).await?;
        let (body, whole) = read(response, MAX_ANSWER_BYTES)
            .await
            .map_err(|source| unreachable_or_timeout(doing, limit, source))?;
        if !whole {
            return Err(Error::TooLarge {
                doing,
                limit: MAX_ANSWER_BYTES,
            });
        }
        // An unknown path is answered with a web page, which ends here too.
        serde_json::from_slice(&body).map_err(|error| Error::Undecodable {
            doing,
            detail: error.to_string(),
        })
    }

    async fn send(
        &self,
        doing: &'static str,
        limit: Duration,
        request: RequestBuilder,
    ) -> Result<Response, Error> {
        let answer = request
            .send()
            .await
            .map_err(|source| unreachable_or_timeout(doing, limit, source))?;
        check(doing, answer).await
    }
}

fn unreachable_or_timeout(doing: &'static str, limit: Duration, source: reqwest::Error) -> Error {
    if source.is_timeout() {
        Error::Timeout { doing, limit }
    } else {
        // The URL is known to the caller and only makes the sentence long.
        Error::Unreachable {
            doing,
            source: source.without_url(),
        }
    }
}

/// An id that is safe as one segment of a path.
fn id(text: &str) -> Result<&str, Error> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !text.is_empty() && text.bytes().all(safe) {
        Ok(text)
    } else {
        Err(Error::Id(text.chars().take(100).collect()))
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn without_user_info(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_without_user_info_are_taken() {
        let usable = |url: &str| Client::new(Endpoint::new(url));
        for url in [
            "http://127.0.0.1:4096",
            "http://[::1]:4096/",
            "https://agent.ns.svc:4096/base",
        ] {
            assert!(usable(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "127.0.0.1:4096",
            "ftp://x",
            "file:///etc/passwd",
            "http://u:hunter2@host/",
        ] {
            let error = usable(url).expect_err(url).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_id_from_a_server_cannot_change_the_path() {
        for hostile in ["", "..", "a/b", "a?b", "a b", "ses_%2e", "é"] {
            assert!(id(hostile).is_err(), "{hostile}");
        }
        assert!(id("ses_dfb5b6750ffeZ3YL95UE27fnzC").is_ok());
    }

    #[test]
    fn a_client_does_not_print_its_password() {
        let endpoint = Endpoint {
            password: Some(Secret::new("hunter2")),
            ..Endpoint::new("http://127.0.0.1:1")
        };
        assert!(!format!("{:?} {:?}", endpoint, Client::new(endpoint.clone())).contains("hunter2"));
    }

    #[test]
    fn loopback_is_recognised() {
        for (url, expected) in [
            ("http://localhost:1", true),
            ("http://127.9.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://10.0.0.1", false),
            ("http://127.0.0.1.evil.example", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
