//! `kubeopencode up`: a cluster of one machine that stays, for kubectl and everything else that speaks Kubernetes.

use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use koc_apiserver::{ServeOptions, Storage, Tls, Token, kubeconfig};
use serde_json::json;

use crate::command_error::CommandError;
use crate::data_dir::{DataDir, Places};
use crate::demo_model::DemoModel;
use crate::host_tools::ensure_host_tools;
use crate::opencode_package::OpenCodeProgram;
use crate::options::{MachineArgs, OpenCodeArgs, OutputArgs, OutputForm};
use crate::signals::{Ask, Signals};
use crate::terminal::Terminal;
use crate::wiring::Local;

/// The port kubeconfigs of this product name unless told otherwise.
const DEFAULT_PORT: u16 = 7443;
/// Cluster, user and context are called this in the kubeconfig.
const CONTEXT: &str = "kubeopencode";

/// Start a cluster of this one machine and stay: API server, controller and node
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "State is kept in the data directory: the next start finds everything again.\n\n\
                        Example:\n  kubeopencode up\n  kubectl --kubeconfig ~/.local/share/kubeopencode/kubeconfig get tasks"
)]
pub struct UpArgs {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = DEFAULT_PORT, value_name = "PORT")]
    pub port: u16,
    /// Keep state, kubeconfig and the files of Pods here [default: $XDG_DATA_HOME/kubeopencode]
    #[arg(long, value_name = "DIR", env = "KUBEOPENCODE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// OpenCode
    #[command(flatten)]
    pub opencode: OpenCodeArgs,
    /// This machine
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Output
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Runs the command until Ctrl-C or SIGTERM. Returns the process's exit code; what went wrong has been told by then.
pub async fn up(args: UpArgs) -> u8 {
    let terminal = args.output.terminal();
    match try_up(args, &terminal).await {
        Ok(code) => code,
        Err(error) => error.report(&terminal),
    }
}

async fn try_up(args: UpArgs, terminal: &Terminal) -> Result<u8, CommandError> {
    let started = Instant::now();
    let UpArgs {
        port,
        data_dir,
        opencode,
        machine,
        output,
    } = args;
    let MachineArgs { no_install } = machine;
    let places = Places::from_env()?;
    let data = DataDir::open(data_dir.as_deref().unwrap_or(&places.data))?;
    let opencode = Arc::new(OpenCodeProgram::new(
        opencode.source(&places.cache)?,
        terminal.clone(),
    ));
    let mut signals = Signals::new().map_err(CommandError::Signals)?;
    let start = async {
        ensure_host_tools(!no_install, terminal).await?;
        let storage = Storage::Sqlite(data.path().join("state.db"));
        Ok::<_, CommandError>(Local::start(data.path(), storage, opencode).await?)
    };
    let mut local = tokio::select! {
        local = start => local?,
        ask = signals.next() => return Ok(ask.exit_code()),
    };
    let demo = DemoModel::new(local.client.clone(), terminal.clone());
    local.spawn(demo.watch(local.shutdown_token()));
    let (kubeconfig, server) = match serve(&local, data.path(), port).await {
        Ok(served) => served,
        Err(error) => {
            local.stop().await;
            return Err(error);
        }
    };

    match output.output {
        OutputForm::Json => {
            let ready = json!({
                "kubeconfig": kubeconfig,
                "server": server,
                "dataDir": data.path(),
                "pid": std::process::id(),
                "readyMillis": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                "version": env!("CARGO_PKG_VERSION"),
            });
            terminal.data(&ready.to_string());
        }
        OutputForm::Text => {
            terminal.good(&format!(
                "KubeOpenCode is up at {server} after {} ms",
                started.elapsed().as_millis()
            ));
            terminal.data(&format!("export KUBECONFIG={}", shell_word(&kubeconfig)));
            terminal.note("press Ctrl-C to stop; the state is kept");
        }
    }
    let ask = signals.next().await;
    terminal.note("stopping");
    tokio::select! {
        () = local.stop() => {}
        _ = signals.next() => terminal.warn("ended at once, as asked twice"),
    }
    Ok(match ask {
        // A service manager that stops it, and the person who does, got what they wanted.
        Ask::Interrupt | Ask::Terminate => 0,
    })
}

/// Listens, and writes the kubeconfig that leads there.
async fn serve(local: &Local, data: &Path, port: u16) -> Result<(PathBuf, String), CommandError> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let tls = Tls::load_or_create(data, &[])?;
    let ca = tls.ca_pem().to_owned();
    let token_file = data.join("token");
    let token = Token::load_or_create(&token_file).map_err(|source| CommandError::Write {
        path: token_file,
        source,
    })?;
    let options = ServeOptions {
        addr,
        tls,
        token: token.clone(),
    };
    let serving = local
        .server
        .serve(options)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => CommandError::PortInUse { addr },
            _ => CommandError::Listen { addr, source },
        })?;
    let server = serving.url();
    let path = data.join("kubeconfig");
    let text = kubeconfig(CONTEXT, &server, &ca, &token, "default");
    write_private(&path, &text).map_err(|source| CommandError::Write {
        path: path.clone(),
        source,
    })?;
    Ok((path, server))
}

/// Replaces the file at once, readable for this user only from its first byte on.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}

/// The path as one word of a shell's command line.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word() {
        let cases = [
            ("/a/b-c", "/a/b-c"),
            ("/a b/c", "'/a b/c'"),
            ("/a'; rm -rf b", r"'/a'\''; rm -rf b'"),
        ];
        for (path, expected) in cases {
            assert_eq!(shell_word(Path::new(path)), expected);
        }
    }
}
