//! A change of files that was cut off.

use std::collections::BTreeSet;

use crate::{
    git::{
        head::{Head, short},
        record::Record,
        repository::{Repository, failed},
        work::Work,
    },
    input_report::InputEnd,
};

/// Completes a change that an earlier process has begun, if every file is as it was before or as it should become: then
/// nobody else has worked there. Otherwise the files stay as they are, and count as changed.
pub(super) async fn finish(
    work: &Work,
    repository: &Repository,
    record: &mut Record,
) -> Result<(), InputEnd> {
    let Some(to) = record.moving_to.take() else {
        return Ok(());
    };
    let keep = work.settings.keep();
    let on_our_branch = match (&record.branch, repository.head()?) {
        (Some(name), Head::Branch(branch)) => *name == branch,
        (None, Head::Detached(_)) => true,
        _ => false,
    };
    let known = repository.commit(work, &to).await?.is_some();
    let is_ours = on_our_branch && known && {
        let before = differing(work, repository, &record.commit).await?;
        let after = differing(work, repository, &to).await?;
        before.is_disjoint(&after)
    };
    if is_ours {
        work.log.say(&format!(
            "completing the change to {} that was cut off",
            short(&to)
        ));
        work.git(repository, ["read-tree", "--reset", "-u", &to]).await?;
        match &record.branch {
            Some(name) => {
                let full = format!("refs/heads/{name}");
                work.git(repository, ["update-ref", &full, &to]).await?;
            }
            None => repository.set_head(&Head::Detached(to.clone()))?,
        }
        record.commit = to;
    }
    record.write(&keep).map_err(failed("write to", &keep))?;
    Ok(())
}

/// Paths of a commit whose files are not as the commit has them.
async fn differing(
    work: &Work,
    repository: &Repository,
    commit: &str,
) -> Result<BTreeSet<Vec<u8>>, InputEnd> {
    let index = work.new_directory()?.join("index");
    let run = async |arguments: &[&str]| work.attempt_with_index(repository, &index, arguments).await;
    if run(&["read-tree", commit]).await?.is_err() {
        return Ok(BTreeSet::new());
    }
    // Says "needs update" for files that differ, which is no failure here.
    let _ = run(&["update-index", "-q", "--refresh"]).await?;
    let output = run(&["diff-files", "--name-only", "-z", "--ignore-submodules=all"])
        .await?
        .unwrap_or_default();
    Ok(output
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}
