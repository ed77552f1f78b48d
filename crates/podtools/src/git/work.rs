//! What every step of a clone needs: settings, credentials, the ways to call `git`.

use std::{
    cell::Cell,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use koc_api::InputFailureKind;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    authorities,
    git::{
        access::{Access, Secrets},
        environment::{self, Network, Variables},
        log::Log,
        memory_file::MemoryFile,
        process::{Call, Fault},
        progress::Progress,
        repository::{Repository, failed},
        retry::{Retry, any_seed},
        settings::Settings,
        ssh_config,
    },
    input_report::{InputEnd, InputError},
    stop::Stop,
};

/// Between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Everything that stays the same while a program works on one clone.
#[derive(Debug)]
pub(super) struct Work {
    pub settings: Settings,
    pub access: Access,
    pub log: Log,
    pub retry: Retry,
    stop: Stop,
    local: Variables,
    network: Variables,
    deadline: Cell<Instant>,
    /// For directories of our `git`: nobody else knows its name, and nothing secret is in it.
    temporary: TempDir,
    directories: Cell<u32>,
    /// Key, known hosts and the like, which are there as long as this is.
    _files: Vec<MemoryFile>,
}

impl Work {
    /// Gets everything ready; the time for attempts begins.
    pub(super) fn new(
        settings: Settings,
        secrets: Secrets,
        log: Log,
        stop: Stop,
    ) -> Result<Self, InputError> {
        let own: Variables = std::env::vars_os().collect();
        let access = Access::new(&settings.url, secrets)?;
        let temporary = temporary_directory(&settings.keep())?;
        let mut files = Vec::new();
        let mut file = |name: &str, content: &[u8]| -> Result<PathBuf, InputError> {
            let file = MemoryFile::new(name, content)
                .map_err(|error| internal(format!("no file in memory: {error}")))?;
            let path = file.path();
            files.push(file);
            Ok(path)
        };
        let (key, known_hosts) = match &access {
            Access::Key { key, known_hosts } => (Some(file("key", key.as_bytes())?), known_hosts.as_str()),
            _ => (None, ""),
        };
        let known_hosts = file(
            "known_hosts",
            format!("{}\n", known_hosts.replace('\r', "")).as_bytes(),
        )?;
        let key = key.as_deref().map(|key| (settings.url.host(), key));
        let ssh_config = file("ssh_config", ssh_config::text(key, &known_hosts).as_bytes())?;
        let authorities = settings
            .custom_ca
            .as_deref()
            .map(|custom| {
                let all = authorities::combined(custom).map_err(internal)?;
                file("authorities", &all)
            })
            .transpose()?;
        let helper = std::env::current_exe()
            .map_err(|error| internal(format!("this program does not find itself: {error}")))?;
        let password = match &access {
            Access::Password { user, password } => Some((user.as_str(), password.as_str())),
            _ => None,
        };
        let network = environment::network(
            &own,
            &Network {
                url: &settings.url,
                password,
                helper: &helper,
                ssh_config: &ssh_config,
                authorities: authorities.as_deref(),
            },
        );
        let retry = Retry {
            attempts: settings.attempts,
            delay: settings.retry_delay,
            longest: LONGEST_WAIT,
            seed: any_seed(),
        };
        let deadline = Instant::now() + settings.deadline;
        Ok(Self {
            settings,
            access,
            log,
            retry,
            stop,
            local: environment::local(&own),
            network,
            deadline: Cell::new(deadline),
            temporary,
            directories: Cell::new(0),
            _files: files,
        })
    }

    /// The time for attempts begins anew, and what an earlier round has left is cleared away.
    pub(super) fn begin(&self) {
        self.deadline.set(Instant::now() + self.settings.deadline);
        for directory in 0..self.directories.take() {
            // It holds links and three small files; what can't be removed is in nobody's way.
            let _ = fs::remove_dir_all(self.temporary.path().join(directory.to_string()));
        }
    }

    /// A new directory that nobody else knows.
    pub(super) fn new_directory(&self) -> Result<PathBuf, InputError> {
        let number = self.directories.get();
        self.directories.set(number + 1);
        let path = self.temporary.path().join(number.to_string());
        fs::create_dir(&path).map_err(failed("create", &path))?;
        Ok(path)
    }

    /// Runs `git` without credentials. That it fails is a failure of ours.
    pub(super) async fn git<A: AsRef<OsStr>>(
        &self,
        repository: &Repository,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>, InputEnd> {
        self.attempt(repository, arguments).await?.map_err(|lines| {
            let last = lines.last().map_or("it said nothing", String::as_str);
            internal(format!("git failed: {last}")).into()
        })
    }

    /// Runs `git` without credentials for a question that may have no answer.
    pub(super) async fn ask<A: AsRef<OsStr>>(
        &self,
        repository: &Repository,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Option<Vec<u8>>, InputEnd> {
        Ok(self.attempt(repository, arguments).await?.ok())
    }

    /// Runs `git` without credentials; the inner error is what it says.
    pub(super) async fn attempt<A: AsRef<OsStr>>(
        &self,
        repository: &Repository,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Result<Vec<u8>, Vec<String>>, InputEnd> {
        self.attempt_with(repository, &self.local, arguments).await
    }

    /// The same with another index.
    pub(super) async fn attempt_with_index<A: AsRef<OsStr>>(
        &self,
        repository: &Repository,
        index: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Result<Vec<u8>, Vec<String>>, InputEnd> {
        let mut variables = self.local.clone();
        variables.insert("GIT_INDEX_FILE".into(), index.into());
        self.attempt_with(repository, &variables, arguments).await
    }

    async fn attempt_with<A: AsRef<OsStr>>(
        &self,
        repository: &Repository,
        variables: &Variables,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Result<Vec<u8>, Vec<String>>, InputEnd> {
        match self
            .call(repository, variables, arguments)
            .run(&self.stop, None)
            .await
        {
            Ok(output) => Ok(Ok(output)),
            Err(Fault::Failed(lines)) => Ok(Err(lines)),
            Err(fault) => Err(self.end(fault)),
        }
    }

    /// Runs `git` with credentials, showing its progress.
    pub(super) async fn over_network<A: AsRef<OsStr>>(
        &self,
        repository: &Repository,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>, Fault> {
        let mut progress = Progress::new(&self.log);
        self.call(repository, &self.network, arguments)
            .run(&self.stop, Some(&mut progress))
            .await
    }

    fn call<'a, A: AsRef<OsStr>>(
        &self,
        repository: &'a Repository,
        variables: &'a Variables,
        arguments: impl IntoIterator<Item = A>,
    ) -> Call<'a> {
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .map(|argument| argument.as_ref().to_owned())
            .collect();
        Call {
            git_dir: &repository.git_dir,
            work_tree: &repository.work_tree,
            variables,
            arguments,
            deadline: self.deadline.get(),
        }
    }

    /// Waits, unless the time for attempts ends before that.
    pub(super) async fn pause(&self, wait: Duration) -> Result<(), InputEnd> {
        if Instant::now() + wait >= self.deadline.get() {
            return Err(self.end(Fault::TimedOut));
        }
        self.sleep(wait).await
    }

    /// Waits, unless this process is told to stop.
    pub(super) async fn sleep(&self, wait: Duration) -> Result<(), InputEnd> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            signal = stop.told() => Err(InputEnd::Stopped(signal)),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    /// A `git` that did not get to an end of its own.
    pub(super) fn end(&self, fault: Fault) -> InputEnd {
        match fault {
            Fault::Stopped(signal) => InputEnd::Stopped(signal),
            Fault::TimedOut => InputError::new(
                InputFailureKind::Unreachable,
                format!(
                    "{} was not fetched within {} s; is it reachable from this cluster, and is a smaller depth enough?",
                    self.settings.url,
                    self.settings.deadline.as_secs()
                ),
            )
            .into(),
            Fault::NotStarted(error) => internal(format!("the git program of this image can't be started: {error}")).into(),
            Fault::Failed(lines) => {
                let last = lines.last().map_or("it said nothing", String::as_str);
                internal(format!("git failed: {last}")).into()
            }
        }
    }
}

fn internal(sentence: String) -> InputError {
    InputError::new(InputFailureKind::Internal, sentence)
}

/// In the system's place for such, or beside the clone where that can't be written.
fn temporary_directory(keep: &Path) -> Result<TempDir, InputError> {
    tempfile::tempdir().or_else(|_| {
        fs::create_dir_all(keep)
            .and_then(|()| TempDir::new_in(keep))
            .map_err(failed("create a directory in", keep))
    })
}
