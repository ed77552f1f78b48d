//! The clone of `git-init`: made, or brought up to date.

use std::{
    fs,
    path::{Path, PathBuf},
};

use koc_api::InputFailureKind;

use crate::{
    git::{
        follow::{Followed, follow},
        fresh, git_config,
        head::short,
        record::Record,
        repository::{Repository, failed},
        settings::Settings,
        work::Work,
    },
    input_report::{InputEnd, InputError},
};

/// Makes the clone, or brings the one that is there up to date.
pub(super) async fn provide(work: &Work, depth: u32, submodules: bool) -> Result<Record, InputEnd> {
    let place = work.settings.work_tree();
    if !is_occupied(&place)? {
        return fresh::make(work, depth, submodules).await;
    }
    let Some(mut record) = Record::read(&work.settings.keep()) else {
        return Err(refused(format!(
            "there is something in {} that git-init has not put there; remove it, or use another volume",
            place.display()
        )));
    };
    let is_same =
        record.url == work.settings.url.as_str() && record.depth == depth && record.submodules == submodules;
    if !is_same {
        if !is_untouched(work, &record).await? {
            return Err(refused(format!(
                "{} holds a clone of {} with changes that would be lost; remove it, or use another volume",
                place.display(),
                record.url
            )));
        }
        work.log.say(&format!(
            "{} is replaced: it was asked for differently",
            place.display()
        ));
        fs::remove_dir_all(&place).map_err(failed("remove", &place))?;
        return fresh::make(work, depth, submodules).await;
    }
    work.log.say(&format!(
        "{} has a clone of {} at {}; looking for news",
        place.display(),
        record.url,
        short(&record.commit)
    ));
    // The worker starts after us, so whoever holds a lock now is dead.
    Repository::guarded(work, &place.join(".git"), &place)?.unlock(&work.log);
    match follow(work, &mut record).await? {
        Followed::UpToDate => work.log.say("it is up to date"),
        Followed::Moved { from, to } => {
            work.log
                .say(&format!("updated from {} to {}", short(&from), short(&to)))
        }
        Followed::Left { to, why } => work.log.say(&format!(
            "warning: it is left as it is, although there is {}: {why}",
            short(&to)
        )),
    }
    Ok(record)
}

/// Writes the configuration that lets the worker's `git` work in the clone.
pub(super) fn trust(
    settings: &Settings,
    record: &Record,
    workspace: Option<&Path>,
) -> Result<(), InputError> {
    let directories = trusted(settings, record, workspace);
    let text = git_config::text(directories.iter().map(PathBuf::as_path));
    git_config::write(&configuration(settings), &text)
}

/// Adds what has come since, such as a submodule, to the configuration that is there; whoever wrote that was told of
/// more places than we are.
pub(super) fn trust_more(settings: &Settings, record: &Record) -> Result<(), InputError> {
    let path = configuration(settings);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(());
    };
    let directories = trusted(settings, record, None);
    let text = git_config::extended(&text, directories.iter().map(PathBuf::as_path));
    git_config::write(&path, &text)
}

fn configuration(settings: &Settings) -> PathBuf {
    settings.root.join(koc_api::names::paths::GIT_CONFIG_FILE)
}

/// Every place at which somebody sees the clone, and its submodules there.
fn trusted(settings: &Settings, record: &Record, workspace: Option<&Path>) -> Vec<PathBuf> {
    let clone = settings.work_tree();
    let places = std::iter::once(clone.as_path())
        .chain(settings.safe_directories.iter().map(PathBuf::as_path))
        .chain(workspace);
    let mut directories: Vec<PathBuf> = Vec::new();
    for place in places {
        let within = record.submodule_paths.iter().map(|path| place.join(path));
        for directory in std::iter::once(place.to_owned()).chain(within) {
            if !directories.contains(&directory) {
                directories.push(directory);
            }
        }
    }
    directories
}

/// True when there is anything but an empty directory, such as the kubelet makes for a mount.
fn is_occupied(place: &Path) -> Result<bool, InputError> {
    match fs::read_dir(place) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(_) if place.symlink_metadata().is_ok() => Ok(true),
        Err(error) => Err(failed("look at", place)(error)),
    }
}

/// True when the clone is exactly as it was put there.
async fn is_untouched(work: &Work, record: &Record) -> Result<bool, InputEnd> {
    let place = work.settings.work_tree();
    let Ok(repository) = Repository::guarded(work, &place.join(".git"), &place) else {
        return Ok(false);
    };
    if repository.current(work).await?.as_deref() != Some(record.commit.as_str()) {
        return Ok(false);
    }
    let arguments = [
        "status",
        "--porcelain",
        "--untracked-files=all",
        "--ignore-submodules=all",
    ];
    Ok(work.git(&repository, arguments).await?.is_empty())
}

fn refused(sentence: String) -> InputEnd {
    InputError::new(InputFailureKind::Refused, sentence).into()
}
