//! Bringing a clone that is there up to date, without ever taking away what somebody else has done in it.

use crate::{
    git::{
        head::{Head, short},
        interrupted,
        record::Record,
        remote::Remote,
        repository::{Repository, failed},
        submodules,
        target::Target,
        work::Work,
    },
    input_report::InputEnd,
};

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// The clone has what the remote has.
    UpToDate,
    /// It has it now.
    Moved { from: String, to: String },
    /// It was left as it is, since somebody works in it; what the remote has, and why not.
    Left { to: String, why: String },
}

/// Brings the clone up to date with its reference. The record is changed along.
pub(super) async fn follow(work: &Work, record: &mut Record) -> Result<Followed, InputEnd> {
    let work_tree = work.settings.work_tree();
    let keep = work.settings.keep();
    let repository = Repository::guarded(work, &work_tree.join(".git"), &work_tree)?;
    interrupted::finish(work, &repository, record).await?;
    let remote = Remote {
        work,
        url: &work.settings.url,
    };
    let target = remote.resolve(&repository, &work.settings.reference).await?;
    if target.commit() == record.commit && target.branch() == record.branch.as_deref() {
        // Nothing is new there. What somebody does here meanwhile is their own.
        return Ok(Followed::UpToDate);
    }
    let (head, current) = (repository.head()?, repository.current(work).await?);
    let to = fetched(work, remote, &repository, record, &target).await?;
    if is_there(&target, &head, current.as_deref(), &to) {
        return remember(record, &target, &to, &keep).map(|()| Followed::UpToDate);
    }
    let left = |why: String| Ok(Followed::Left { to: to.clone(), why });
    let Some(from) = current else {
        return left(format!("{} has no commit", head.shown()));
    };
    if let Some(why) = occupied(work, &repository, record, (&head, &from), (&target, &to)).await? {
        return left(why);
    }
    let steps = if record.submodules {
        submodules::prepare(
            work,
            &repository,
            &work.settings.url,
            (Some(&from), &to),
            record.depth,
        )
        .await?
    } else {
        Vec::new()
    };
    record.moving_to = Some(to.clone());
    record.write(&keep).map_err(failed("write to", &keep))?;
    let moved = repository.move_files(work, Some(&from), &to).await?;
    if moved.is_ok() {
        settle(work, &repository, &target, &to).await?;
        to.clone_into(&mut record.commit);
        record.branch = target.branch().map(str::to_owned);
        record.submodule_paths = steps.iter().map(|step| step.path.clone()).collect();
    }
    record.moving_to = None;
    record.write(&keep).map_err(failed("write to", &keep))?;
    if let Err(lines) = moved {
        return left(lines.last().map_or("git refuses", String::as_str).to_owned());
    }
    for step in &steps {
        if let Some(why) = step.apply(work).await? {
            work.log.say(&why);
        }
    }
    Ok(Followed::Moved { from, to })
}

/// Fetches what the target is now, unless an earlier look has done so, and returns its commit.
async fn fetched(
    work: &Work,
    remote: Remote<'_>,
    repository: &Repository,
    record: &Record,
    target: &Target,
) -> Result<String, InputEnd> {
    if let (_, Some(local)) = target.refspec()
        && repository.commit(work, &local).await?.as_deref() == Some(target.commit())
    {
        return Ok(target.commit().to_owned());
    }
    let depth = if repository.is_shallow() { record.depth } else { 0 };
    remote.fetch(repository, target, depth).await
}

/// Checks out a branch at a commit; the files have it already.
pub(super) async fn on_branch(
    work: &Work,
    repository: &Repository,
    name: &str,
    commit: &str,
) -> Result<(), InputEnd> {
    let full = format!("refs/heads/{name}");
    work.git(repository, ["update-ref", &full, commit]).await?;
    repository.set_head(&Head::Branch(name.to_owned()))?;
    let about = |key: &str, value: &str| (format!("branch.{name}.{key}"), value.to_owned());
    repository
        .configure(work, &[about("remote", "origin"), about("merge", &full)])
        .await
}

/// Makes branch and `HEAD` say what the files are.
async fn settle(work: &Work, repository: &Repository, target: &Target, commit: &str) -> Result<(), InputEnd> {
    match target.branch() {
        Some(name) if repository.head()? == Head::Branch(name.to_owned()) => {
            let full = format!("refs/heads/{name}");
            work.git(repository, ["update-ref", &full, commit])
                .await
                .map(drop)
        }
        Some(name) => on_branch(work, repository, name, commit).await,
        None => Ok(repository.set_head(&Head::Detached(commit.to_owned()))?),
    }
}

fn is_there(target: &Target, head: &Head, current: Option<&str>, commit: &str) -> bool {
    let form = match (target.branch(), head) {
        (Some(name), Head::Branch(branch)) => name == branch,
        (None, Head::Detached(_)) => true,
        _ => false,
    };
    form && current == Some(commit)
}

fn remember(
    record: &mut Record,
    target: &Target,
    commit: &str,
    keep: &std::path::Path,
) -> Result<(), InputEnd> {
    let branch = target.branch().map(str::to_owned);
    // Somebody may have brought the clone there before us, by a push of their own for instance.
    if record.commit != commit || record.branch != branch {
        commit.clone_into(&mut record.commit);
        record.branch = branch;
        record.write(keep).map_err(failed("write to", keep))?;
    }
    Ok(())
}

/// Why the files must stay as they are, if they must.
async fn occupied(
    work: &Work,
    repository: &Repository,
    record: &Record,
    (head, from): (&Head, &str),
    (target, to): (&Target, &str),
) -> Result<Option<String>, InputEnd> {
    let as_left = match (&record.branch, head) {
        (Some(name), Head::Branch(branch)) => name == branch,
        (None, Head::Detached(_)) => true,
        _ => false,
    };
    if !as_left {
        return Ok(Some(format!(
            "it has {} checked out, which we did not",
            head.shown()
        )));
    }
    if from != record.commit && !is_ancestor(work, repository, from, to).await? {
        return Ok(Some(format!("it has commits of its own up to {}", short(from))));
    }
    let changed = repository.changed(work).await?;
    if let [first, ..] = changed.as_slice() {
        return Ok(Some(format!(
            "it has local changes in {}, {first:?} for one",
            crate::plain_text::count(i64::try_from(changed.len()).unwrap_or(i64::MAX), "file")
        )));
    }
    // Another branch than before may be there already, with work on it.
    if let Some(name) = target
        .branch()
        .filter(|name| *head != Head::Branch((*name).to_owned()))
        && let Some(tip) = repository.commit(work, &format!("refs/heads/{name}")).await?
        && !is_ancestor(work, repository, &tip, to).await?
    {
        return Ok(Some(format!(
            "its branch {name:?} has commits of its own up to {}",
            short(&tip)
        )));
    }
    Ok(None)
}

async fn is_ancestor(work: &Work, repository: &Repository, old: &str, new: &str) -> Result<bool, InputEnd> {
    let answer = work
        .ask(repository, ["merge-base", "--is-ancestor", old, new])
        .await?;
    Ok(answer.is_some())
}
