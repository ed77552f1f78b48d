//! `kubeopencode run`: applies a manifest to a throwaway cluster in this process and follows its Tasks to the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use koc_api::{Task, parse_duration};
use koc_apiserver::Storage;
use kube::api::PostParams;
use kube::core::DynamicObject;
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use crate::apply::{apply, in_order_of_dependency};
use crate::command_error::CommandError;
use crate::data_dir::{DataDir, Places};
use crate::demo_model::DemoModel;
use crate::follow::Follower;
use crate::host_tools::ensure_host_tools;
use crate::manifest::{self, Document};
use crate::opencode_package::OpenCodeProgram;
use crate::options::{MachineArgs, OpenCodeArgs, OutputArgs, OutputForm};
use crate::outcome::Outcome;
use crate::signals::Signals;
use crate::terminal::Terminal;
use crate::wiring::Local;

/// How long Tasks get to end after they were asked to.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// Run Tasks on this machine, without a cluster
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 every Task completed, 1 a Task failed, 2 bad input, 130 Ctrl-C.\n\n\
                        Example:\n  kubeopencode run examples/hello.yaml"
)]
pub struct RunArgs {
    /// Manifests with at least one Task: YAML or JSON files, directories, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Namespace of objects that name none
    #[arg(short, long, default_value = "default", value_name = "NAME")]
    pub namespace: String,
    /// Stop the Tasks and fail when they have not ended after this time, such as 90s or 1h30m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Keep the files of the run (workspaces, logs) and say where they are
    #[arg(long)]
    pub keep: bool,
    /// Keep all state in this directory instead of a throwaway one
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

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = parse_duration(text).map_err(|error| error.to_string())?;
    let parsed = Duration::try_from(parsed).map_err(|_| "it must not be negative".to_owned())?;
    if parsed.is_zero() {
        Err("it must be longer than nothing".to_owned())
    } else {
        Ok(parsed)
    }
}

/// Runs the command. Returns the process's exit code; what went wrong has been told by then.
pub async fn run(args: RunArgs) -> u8 {
    let terminal = args.output.terminal();
    match try_run(args, &terminal).await {
        Ok(code) => code,
        Err(error) => error.report(&terminal),
    }
}

async fn try_run(args: RunArgs, terminal: &Terminal) -> Result<u8, CommandError> {
    let started = Instant::now();
    let RunArgs {
        files,
        namespace,
        timeout,
        keep,
        data_dir,
        opencode,
        machine,
        output,
    } = args;
    let MachineArgs { no_install } = machine;
    let mut documents = manifest::read(&files)?;
    if !documents.iter().any(|document| document.kind() == "Task") {
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        return Err(CommandError::NoTask {
            files: files.join(", "),
        });
    }
    in_order_of_dependency(&mut documents);

    let places = Places::from_env()?;
    let opencode = Arc::new(OpenCodeProgram::new(
        opencode.source(&places.cache)?,
        terminal.clone(),
    ));
    let (mut data, storage) = match &data_dir {
        Some(path) => {
            let data = DataDir::open(path)?;
            let storage = Storage::Sqlite(data.path().join("state.db"));
            (data, storage)
        }
        None => (DataDir::for_one_run(&places.data)?, Storage::Memory),
    };
    if keep {
        data.keep();
    }
    // Not earlier: until now Ctrl-C simply ends the process, also while standard input is read.
    let mut signals = Signals::new().map_err(CommandError::Signals)?;
    let start = async {
        ensure_host_tools(!no_install, terminal).await?;
        Ok::<_, CommandError>(Local::start(data.path(), storage, opencode).await?)
    };
    let local = tokio::select! {
        local = start => local?,
        ask = signals.next() => return Ok(ask.exit_code()),
    };
    tracing::debug!(elapsed = ?started.elapsed(), "ready");

    let session = Session {
        client: local.client.clone(),
        terminal: terminal.clone(),
        namespace,
        form: output.output,
    };
    let code = session.work(&documents, timeout, &mut signals).await;
    tokio::select! {
        () = local.stop() => {}
        _ = signals.next() => terminal.warn("ended at once, as asked twice"),
    }
    if keep || data_dir.is_some() {
        terminal.note(&format!("the files are kept in {}", data.path().display()));
    }
    code
}

/// What is done between start and stop of the local cluster.
struct Session {
    client: Client,
    terminal: Terminal,
    namespace: String,
    form: OutputForm,
}

impl Session {
    async fn work(
        &self,
        documents: &[Document],
        timeout: Option<Duration>,
        signals: &mut Signals,
    ) -> Result<u8, CommandError> {
        // The model listens as long as this is alive.
        let mut demo = DemoModel::new(self.client.clone(), self.terminal.clone());
        let followers = tokio::select! {
            followers = self.apply_all(documents, &mut demo) => followers?,
            ask = signals.next() => return Ok(ask.exit_code()),
        };
        let all = join_all(followers.iter().map(|follower| {
            let follower = follower.clone();
            async move {
                let outcome = Box::pin(follower.follow()).await;
                self.tell(&outcome);
                outcome
            }
        }));
        tokio::pin!(all);
        let limit = async {
            match timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let (code, reason) = tokio::select! {
            outcomes = &mut all => {
                let succeeded = outcomes.iter().all(Outcome::is_success);
                return Ok(u8::from(!succeeded));
            }
            ask = signals.next() => (ask.exit_code(), "stopping; press Ctrl-C again to end at once"),
            () = limit => (1, "the time given with --timeout is over; stopping"),
        };
        self.terminal.warn(reason);
        let stopping = async {
            join_all(followers.iter().map(Follower::stop)).await;
            all.await;
        };
        tokio::select! {
            _ = tokio::time::timeout(STOP_GRACE, stopping) => {}
            _ = signals.next() => {}
        }
        Ok(code)
    }

    async fn apply_all(
        &self,
        documents: &[Document],
        demo: &mut DemoModel,
    ) -> Result<Vec<Follower>, CommandError> {
        self.make_namespaces(documents).await?;
        demo.provide_for(documents, &self.namespace).await?;
        let mut tasks = Vec::new();
        for document in documents {
            if document.kind() == "Task" && tasks.is_empty() {
                self.make_service_accounts(documents).await?;
            }
            let applied = apply(&self.client, document, &self.namespace).await?;
            for warning in &applied.warnings {
                self.terminal
                    .warn(&format!("{}: {}: {warning}", document.origin, document.title()));
            }
            let done = if applied.created { "created" } else { "updated" };
            self.terminal.note(&format!(
                "{} {} {done}",
                document.kind(),
                applied.object.name_any()
            ));
            if document.kind() == "Task" {
                refuse_finished(&applied.object)?;
                tasks.push(applied.object);
            }
        }
        let several = tasks.len() > 1;
        let follower = |(number, task): (usize, DynamicObject)| Follower {
            client: self.client.clone(),
            terminal: self.terminal.clone(),
            namespace: task.namespace().unwrap_or_else(|| self.namespace.clone()),
            name: task.name_any(),
            prefix: several.then_some(number),
            log_to_stderr: self.form == OutputForm::Json,
        };
        Ok(tasks.into_iter().enumerate().map(follower).collect())
    }

    /// A throwaway cluster has none but the default ones; on a real one somebody made them before.
    async fn make_namespaces(&self, documents: &[Document]) -> Result<(), CommandError> {
        let brought: Vec<&str> = documents
            .iter()
            .filter(|d| d.kind() == "Namespace")
            .map(|d| d.text("/metadata/name"))
            .collect();
        let mut wanted = vec![self.namespace.as_str()];
        wanted.extend(
            documents
                .iter()
                .map(|d| d.text("/metadata/namespace"))
                .filter(|name| !name.is_empty()),
        );
        wanted.sort_unstable();
        wanted.dedup();
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        for name in wanted.into_iter().filter(|name| !brought.contains(name)) {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.make(&namespaces, &format!("Namespace {name}"), namespace)
                .await?;
        }
        Ok(())
    }

    /// Templates name a ServiceAccount which on a cluster an administrator made; here it carries no rights anyway.
    async fn make_service_accounts(&self, documents: &[Document]) -> Result<(), CommandError> {
        for document in documents
            .iter()
            .filter(|d| matches!(d.kind(), "AgentTemplate" | "Agent"))
        {
            let name = document.text("/spec/serviceAccountName");
            if name.is_empty() || name == "default" {
                continue;
            }
            let own = document.text("/metadata/namespace");
            let namespace = if own.is_empty() { &self.namespace } else { own };
            let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
            let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
            self.make(&accounts, &format!("ServiceAccount {name}"), account)
                .await?;
        }
        Ok(())
    }

    /// Creates what is not there yet, and says so.
    async fn make<K>(&self, api: &Api<K>, title: &str, object: serde_json::Value) -> Result<(), CommandError>
    where
        K: kube::Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
    {
        let fail = |source: Box<dyn std::error::Error + Send + Sync>| CommandError::Make {
            title: title.to_owned(),
            source,
        };
        let object: K = serde_json::from_value(object).map_err(|error| fail(error.into()))?;
        match api.create(&PostParams::default(), &object).await {
            Ok(_) => self
                .terminal
                .note(&format!("{title} created, since it was missing")),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(fail(error.into())),
        }
        Ok(())
    }

    fn tell(&self, outcome: &Outcome) {
        let text = outcome.for_people();
        match (self.form, outcome.is_success()) {
            (OutputForm::Json, _) => self.terminal.data(&outcome.for_programs().to_string()),
            (OutputForm::Text, true) => self.terminal.good(&text),
            (OutputForm::Text, false) => self.terminal.error(&text),
        }
    }
}

/// A Task runs once. One that ended in an earlier run on the same data directory would seem to have run again.
fn refuse_finished(task: &DynamicObject) -> Result<(), CommandError> {
    let typed: Option<Task> = task.clone().try_parse().ok();
    match typed
        .and_then(|task| task.status)
        .filter(koc_api::TaskStatus::is_finished)
    {
        Some(status) => Err(CommandError::AlreadyEnded {
            name: task.name_any(),
            phase: status.phase.map_or("", |phase| phase.as_str()).to_owned(),
        }),
        None => Ok(()),
    }
}
