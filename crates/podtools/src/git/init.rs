//! `git-init`: one clone, complete or not at all.

use koc_api::{GitTransport, GitUrl, InputFailureKind, names::env};

use crate::{
    git::{
        access::Secrets,
        args::GitInitArgs,
        clone,
        log::Log,
        record::Record,
        settings::{InitSettings, Settings},
        sub_path::SubPath,
        work::Work,
        workspace::{self, Copied, Source},
    },
    input_report::{InputEnd, InputError, InputExit},
    redact::Redactor,
    stop::Stop,
};

const PROGRAM: &str = "git-init";

/// Makes the clone, or brings the one that is there up to date, and copies it where it is wanted.
///
/// The log goes to standard output, a failure to standard error and the termination log. Changes the process's umask.
pub async fn git_init(args: GitInitArgs) -> InputExit {
    let (secrets, log) = begin(PROGRAM);
    let input = args.clone.input.clone();
    let name = name_of(&args.clone.repo);
    let result = run(args, secrets, &log).await;
    input.conclude(PROGRAM, &name, log.redactor(), result)
}

/// What both programs do first: read the secrets, hide them in the log, and let the group write what is made.
pub(super) fn begin(program: &'static str) -> (Secrets, Log) {
    rustix::process::umask(rustix::fs::Mode::WOTH);
    let secrets = Secrets::from_env();
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect::<Vec<_>>();
    let mut redactor = Redactor::new(variables.clone(), []);
    secrets.hide_in(&mut redactor);
    for (name, value) in &variables {
        let is_proxy = [env::HTTP_PROXY, env::HTTPS_PROXY]
            .iter()
            .flatten()
            .any(|proxy| proxy == name);
        if let Some((_, rest)) = value.split_once("://").filter(|_| is_proxy)
            && let Some((_, password)) = rest.rsplit_once('@').and_then(|(user, _)| user.split_once(':'))
            && !password.is_empty()
        {
            redactor.add(password);
        }
    }
    (secrets, Log::new(program, redactor))
}

/// What the input is called where nobody has named it. An address that is refused may hold a password.
pub(super) fn name_of(repository: &str) -> String {
    match repository.parse::<GitUrl>() {
        Ok(url) => format!("git \"{url}\""),
        Err(_) => "git repository".to_owned(),
    }
}

/// Says what deserves attention although it is allowed.
pub(super) fn warn(settings: &Settings, log: &Log) {
    if settings.url.transport() == GitTransport::Http {
        log.say(&format!(
            "warning: {} is not encrypted: everybody on the way can read and change what is sent, the password included",
            settings.url
        ));
    }
}

/// Catches the signals that end a program of this kind.
pub(super) fn listen() -> Result<Stop, InputError> {
    Stop::listen().map_err(|error| {
        let sentence = format!("the signals of this process can't be watched: {error}");
        InputError::new(InputFailureKind::Internal, sentence)
    })
}

async fn run(args: GitInitArgs, secrets: Secrets, log: &Log) -> Result<(), InputEnd> {
    let settings = InitSettings::read(args)?;
    let stop = listen()?;
    warn(&settings.clone, log);
    let work = Work::new(settings.clone.clone(), secrets, log.clone(), stop)?;
    let record = clone::provide(&work, settings.depth, settings.submodules).await?;
    let clone = work.settings.work_tree();
    for path in settings.required.iter().chain([&settings.sub_path]) {
        if path.find_in(&clone)?.is_none() {
            return Err(missing(path, &work.settings).into());
        }
    }
    clone::trust(&work.settings, &record, settings.workspace.as_deref())?;
    if let Some(workspace) = &settings.workspace {
        copy(&work, &settings, &record, workspace)?;
    }
    Ok(())
}

fn copy(
    work: &Work,
    settings: &InitSettings,
    record: &Record,
    workspace: &std::path::Path,
) -> Result<(), InputError> {
    let place = settings
        .sub_path
        .find_in(&work.settings.work_tree())?
        .ok_or_else(|| missing(&settings.sub_path, &work.settings))?;
    let source = Source {
        place: &place,
        is_whole: settings.sub_path.is_whole(),
        copied: Copied {
            url: record.url.clone(),
            path: settings.sub_path.as_path().to_string_lossy().into_owned(),
        },
    };
    workspace::merge(&source, workspace, &work.log)
}

fn missing(path: &SubPath, settings: &Settings) -> InputError {
    InputError::new(
        InputFailureKind::NotFound,
        format!(
            "the path {:?} not found in {} at {}",
            path.as_path(),
            settings.url,
            settings.reference
        ),
    )
}
