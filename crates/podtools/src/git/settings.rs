//! The options of `git-init` and `git-sync`, read and checked. Pure.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use koc_api::{
    GitRef, GitUrl, InputFailureKind,
    names::{defaults, env, paths},
    parse_duration,
};

use crate::{
    git::{
        args::{CloneArgs, GitInitArgs, GitSyncArgs},
        sub_path::SubPath,
    },
    input_report::InputError,
};

/// Attempts where nobody says how many, and the wait after the first.
const ATTEMPTS: u32 = 3;
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// What both programs need to know.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub url: GitUrl,
    pub reference: GitRef,
    /// Directory that clones live in.
    pub root: PathBuf,
    /// Name of the clone there.
    pub link: String,
    /// Other directories at which the worker sees the clone.
    pub safe_directories: Vec<PathBuf>,
    pub custom_ca: Option<PathBuf>,
    /// For everything that is done over the network together.
    pub deadline: Duration,
    pub attempts: u32,
    pub retry_delay: Duration,
}

/// What `git-init` needs to know besides.
#[derive(Debug, Clone)]
pub(super) struct InitSettings {
    pub clone: Settings,
    /// 0 is the whole history.
    pub depth: u32,
    pub submodules: bool,
    pub workspace: Option<PathBuf>,
    pub sub_path: SubPath,
    pub required: Vec<SubPath>,
}

/// What `git-sync` needs to know besides.
#[derive(Debug, Clone)]
pub(super) struct SyncSettings {
    pub clone: Settings,
    pub interval: Duration,
}

impl Settings {
    /// The clone.
    pub(super) fn work_tree(&self) -> PathBuf {
        self.root.join(&self.link)
    }

    /// What is kept beside the clone. The worker mounts the clone alone and does not see it.
    pub(super) fn keep(&self) -> PathBuf {
        self.root.join(".kubeopencode").join(&self.link)
    }

    fn read(args: CloneArgs) -> Result<Self, InputError> {
        let CloneArgs {
            repo,
            reference,
            root,
            link,
            safe_directories,
            custom_ca,
            deadline,
            input: _,
        } = args;
        let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
        let (root, link) = (or(root, paths::GIT_ROOT), or(link, paths::GIT_LINK));
        let plain = !link.starts_with(['.', '-'])
            && !link.contains(|character: char| character == '/' || character.is_control());
        if !plain {
            return Err(invalid(format!(
                "{} must be the name of a directory, not {link:?}",
                env::GIT_LINK
            )));
        }
        let safe_directories: Vec<PathBuf> = list(env::GIT_SAFE_DIRECTORIES, &safe_directories)?;
        if let Some(path) = safe_directories.iter().find(|path| !path.is_absolute()) {
            return Err(invalid(format!(
                "{} lists {path:?}, which is not an absolute path",
                env::GIT_SAFE_DIRECTORIES
            )));
        }
        Ok(Self {
            url: repo.parse().map_err(|error| invalid(format!("{error}")))?,
            reference: reference.parse().map_err(|error| invalid(format!("{error}")))?,
            root: absolute(root)?,
            link,
            safe_directories,
            custom_ca: (!custom_ca.is_empty()).then(|| PathBuf::from(custom_ca)),
            deadline: Duration::from_secs(
                number(env::FETCH_DEADLINE_SECONDS, &deadline)?
                    .filter(|seconds| *seconds > 0)
                    .unwrap_or(defaults::FETCH_DEADLINE_SECONDS.unsigned_abs()),
            ),
            attempts: ATTEMPTS,
            retry_delay: RETRY_DELAY,
        })
    }
}

impl InitSettings {
    /// Reads what `git-init` was told.
    pub(super) fn read(args: GitInitArgs) -> Result<Self, InputError> {
        let GitInitArgs {
            clone,
            depth,
            recurse_submodules,
            retries,
            retry_delay,
            workspace,
            sub_path,
            required_paths,
        } = args;
        let mut clone = Settings::read(clone)?;
        if let Some(attempts @ 1..) = number(env::GIT_CLONE_RETRIES, &retries)? {
            clone.attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        }
        if let Some(delay) = duration(env::GIT_CLONE_RETRY_DELAY, &retry_delay)? {
            clone.retry_delay = delay;
        }
        let depth = number(env::GIT_DEPTH, &depth)?.unwrap_or(defaults::GIT_DEPTH.unsigned_abs().into());
        let required: Vec<String> = list(env::GIT_REQUIRED_PATHS, &required_paths)?;
        Ok(Self {
            clone,
            depth: u32::try_from(depth)
                .ok()
                // Git counts commits in an `int`.
                .filter(|depth| i32::try_from(*depth).is_ok())
                .ok_or_else(|| invalid(format!("{} is too large", env::GIT_DEPTH)))?,
            submodules: match recurse_submodules.as_str() {
                "true" => true,
                "" | "false" => false,
                other => {
                    return Err(invalid(format!(
                        "{} must be true or false, not {other:?}",
                        env::GIT_RECURSE_SUBMODULES
                    )));
                }
            },
            workspace: (!workspace.is_empty()).then(|| absolute(workspace)).transpose()?,
            sub_path: SubPath::parse(&sub_path)?,
            required: required
                .iter()
                .map(|path| SubPath::parse(path))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl SyncSettings {
    /// Reads what `git-sync` was told.
    pub(super) fn read(args: GitSyncArgs) -> Result<Self, InputError> {
        let GitSyncArgs { clone, interval } = args;
        let interval = match interval.trim() {
            "" => 0,
            text => text.parse::<i64>().map_err(|_| {
                invalid(format!(
                    "{} must be a whole number of seconds, not {text:?}",
                    env::GIT_SYNC_INTERVAL
                ))
            })?,
        };
        let interval = if interval > 0 {
            interval
        } else {
            defaults::GIT_SYNC_INTERVAL_SECONDS
        };
        Ok(Self {
            clone: Settings::read(clone)?,
            interval: Duration::from_secs(interval.unsigned_abs()),
        })
    }
}

fn invalid(sentence: String) -> InputError {
    InputError::new(InputFailureKind::InvalidInput, sentence)
}

fn number(variable: &str, text: &str) -> Result<Option<u64>, InputError> {
    match text.trim() {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| invalid(format!("{variable} must be a whole number, not {text:?}"))),
    }
}

/// A Go duration longer than nothing; nothing means the default.
fn duration(variable: &str, text: &str) -> Result<Option<Duration>, InputError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let duration = parse_duration(text.trim()).map_err(|error| invalid(format!("{variable}: {error}")))?;
    let duration =
        Duration::try_from(duration).map_err(|_| invalid(format!("{variable} must not be below zero")))?;
    Ok((!duration.is_zero()).then_some(duration))
}

fn list<T: serde::de::DeserializeOwned>(variable: &str, text: &str) -> Result<Vec<T>, InputError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(|error| invalid(format!("{variable} must be a JSON list: {error}")))
}

fn absolute(path: impl AsRef<Path>) -> Result<PathBuf, InputError> {
    let path = path.as_ref();
    std::path::absolute(path).map_err(|error| invalid(format!("{path:?} is no path: {error}")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Init {
        #[command(flatten)]
        args: GitInitArgs,
    }

    #[derive(Parser)]
    struct Sync {
        #[command(flatten)]
        args: GitSyncArgs,
    }

    fn init(arguments: &[&str]) -> Result<InitSettings, InputError> {
        let all = ["git-init", "--repo=https://h/x"].iter().chain(arguments);
        InitSettings::read(Init::try_parse_from(all).unwrap().args)
    }

    #[test]
    fn nothing_and_zero_mean_the_defaults() {
        for arguments in [
            &[][..],
            &[
                "--retries=0",
                "--root=",
                "--link=",
                "--custom-ca=",
                "--workspace=",
                "--retry-delay=0s",
                "--deadline=0",
                "--recurse-submodules=false",
            ],
        ] {
            let settings = init(arguments).unwrap();
            assert_eq!(settings.clone.attempts, 3);
            assert_eq!(settings.clone.retry_delay, Duration::from_secs(5));
            assert_eq!(settings.clone.deadline, Duration::from_secs(600));
            assert_eq!((settings.depth, settings.submodules), (1, false));
            assert_eq!(settings.clone.work_tree(), Path::new("/git/repo"));
            assert_eq!(settings.clone.reference, GitRef::Head);
        }
        let settings = init(&["--depth=0", "--retries=7", "--retry-delay=150ms", "--deadline=9"]).unwrap();
        assert_eq!((settings.depth, settings.clone.attempts), (0, 7));
        assert_eq!(settings.clone.retry_delay, Duration::from_millis(150));
        assert_eq!(settings.clone.deadline, Duration::from_secs(9));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_variable() {
        for (argument, expected) in [
            ("--depth=x", "GIT_DEPTH"),
            ("--depth=-1", "GIT_DEPTH"),
            ("--depth=4294967295", "GIT_DEPTH"),
            ("--retries=many", "GIT_CLONE_RETRIES"),
            ("--retry-delay=soon", "GIT_CLONE_RETRY_DELAY"),
            ("--recurse-submodules=yes", "GIT_RECURSE_SUBMODULES"),
            ("--link=../x", "GIT_LINK"),
            ("--link=.git", "GIT_LINK"),
            ("--safe-directories=x", "GIT_SAFE_DIRECTORIES"),
            ("--safe-directories=[\"x\"]", "GIT_SAFE_DIRECTORIES"),
            ("--required-paths={}", "GIT_REQUIRED_PATHS"),
            ("--required-paths=[\"../x\"]", "../x"),
            ("--sub-path=/etc", "/etc"),
            ("--repo=file:///x", "file://"),
            ("--ref=-x", "dash"),
        ] {
            let mut arguments = vec!["git-init"];
            if !argument.starts_with("--repo") {
                arguments.push("--repo=https://h/x");
            }
            arguments.push(argument);
            let error = InitSettings::read(Init::try_parse_from(arguments).unwrap().args).unwrap_err();
            assert_eq!(error.kind, InputFailureKind::InvalidInput);
            assert!(
                error.sentence.contains(expected),
                "{argument}: {}",
                error.sentence
            );
        }
    }

    #[test]
    fn an_interval_that_is_no_interval_is_five_minutes() {
        for (interval, expected) in [("", 300), ("0", 300), ("-5", 300), ("1", 1), ("60", 60)] {
            let argument = format!("--interval={interval}");
            let sync = Sync::try_parse_from(["git-sync", "--repo=https://h/x", &argument]).unwrap();
            let settings = SyncSettings::read(sync.args).unwrap();
            assert_eq!(settings.interval, Duration::from_secs(expected), "{interval:?}");
        }
    }
}
