//! What probes and lifecycle hooks do: run a command, ask over HTTP, connect, wait.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use k8s_openapi::api::core::v1::{
    Container as ContainerSpec, ExecAction, HTTPGetAction, LifecycleHandler, Probe, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::io::AsyncReadExt;

use crate::runtime::{Container, ExecSpec};

/// Most output of a command that is kept for its error text, in bytes.
const OUTPUT: u64 = 4096;

/// One thing to do with a container.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Exec(Vec<String>),
    Http {
        url: String,
        headers: Vec<(String, String)>,
    },
    Tcp(String),
    Sleep(Duration),
    /// Something this node does not know.
    Unknown(&'static str),
}

impl Action {
    /// What a probe does.
    pub(crate) fn of_probe(probe: &Probe, container: &ContainerSpec, address: &str) -> Self {
        if let Some(exec) = &probe.exec {
            Self::exec(exec)
        } else if let Some(get) = &probe.http_get {
            Self::http(get, container, address)
        } else if let Some(tcp) = &probe.tcp_socket {
            Self::tcp(tcp, container, address)
        } else if probe.grpc.is_some() {
            Self::Unknown("gRPC probes")
        } else {
            Self::Unknown("probes without an action")
        }
    }

    /// What a lifecycle hook does.
    pub(crate) fn of_hook(hook: &LifecycleHandler, container: &ContainerSpec, address: &str) -> Self {
        if let Some(exec) = &hook.exec {
            Self::exec(exec)
        } else if let Some(get) = &hook.http_get {
            Self::http(get, container, address)
        } else if let Some(sleep) = &hook.sleep {
            Self::Sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0)))
        } else {
            Self::Unknown("hooks without exec, httpGet or sleep")
        }
    }

    fn exec(action: &ExecAction) -> Self {
        Self::Exec(action.command.clone().unwrap_or_default())
    }

    fn tcp(action: &TCPSocketAction, container: &ContainerSpec, address: &str) -> Self {
        let host = action
            .host
            .as_deref()
            .filter(|h| !h.is_empty())
            .unwrap_or(address);
        match port(&action.port, container) {
            Some(port) => Self::Tcp(authority(host, port)),
            None => Self::Unknown("a port name that the container does not declare"),
        }
    }

    fn http(action: &HTTPGetAction, container: &ContainerSpec, address: &str) -> Self {
        let host = action
            .host
            .as_deref()
            .filter(|h| !h.is_empty())
            .unwrap_or(address);
        let Some(port) = port(&action.port, container) else {
            return Self::Unknown("a port name that the container does not declare");
        };
        let scheme = if action.scheme.as_deref() == Some("HTTPS") {
            "https"
        } else {
            "http"
        };
        let path = action.path.as_deref().unwrap_or("/");
        let slash = if path.starts_with('/') { "" } else { "/" };
        Self::Http {
            url: format!("{scheme}://{}{slash}{path}", authority(host, port)),
            headers: action
                .http_headers
                .iter()
                .flatten()
                .map(|h| (h.name.clone(), h.value.clone()))
                .collect(),
        }
    }

    /// Does it. The error says what was observed.
    pub(crate) async fn run(&self, container: &Arc<dyn Container>) -> Result<(), String> {
        match self {
            Self::Exec(command) => exec(command, container).await,
            Self::Http { url, headers } => http(url, headers).await,
            Self::Tcp(address) => match tokio::net::TcpStream::connect(address).await {
                Ok(_) => Ok(()),
                Err(e) => Err(format!("cannot connect to {address}: {e}")),
            },
            Self::Sleep(duration) => {
                tokio::time::sleep(*duration).await;
                Ok(())
            }
            Self::Unknown(what) => Err(format!("this node does not know {what}")),
        }
    }
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// A port given as number or as the name of one of the container's ports.
fn port(port: &IntOrString, container: &ContainerSpec) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => match name.parse() {
            Ok(number) => number,
            Err(_) => {
                let ports = container.ports.as_deref().unwrap_or_default();
                ports
                    .iter()
                    .find(|p| p.name.as_deref() == Some(name))?
                    .container_port
            }
        },
    };
    u16::try_from(number).ok().filter(|p| *p > 0)
}

async fn exec(command: &[String], container: &Arc<dyn Container>) -> Result<(), String> {
    let spec = ExecSpec {
        command: command.to_vec(),
        stdin: false,
        tty: false,
    };
    let mut process = container.exec(spec).await.map_err(|e| e.to_string())?;
    let mut output = Vec::new();
    if let Some(stdout) = process.stdout.take() {
        let mut limited = stdout.take(OUTPUT);
        let _ = limited.read_to_end(&mut output).await;
        // The rest is read and dropped, so a talkative command is not blocked.
        tokio::spawn(async move { tokio::io::copy(&mut limited.into_inner(), &mut tokio::io::sink()).await });
    }
    if let Some(mut stderr) = process.stderr.take() {
        let _ = (&mut stderr).take(OUTPUT).read_to_end(&mut output).await;
        tokio::spawn(async move { tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await });
    }
    match process.exit.await.code {
        0 => Ok(()),
        code => Err(format!(
            "the command ended with {code}: {}",
            String::from_utf8_lossy(&output).trim()
        )),
    }
}

async fn http(url: &str, headers: &[(String, String)]) -> Result<(), String> {
    let mut request = http_client()?.get(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(answer) if (200..400).contains(&answer.status().as_u16()) => Ok(()),
        Ok(answer) => Err(format!("{url} answered {}", answer.status())),
        Err(e) => Err(format!("{url} cannot be asked: {e}")),
    }
}

/// One client for all probes: no proxy, no redirects to elsewhere, and any certificate will do, as a
/// kubelet holds it.
fn http_client() -> Result<&'static reqwest::Client, String> {
    static CLIENT: OnceLock<Result<reqwest::Client, String>> = OnceLock::new();
    let made = CLIENT.get_or_init(|| {
        // Fails when the program has chosen a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_danger_accept_invalid_certs(true)
            .pool_max_idle_per_host(0)
            .user_agent("kube-probe/1")
            .build()
            .map_err(|e| e.to_string())
    });
    made.as_ref().map_err(Clone::clone)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_probes_ask() {
        let container: ContainerSpec =
            serde_json::from_value(json!({"name": "c", "ports": [{"name": "web", "containerPort": 80}]}))
                .unwrap();
        let check = |probe: serde_json::Value, expected: Action| {
            let probe: Probe = serde_json::from_value(probe).unwrap();
            assert_eq!(Action::of_probe(&probe, &container, "127.0.0.1"), expected);
        };
        let http = |url: &str| Action::Http {
            url: url.into(),
            headers: Vec::new(),
        };
        check(
            json!({"exec": {"command": ["a"]}}),
            Action::Exec(vec!["a".into()]),
        );
        check(json!({"httpGet": {"port": 8080}}), http("http://127.0.0.1:8080/"));
        check(
            json!({"httpGet": {"port": "web", "path": "h"}}),
            http("http://127.0.0.1:80/h"),
        );
        check(
            json!({"httpGet": {"port": 1, "scheme": "HTTPS", "host": "::1"}}),
            http("https://[::1]:1/"),
        );
        check(
            json!({"tcpSocket": {"port": "80"}}),
            Action::Tcp("127.0.0.1:80".into()),
        );
        check(
            json!({"tcpSocket": {"port": "no"}}),
            Action::Unknown("a port name that the container does not declare"),
        );
        check(json!({"grpc": {"port": 1}}), Action::Unknown("gRPC probes"));
    }
}
