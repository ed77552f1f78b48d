//! A server for plain files and repositories, and the small programs that the Task brings along.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// An MCP server with one tool, speaking JSON-RPC on its standard streams.
pub(crate) const MCP_SERVER: &str = include_str!("tickets.mjs");

/// An OpenCode plugin that leaves a witness in the workspace when it is loaded.
pub(crate) const PLUGIN: &str = r#"import { writeFileSync } from "node:fs"
export const Witness = async () => {
  writeFileSync(process.env.WORKSPACE_DIR + "/plugin-witness", "the plugin ran\n")
  return {}
}
"#;

/// A directory that is served over HTTP.
pub(crate) struct Files {
    directory: PathBuf,
    port: u16,
    task: JoinHandle<()>,
}

impl Files {
    pub(crate) async fn start(directory: PathBuf) -> Self {
        fs::create_dir_all(&directory).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let root = directory.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let root = root.clone();
                // A client that breaks off is not the server's problem.
                tokio::spawn(async move { one(stream, &root).await.ok() });
            }
        });
        Self {
            directory,
            port,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        write(&self.directory.join(path), content);
    }

    /// A bare repository that git can read over plain HTTP.
    pub(crate) fn repository(&self, name: &str, files: &[(&str, &str)]) {
        let work = self.directory.join(format!("{name}-work"));
        for (path, content) in files {
            write(&work.join(path), content);
        }
        let bare = self.directory.join(name);
        let bare = bare.to_str().unwrap();
        git(&work, &["init", "-q", "-b", "main"]);
        git(&work, &["add", "-A"]);
        git(
            &work,
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b",
                "commit",
                "-q",
                "-m",
                "all",
            ],
        );
        git(&work, &["clone", "-q", "--bare", ".", bare]);
        git(Path::new(bare), &["update-server-info"]);
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn git(directory: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

async fn one(mut stream: TcpStream, root: &Path) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let (status, body) = match fs::read(root.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}
