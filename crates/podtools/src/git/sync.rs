//! `git-sync`: keeps a clone fresh while an agent works with it.

use std::time::Duration;

use koc_api::InputFailureKind;

use crate::{
    git::{
        access::Secrets,
        args::GitSyncArgs,
        clone,
        follow::{Followed, follow},
        head::short,
        init::{begin, listen, name_of, warn},
        log::Log,
        record::Record,
        retry::{Retry, any_seed},
        settings::SyncSettings,
        work::Work,
    },
    input_report::{InputEnd, InputError, InputExit},
    plain_text,
};

const PROGRAM: &str = "git-sync";

/// A remote in trouble is looked at less and less often, but at least this often, unless the interval is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Looks for news at once and after every interval, until it is told to stop, which is a success.
///
/// The log goes to standard output. It fails only at its start: without a clone, or with settings that can't be meant.
pub async fn git_sync(args: GitSyncArgs) -> InputExit {
    let (secrets, log) = begin(PROGRAM);
    let input = args.clone.input.clone();
    let name = name_of(&args.clone.repo);
    let result = match run(args, secrets, &log).await {
        Err(InputEnd::Stopped(_)) => Ok(()),
        result => result,
    };
    input.conclude(PROGRAM, &name, log.redactor(), result)
}

async fn run(args: GitSyncArgs, secrets: Secrets, log: &Log) -> Result<(), InputEnd> {
    let settings = SyncSettings::read(args)?;
    let stop = listen()?;
    warn(&settings.clone, log);
    let retry = Retry {
        attempts: u32::MAX,
        delay: settings.interval,
        longest: LONGEST_WAIT,
        seed: any_seed(),
    };
    let work = Work::new(settings.clone, secrets, log.clone(), stop)?;
    let mut record = record(&work)?;
    let mut failures = 0;
    let mut told = String::new();
    loop {
        work.begin();
        let wait = match follow(&work, &mut record).await {
            Ok(followed) => {
                failures = 0;
                tell(&work, &record, followed, &mut told)?;
                settings.interval
            }
            Err(InputEnd::Failed(error)) => {
                failures += 1;
                // The wait before the second failure in a row is the interval, as always.
                let wait = retry.wait(failures).max(settings.interval);
                log.say(&format!(
                    "warning: {error}; looking again in {}",
                    plain_text::duration(wait)
                ));
                told.clear();
                wait
            }
            Err(stopped) => return Err(stopped),
        };
        work.sleep(wait).await?;
    }
}

/// Says what is new. The same thing is not said again and again.
fn tell(work: &Work, record: &Record, followed: Followed, told: &mut String) -> Result<(), InputError> {
    let line = match followed {
        Followed::UpToDate => format!("up to date at {}", short(&record.commit)),
        Followed::Moved { from, to } => {
            clone::trust_more(&work.settings, record)?;
            told.clear();
            format!("updated from {} to {}", short(&from), short(&to))
        }
        Followed::Left { to, why } => {
            format!(
                "warning: the clone is left as it is, although there is {}: {why}",
                short(&to)
            )
        }
    };
    if line != *told {
        work.log.say(&line);
        *told = line;
    }
    Ok(())
}

/// The record of the clone that `git-init` has made.
fn record(work: &Work) -> Result<Record, InputError> {
    let place = work.settings.work_tree();
    let record = Record::read(&work.settings.keep()).filter(|_| place.join(".git").is_dir());
    record
        .filter(|record| record.url == work.settings.url.as_str())
        .ok_or_else(|| {
            InputError::new(
                InputFailureKind::Internal,
                format!(
                    "{} holds no clone of {}; git-init makes it, before this starts",
                    place.display(),
                    work.settings.url
                ),
            )
        })
}
