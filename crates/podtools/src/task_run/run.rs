//! The whole run, from the prompt to the result.

use std::{future::Future, time::Duration};

use koc_api::{
    names::{env, paths},
    result::RunResult,
};
use koc_opencode::{
    Client, Error, Event, EventStream, FileDiff, Message, NewSession, PermissionRule, Role, Secret, Session,
};
use tokio::time::Instant;

use crate::redact::Redactor;
use crate::stop::Stop;
use crate::task_run::{
    args::TaskRunArgs,
    environment::{self, Variables},
    evidence::{self, Ending, Evidence, LastAnswer},
    follow::Follow,
    lines::{count, duration, first_line, shorten},
    log::Log,
    npm,
    program::{Program, end_all},
    prompt,
    server::{Plan, Server},
    termination,
    totals::Totals,
    turn::Turn,
    verdict,
};
use crate::termination_log;

/// After the end of a turn a living server answers these within milliseconds; a stopped run has no time for more.
const COLLECT_LIMIT: Duration = Duration::from_secs(10);
const COLLECT_LIMIT_STOPPED: Duration = Duration::from_secs(1);

/// How long the first event may take to arrive after the subscription.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// Longer ids and titles are no ids and titles.
const NAME_CHARS: usize = 200;

/// What OpenCode's tools must not do where nobody can answer; `opencode run` forbids the same.
const NEEDS_A_PERSON: [&str; 3] = ["question", "plan_enter", "plan_exit"];

/// The exit code of a run: 0 when it completed, 128 plus the signal when it was stopped, else 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunExit(u8);

impl RunExit {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        self.0
    }
}

impl From<RunExit> for std::process::ExitCode {
    fn from(exit: RunExit) -> Self {
        Self::from(exit.0)
    }
}

/// Runs OpenCode with the prompt and returns when it is over and every process it has started is gone.
///
/// The log goes to standard output, the result to the termination log. Must be the only thing its process does: it
/// collects all children and ends all descendants of the process.
pub async fn task_run(args: TaskRunArgs) -> RunExit {
    let started = Instant::now();
    let own: Variables = std::env::vars_os().collect();
    // Two random UUIDs are 244 random bits, from the system's generator.
    let password = Secret::new(format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    ));
    let redactor = redactor(&own, &password);
    let log = Log::new(redactor.clone());
    let evidence = match Stop::listen() {
        Ok(stop) => {
            Run {
                args: &args,
                own: &own,
                password: &password,
                log: &log,
                stop,
            }
            .run(started)
            .await
        }
        Err(error) => {
            let ending =
                Ending::NoProgram(format!("The signals of this process cannot be watched: {error}."));
            Evidence {
                ending,
                ..Evidence::default()
            }
        }
    };
    let (result, json) = termination::message(&verdict::decide(&evidence), &redactor);
    tell(&log, &result, started.elapsed());
    if let Err(error) = termination_log::write(&args.termination_log, &json) {
        // Without a kubelet there is no such file, and the log has said everything.
        log.print(&format!(
            "! the result cannot be written to {}: {error}",
            args.termination_log.display()
        ));
    }
    RunExit(match (result.outcome, &evidence.ending) {
        (koc_api::result::Outcome::Completed, _) => 0,
        (_, Ending::Stopped(signal)) => u8::try_from(128 + signal).unwrap_or(1),
        _ => 1,
    })
}

struct Run<'a> {
    args: &'a TaskRunArgs,
    own: &'a Variables,
    password: &'a Secret,
    log: &'a Log,
    stop: Stop,
}

impl Run<'_> {
    async fn run(mut self, started: Instant) -> Evidence {
        match self.serve(started).await {
            Ok((prompt, mut server)) => {
                let evidence = self.session(&prompt, &mut server).await;
                self.end(&mut server.program).await;
                evidence
            }
            Err((ending, program)) => {
                if let Some(mut program) = program {
                    self.end(&mut program).await;
                }
                Evidence {
                    ending,
                    ..Evidence::default()
                }
            }
        }
    }

    /// Everything up to a healthy server.
    async fn serve(&mut self, started: Instant) -> Result<(String, Server), (Ending, Option<Program>)> {
        let TaskRunArgs {
            workspace,
            prompt_file,
            opencode,
            start_timeout,
            ..
        } = self.args;
        let invalid = |why| (Ending::InvalidInput(why), None);
        if !workspace.is_dir() {
            return Err(invalid(format!(
                "The workspace {} is not a directory.",
                workspace.display()
            )));
        }
        let file = prompt_file
            .clone()
            .unwrap_or_else(|| workspace.join(paths::TASK_FILE));
        let prompt = prompt::read(&file).map_err(invalid)?;
        let program = environment::opencode(opencode.as_deref(), self.own)
            .map_err(|why| (Ending::NoProgram(why), None))?;
        let home = environment::replacement_home(self.own);
        if let Some(home) = &home {
            self.log.print(&format!(
                "! HOME cannot be written; using {} instead",
                home.display()
            ));
        }
        let variables = environment::environment(self.own, self.password, home.as_deref());
        if !environment::has_ripgrep(&variables) {
            self.log.print(
                "! there is no ripgrep (rg) on the PATH: OpenCode's grep, glob and skill tools will fail",
            );
        }
        if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
            // As process 1 of a container this process adopts orphans anyway.
            tracing::debug!(%error, "not a child subreaper");
        }
        let plan = Plan {
            program: &program,
            directory: workspace,
            variables: &variables,
            password: self.password,
            limit: Duration::from_secs(*start_timeout),
        };
        let mut stop = self.stop.clone();
        let server = tokio::select! {
            biased;
            // Dropping the half-started server leaves its process, which is found among the descendants.
            signal = stop.told() => {
                end_all(Duration::from_secs(self.args.stop_grace)).await;
                return Err((Ending::Stopped(signal), None));
            }
            server = plan.start() => server?,
        };
        self.log.print(&format!(
            "● OpenCode {} is ready after {}",
            server.version,
            duration(started.elapsed())
        ));
        npm::preseed(&variables, &server.version);
        Ok((prompt, server))
    }

    async fn end(&self, program: &mut Program) {
        let left = program.end(Duration::from_secs(self.args.stop_grace)).await;
        if left > 0 {
            self.log.print(&format!("! {left} processes could not be ended"));
        }
    }

    async fn session(&mut self, prompt: &str, server: &mut Server) -> Evidence {
        let title = self.title();
        let Server { client, program, .. } = server;
        let opening = guarded(program, &mut self.stop, open(client, &title)).await;
        let (session, events) = match opening {
            Ok(opened) => opened,
            Err(ending) => {
                return Evidence {
                    ending,
                    ..Evidence::default()
                };
            }
        };
        self.log
            .print(&format!("● session {} \"{}\"", session.id, session.title));
        self.log.print(&format!(
            "● prompt ({} bytes): {}",
            prompt.len(),
            first_line(prompt, 120)
        ));
        let mut turn = Turn::new(&session.id);
        let sent = guarded(program, &mut self.stop, client.prompt(&session.id, prompt)).await;
        let ending = match sent {
            Err(ending) => ending,
            Ok(()) => {
                let follow = Follow {
                    client,
                    program,
                    stop: &mut self.stop,
                    log: self.log,
                    turn: &mut turn,
                    session: &session.id,
                    no_progress: Some(Duration::from_secs(self.args.no_progress))
                        .filter(|limit| !limit.is_zero()),
                };
                follow.follow(events).await
            }
        };
        self.collect(client, program, &session, turn, ending).await
    }

    /// Asks the server for everything the verdict needs, as far as it still answers.
    async fn collect(
        &self,
        client: &Client,
        program: &Program,
        session: &Session,
        turn: Turn,
        ending: Ending,
    ) -> Evidence {
        let limit = match ending {
            Ending::TurnEnded => COLLECT_LIMIT,
            _ => COLLECT_LIMIT_STOPPED,
        };
        let told = if program.exit().is_some() {
            None
        } else {
            tokio::time::timeout(limit, account(client, &session.id, &turn))
                .await
                .ok()
                .flatten()
        };
        let (last, did_something, totals) = match told {
            Some((sessions, messages, diffs)) => (
                LastAnswer::of(&messages),
                evidence::did_something(&messages),
                Totals::of(&sessions, &messages, &diffs),
            ),
            None => {
                let seen = i32::try_from(turn.messages_seen()).unwrap_or(i32::MAX);
                (
                    None,
                    false,
                    Totals {
                        messages: seen,
                        ..Totals::of(&turn.used, &[], &[])
                    },
                )
            }
        };
        let Turn {
            fault,
            retries,
            last_retry,
            refused,
            broken_streams,
            ..
        } = turn;
        Evidence {
            ending,
            session: Some((
                shorten(&session.id, NAME_CHARS),
                shorten(&session.title, NAME_CHARS),
            )),
            last,
            did_something,
            fault,
            retries,
            last_retry,
            refused,
            broken_streams,
            totals,
        }
    }

    fn title(&self) -> String {
        let given = self.args.title.clone().filter(|title| !title.trim().is_empty());
        given.unwrap_or_else(|| {
            let get = |name: &str| {
                self.own
                    .get(std::ffi::OsStr::new(name))
                    .and_then(|value| value.to_str())
            };
            let (namespace, name) = (get(env::TASK_NAMESPACE), get(env::TASK_NAME));
            format!(
                "kubeopencode/{}/{}",
                namespace.unwrap_or("default"),
                name.unwrap_or("task")
            )
        })
    }
}

/// Subscribes first and creates the session then, so that no event of it is missed.
async fn open(client: &Client, title: &str) -> Result<(Session, EventStream), Error> {
    let mut events = client.events().await?;
    let connected = async {
        while let Some(event) = events.next().await? {
            if event == Event::Connected {
                return Ok(());
            }
        }
        Ok(())
    };
    // A version that does not announce itself is subscribed to as well once it has answered.
    tokio::time::timeout(CONNECT_LIMIT, connected)
        .await
        .unwrap_or(Ok(()))?;
    let new = NewSession {
        title: Some(title.to_owned()),
        permissions: NEEDS_A_PERSON.into_iter().map(PermissionRule::deny).collect(),
    };
    Ok((client.create_session(&new).await?, events))
}

/// The result of a request, unless OpenCode ends or a signal comes first.
async fn guarded<T>(
    program: &mut Program,
    stop: &mut Stop,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Ending> {
    let answer = tokio::select! {
        biased;
        signal = stop.told() => return Err(Ending::Stopped(signal)),
        exit = program.ended() => {
            return Err(Ending::Crashed { exit, tail: program.last_words().await });
        }
        answer = request => answer,
    };
    match answer {
        Ok(value) => Ok(value),
        Err(error) if error.is_answer() => Err(Ending::Refused(error.to_string())),
        Err(error) => {
            // The connection breaks a moment before the end of the process is known.
            match tokio::time::timeout(Duration::from_millis(500), program.ended()).await {
                Ok(exit) => Err(Ending::Crashed {
                    exit,
                    tail: program.last_words().await,
                }),
                Err(_) => Err(Ending::Unreachable(error.to_string())),
            }
        }
    }
}

/// The sessions, the messages and the changes of a run.
async fn account(
    client: &Client,
    session: &str,
    turn: &Turn,
) -> Option<(Vec<Session>, Vec<Message>, Vec<FileDiff>)> {
    let messages = client.messages(session).await.ok()?;
    let mut sessions = Vec::new();
    for member in turn.family() {
        sessions.extend(client.session(member).await.ok());
    }
    let prompt = messages.iter().rfind(|message| message.info.role == Role::User);
    let diffs = match prompt {
        // OpenCode adds its account of the turn to the prompt's message a moment after the turn has ended.
        Some(message) => client.diff(session, &message.info.id).await.unwrap_or_default(),
        None => Vec::new(),
    };
    Some((sessions, messages, diffs))
}

fn redactor(own: &Variables, password: &Secret) -> Redactor {
    let text = |(name, value): (&std::ffi::OsString, &std::ffi::OsString)| {
        Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
    };
    let mut redactor = Redactor::new(own.iter().filter_map(text), environment::configurations(own));
    redactor.add(password.expose());
    redactor
}

/// The last lines of the log.
fn tell(log: &Log, result: &RunResult, took: Duration) {
    log.print(&format!("■ {}: {}", result.reason, result.message));
    let Some(session) = &result.session_id else { return };
    let tokens = &result.tokens;
    let mut line = format!(
        "  session {session} · {} · tokens {} in, {} out",
        count(i64::from(result.message_count), "message"),
        tokens.input,
        tokens.output,
    );
    for (number, what) in [(tokens.cache, "cached"), (tokens.reasoning, "reasoning")] {
        if number > 0 {
            line.push_str(&format!(", {number} {what}"));
        }
    }
    line.push_str(&format!(
        " · cost ${} · {} changed (+{} −{}) · {}",
        result.cost,
        count(i64::from(result.files_changed), "file"),
        result.additions,
        result.deletions,
        duration(took),
    ));
    log.print(&line);
}
