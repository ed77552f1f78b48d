//! Repositories by SSH.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStderr, Command},
    task::JoinHandle,
};

use crate::sources::Sources;

/// Where distributions put the server, which is on nobody's search path.
const PROGRAM: &str = "/usr/sbin/sshd";

/// Another program may take the port between our looking and the server's binding.
const PORT_TRIES: u32 = 5;

/// An `sshd` of the user who runs the tests, with keys made for it. It hands out whatever that user can read.
#[derive(Debug)]
pub struct SshServer {
    directory: tempfile::TempDir,
    root: PathBuf,
    user: String,
    port: u16,
    /// Killed when this is dropped.
    _server: Child,
    reader: JoinHandle<()>,
}

impl SshServer {
    /// Starts a server. It speaks the first version of Git's protocol, in which a server hands out no commit by its id
    /// unless the repository says so.
    ///
    /// # Errors
    ///
    /// When there is no `sshd`, or it does not start.
    pub async fn start(sources: &Sources) -> anyhow::Result<Self> {
        if !Path::new(PROGRAM).exists() {
            bail!("there is no {PROGRAM}: run `hack/install-tools --for-tests`");
        }
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        key(&path("host")).await?;
        key(&path("client")).await?;
        key(&path("stranger")).await?;
        fs::copy(path("client.pub"), path("authorized"))?;
        let user = run(Command::new("id").arg("-un")).await?;
        if user == "root" {
            // sshd insists on it before it gives up its rights; the distribution makes it when the service starts.
            fs::create_dir_all("/run/sshd")?;
        }
        for _ in 0..PORT_TRIES {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let configuration = format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
                 StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 PermitRootLogin prohibit-password\nPrintMotd no\nPrintLastLog no\nLogLevel INFO\n",
                path("host").display(),
                path("authorized").display()
            );
            fs::write(path("config"), configuration)?;
            let mut server = Command::new(PROGRAM)
                .args(["-D", "-e", "-f"])
                .arg(path("config"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .with_context(|| format!("{PROGRAM} can't be started"))?;
            let stderr = server.stderr.take().context("no standard error")?;
            let mut lines = BufReader::new(stderr).lines();
            if listening(&mut lines).await? {
                // The server must never wait for somebody to read what it says.
                let reader = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self {
                    root: sources.path().to_owned(),
                    user,
                    port,
                    _server: server,
                    reader,
                    directory,
                });
            }
        }
        bail!("sshd found no port to listen on")
    }

    /// The address of a repository.
    pub fn url(&self, name: &str) -> String {
        let path = self.root.join(name);
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, path.display())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The private key that may log in.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn client_key(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.directory.path().join("client"))?)
    }

    /// A private key that may not.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn strangers_key(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.directory.path().join("stranger"))?)
    }

    /// A line of known hosts with this server's key.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn known_hosts(&self) -> anyhow::Result<String> {
        self.known_as("host.pub")
    }

    /// A line of known hosts with another server's key for this server's address.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn impostors_known_hosts(&self) -> anyhow::Result<String> {
        self.known_as("stranger.pub")
    }

    fn known_as(&self, key: &str) -> anyhow::Result<String> {
        let key = fs::read_to_string(self.directory.path().join(key))?;
        Ok(format!("[127.0.0.1]:{} {}\n", self.port, key.trim()))
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Reads what the server says until it listens, or ends.
async fn listening(lines: &mut tokio::io::Lines<BufReader<ChildStderr>>) -> anyhow::Result<bool> {
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await? {
        if line.contains("Server listening on") {
            return Ok(true);
        }
        said.push(line);
    }
    let said = said.join("; ");
    if said.contains("already in use") || said.contains("Cannot bind") {
        return Ok(false);
    }
    bail!("sshd does not start: {said}")
}

async fn key(path: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "gitkit", "-f"])
        .arg(path);
    run(&mut command).await?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

async fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().await?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
