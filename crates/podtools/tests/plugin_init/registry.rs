//! A registry of npm packages: documents and tarballs, as the real npm asks for them.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Arc, Mutex},
};

use base64::Engine as _;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const EMPTY_PLUGIN: &str = "export const plugin = async () => ({})\n";

#[derive(Default)]
struct State {
    /// By package: its document.
    documents: BTreeMap<String, Value>,
    /// By path.
    tarballs: BTreeMap<String, Vec<u8>>,
    /// How often to refuse still, and with which status.
    refusals: (usize, u16),
    requests: usize,
    authorizations: Vec<String>,
}

pub(crate) struct Registry {
    port: u16,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A client that breaks off is not the registry's problem.
                tokio::spawn(async move { one(stream, &state).await.ok() });
            }
        });
        Self { port, state, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn without_scheme(&self) -> String {
        format!("//127.0.0.1:{}", self.port)
    }

    /// Publishes a version with more lines of `package.json`, and returns its tarball's address.
    pub(crate) fn publish(&self, name: &str, version: &str, more: &str) -> String {
        self.add(name, version, more, EMPTY_PLUGIN, false)
    }

    /// Publishes a version with this `index.js`.
    pub(crate) fn publish_with(&self, name: &str, version: &str, more: &str, index: &str) {
        self.add(name, version, more, index, false);
    }

    /// Publishes a version whose tarball is not what its hash says.
    pub(crate) fn publish_broken(&self, name: &str, version: &str) {
        self.add(name, version, "", EMPTY_PLUGIN, true);
    }

    fn add(&self, name: &str, version: &str, more: &str, index: &str, broken: bool) -> String {
        let comma = if more.is_empty() { "" } else { ", " };
        let manifest =
            format!("{{\"name\": {name:?}, \"version\": {version:?}, \"main\": \"index.js\"{comma}{more}}}");
        let tarball = tarball(&[("package.json", &manifest), ("index.js", index)]);
        let hash = if broken {
            Sha512::digest(b"something else")
        } else {
            Sha512::digest(&tarball)
        };
        let integrity = format!(
            "sha512-{}",
            base64::engine::general_purpose::STANDARD.encode(hash)
        );
        let path = format!("/{name}/-/{}-{version}.tgz", name.replace(['@', '/'], "_"));
        let address = format!("{}{path}", self.url());
        let mut document: Value = serde_json::from_str(&manifest).unwrap();
        document["dist"] = json!({"tarball": address, "integrity": integrity});
        let mut state = self.state.lock().unwrap();
        state.tarballs.insert(path, tarball);
        let package = state
            .documents
            .entry(name.to_owned())
            .or_insert_with(|| json!({"name": name, "versions": {}}));
        package["versions"][version] = document;
        package["dist-tags"] = json!({"latest": version});
        address
    }

    /// Answers everything with this status.
    pub(crate) fn refuse(&self, status: u16) {
        self.refuse_times(usize::MAX, status);
    }

    pub(crate) fn refuse_times(&self, times: usize, status: u16) {
        self.state.lock().unwrap().refusals = (times, status);
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    pub(crate) fn authorizations(&self) -> Vec<String> {
        self.state.lock().unwrap().authorizations.clone()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn one(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let authorization = head
        .lines()
        .find_map(|line| {
            line.split_once(": ")
                .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        })
        .map(|(_, value)| value.to_owned());
    let (status, body) = answer(&mut state.lock().unwrap(), &path, authorization);
    let head = format!(
        "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}

fn answer(state: &mut State, path: &str, authorization: Option<String>) -> (u16, Vec<u8>) {
    state.requests += 1;
    state.authorizations.push(authorization.unwrap_or_default());
    if state.refusals.0 > 0 {
        state.refusals.0 = state.refusals.0.saturating_sub(1);
        return (state.refusals.1, b"{}".to_vec());
    }
    if let Some(tarball) = state.tarballs.get(path) {
        return (200, tarball.clone());
    }
    let name = path
        .trim_start_matches('/')
        .replace("%2f", "/")
        .replace("%2F", "/");
    match state.documents.get(&name) {
        Some(document) => (200, document.to_string().into_bytes()),
        None => (404, b"{\"error\":\"not found\"}".to_vec()),
    }
}

fn tarball(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        // As restrictive as a packer may have been.
        header.set_mode(0o600);
        header.set_cksum();
        archive
            .append_data(&mut header, format!("package/{name}"), content.as_bytes())
            .unwrap();
    }
    let mut gzip = archive.into_inner().unwrap();
    gzip.flush().unwrap();
    gzip.finish().unwrap()
}
