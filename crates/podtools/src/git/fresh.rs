//! A clone made from nothing.

use std::{fs, path::Path};

use crate::{
    git::{
        follow::on_branch,
        head::{Head, short},
        modes,
        record::Record,
        remote::Remote,
        repository::{Repository, failed},
        submodules,
        target::Target,
        work::Work,
    },
    input_report::{InputEnd, InputError},
    plain_text,
};

/// How the names of unfinished clones begin.
const PARTIAL: &str = "partial-";

/// Clones into a directory beside and puts the whole in place in one step. Whatever ends it before leaves nothing, or
/// something that the next one clears away.
pub(super) async fn make(work: &Work, depth: u32, with_submodules: bool) -> Result<Record, InputEnd> {
    let started = std::time::Instant::now();
    let settings = &work.settings;
    let keep = settings.keep();
    fs::create_dir_all(&keep).map_err(failed("create", &keep))?;
    clear_leftovers(&keep)?;
    let partial = tempfile::Builder::new()
        .prefix(PARTIAL)
        .tempdir_in(&keep)
        .map_err(failed("create a directory in", &keep))?;
    let tree = partial.path().join("tree");
    let own = tree.join(".git");
    let repository = Repository::create(work, &own, &tree).await?;
    let remote = Remote {
        work,
        url: &settings.url,
    };
    let target = remote.resolve(&repository, &settings.reference).await?;
    work.log.say(&format!(
        "fetching {} of {} ({})",
        target.shown(),
        settings.url,
        match depth {
            0 => "whole history".to_owned(),
            depth => plain_text::count(depth.into(), "commit"),
        }
    ));
    let commit = remote.fetch(&repository, &target, depth).await?;
    let size = modes::size(&own.join("objects"));
    work.log.say(&format!(
        "received commit {}, {} after {}",
        short(&commit),
        modes::shown(size),
        plain_text::duration(started.elapsed())
    ));
    describe(work, &repository, &target).await?;
    let steps = if with_submodules {
        submodules::prepare(work, &repository, &settings.url, (None, &commit), depth).await?
    } else {
        Vec::new()
    };
    check_out(work, &repository, &target, &commit).await?;
    for step in &steps {
        if let Some(why) = step.apply(work).await? {
            work.log.say(&why);
        }
    }
    let files = modes::share(&tree)?;
    work.log.say(&format!(
        "checked out {}: {}, {}",
        target.shown(),
        plain_text::count(files.count, "file"),
        modes::shown(files.bytes)
    ));
    let record = Record {
        url: settings.url.as_str().to_owned(),
        commit,
        branch: target.branch().map(str::to_owned),
        depth,
        submodules: with_submodules,
        submodule_paths: steps.iter().map(|step| step.path.clone()).collect(),
        moving_to: None,
    };
    // The record comes first: without the clone it means nothing, a clone without it would not be ours.
    record.write(&keep).map_err(failed("write to", &keep))?;
    let place = settings.work_tree();
    fs::rename(&tree, &place).map_err(failed("put the clone in place in", &place))?;
    Ok(record)
}

/// Where the clone comes from, for the worker's own `git`.
async fn describe(work: &Work, repository: &Repository, target: &Target) -> Result<(), InputEnd> {
    let branches = target.branch().unwrap_or("*");
    let remote = |key: &str, value: String| (format!("remote.origin.{key}"), value);
    let settings = [
        remote("url", work.settings.url.as_str().to_owned()),
        remote(
            "fetch",
            format!("+refs/heads/{branches}:refs/remotes/origin/{branches}"),
        ),
    ];
    repository.configure(work, &settings).await
}

async fn check_out(
    work: &Work,
    repository: &Repository,
    target: &Target,
    commit: &str,
) -> Result<(), InputEnd> {
    if let Err(lines) = repository.move_files(work, None, commit).await? {
        let why = lines.last().map_or("git refuses", String::as_str);
        let kind = koc_api::InputFailureKind::Internal;
        return Err(InputError::new(kind, format!("{} can't be checked out: {why}", target.shown())).into());
    }
    match target.branch() {
        Some(name) => on_branch(work, repository, name, commit).await,
        None => Ok(repository.set_head(&Head::Detached(commit.to_owned()))?),
    }
}

/// Removes what clones left that were killed.
fn clear_leftovers(keep: &Path) -> Result<(), InputError> {
    for entry in fs::read_dir(keep).map_err(failed("list", keep))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}
