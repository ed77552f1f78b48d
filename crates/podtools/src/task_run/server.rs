//! Bringing `opencode serve` up.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    time::Duration,
};

use koc_opencode::{Client, Endpoint, Error, Secret};
use tokio::time::Instant;

use crate::task_run::{environment::Variables, evidence::Ending, program::Program};

/// How often the server is asked whether it is up.
const PROBE_STEP: Duration = Duration::from_millis(25);

/// A request that OpenCode accepts just before it is ready is never answered, so a probe must give up quickly.
const PROBE_LIMIT: Duration = Duration::from_millis(300);

/// Creating the first session loads the project; with plugins or remote configuration that takes its time.
const REQUEST_LIMIT: Duration = Duration::from_secs(120);

/// Another program may take the port between our looking and OpenCode's binding.
const PORT_TRIES: u32 = 3;

/// What is needed to start.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub program: &'a Path,
    pub directory: &'a Path,
    pub variables: &'a Variables,
    pub password: &'a Secret,
    pub limit: Duration,
}

/// A server that has said that it is healthy.
#[derive(Debug)]
pub(super) struct Server {
    pub client: Client,
    pub program: Program,
    /// OpenCode's version.
    pub version: String,
}

impl Plan<'_> {
    /// Starts OpenCode and waits until it is healthy. A failure comes with the program, so that it can be ended.
    pub(super) async fn start(&self) -> Result<Server, (Ending, Option<Program>)> {
        let mut tries = 1;
        loop {
            let (mut program, client) = self.launch().map_err(|why| (Ending::NoProgram(why), None))?;
            match self.healthy(&mut program, &client).await {
                Ok(version) => {
                    return Ok(Server {
                        client,
                        program,
                        version,
                    });
                }
                Err(ending) if tries < PORT_TRIES && lost_port(&ending) => tries += 1,
                Err(ending) => return Err((ending, Some(program))),
            }
        }
    }

    fn launch(&self) -> Result<(Program, Client), String> {
        let port = free_port()
            .map_err(|error| format!("There is no free port on the loopback interface: {error}."))?;
        let endpoint = Endpoint {
            password: Some(self.password.clone()),
            timeout: REQUEST_LIMIT,
            ..Endpoint::new(format!("http://127.0.0.1:{port}"))
        };
        let client = Client::new(endpoint).map_err(|error| format!("{error}."))?;
        let program =
            Program::start(self.program, port, self.directory, self.variables).map_err(|error| {
                format!(
                    "The OpenCode program {} cannot be started: {error}.",
                    self.program.display()
                )
            })?;
        Ok((program, client))
    }

    async fn healthy(&self, program: &mut Program, client: &Client) -> Result<String, Ending> {
        let started = Instant::now();
        loop {
            let probe = tokio::select! {
                biased;
                exit = program.ended() => {
                    let (waited, tail) = (started.elapsed(), program.last_words().await);
                    return Err(Ending::NotStarted { exit: Some(exit), waited, tail });
                }
                probe = client.health(PROBE_LIMIT) => probe,
            };
            match probe {
                Ok(health) if health.healthy => return Ok(health.version),
                Err(Error::Unauthorized { .. }) => {
                    return Err(Ending::Refused(
                        "its server does not take the password it was given".to_owned(),
                    ));
                }
                _ => {}
            }
            if started.elapsed() > self.limit {
                let (waited, tail) = (started.elapsed(), program.tail());
                return Err(Ending::NotStarted {
                    exit: None,
                    waited,
                    tail,
                });
            }
            tokio::time::sleep(PROBE_STEP).await;
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn lost_port(ending: &Ending) -> bool {
    let Ending::NotStarted {
        exit: Some(_), tail, ..
    } = ending
    else {
        return false;
    };
    tail.iter()
        .any(|line| line.contains("EADDRINUSE") || line.contains("ServeError") || line.contains("in use"))
}
