//! Copying a clone, or a part of it, into the workspace.
//!
//! What is in the workspace already stays: the prompt and the contexts, which `context-init` may have written before,
//! and on a persistent volume the work of earlier runs. A list in the workspace says which clones were copied, so that
//! none is copied again.

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use koc_api::names::paths;
use serde::{Deserialize, Serialize};

use crate::{
    git::{log::Log, repository::failed},
    input_report::InputError,
};

/// Below the workspace, beside the context text: which clones have been copied.
const COPIED: &str = "clones.json";

/// So many files that were left out are told by name.
const TOLD: usize = 20;

/// Where a `.git` is completed before it gets its name.
const PARTIAL: &str = ".git.kubeopencode-partial";

/// One clone that was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Copied {
    /// The repository's address.
    pub url: String,
    /// The part of it, empty for all.
    pub path: String,
}

/// What there is to copy.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// A file or directory, within the clone.
    pub place: &'a Path,
    /// True for the whole repository, whose `.git` is copied, too.
    pub is_whole: bool,
    pub copied: Copied,
}

/// Copies what the workspace does not have.
pub(super) fn merge(source: &Source<'_>, workspace: &Path, log: &Log) -> Result<(), InputError> {
    fs::create_dir_all(workspace).map_err(failed("create", workspace))?;
    let keep = workspace.join(Path::new(paths::CONTEXT_FILE).parent().unwrap_or(Path::new("")));
    let list = keep.join(COPIED);
    let mut known: Vec<Copied> = fs::read(&list)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default();
    if known.contains(&source.copied) {
        log.say(&format!(
            "{} was copied to {} before; what is there is kept",
            source.copied.url,
            workspace.display()
        ));
        return Ok(());
    }
    let strangers = names(workspace)?;
    let mut merge = Merge {
        workspace,
        with_git: source.is_whole,
        files: 0,
        left_out: Vec::new(),
    };
    if source.place.is_dir() {
        merge.directory(source.place, workspace)?;
    } else if let Some(name) = source.place.file_name() {
        merge.entry(source.place, &workspace.join(name))?;
    }
    if source.is_whole {
        let tracked = names(source.place)?;
        // These two may come after us.
        let keep = keep.file_name().unwrap_or_default().to_string_lossy();
        let ours = [keep.into_owned(), paths::TASK_FILE.to_owned()];
        let strangers: BTreeSet<String> = strangers
            .into_iter()
            .chain(ours)
            .filter(|name| !tracked.contains(name))
            .collect();
        merge.git_directory(source.place, strangers)?;
    }
    let Merge { files, left_out, .. } = merge;
    for path in left_out.iter().take(TOLD) {
        log.say(&format!(
            "left out {}: the workspace has something of that name",
            path.display()
        ));
    }
    if let more @ 1.. = left_out.len().saturating_sub(TOLD) {
        log.say(&format!("left out {more} more for the same reason"));
    }
    log.say(&format!("copied {files} files to {}", workspace.display()));
    known.push(source.copied.clone());
    fs::create_dir_all(&keep).map_err(failed("create", &keep))?;
    replace(&list, |path| {
        fs::write(path, serde_json::to_vec(&known).unwrap_or_default())
    })
}

struct Merge<'a> {
    workspace: &'a Path,
    with_git: bool,
    files: u64,
    left_out: Vec<PathBuf>,
}

impl Merge<'_> {
    fn directory(&mut self, source: &Path, target: &Path) -> Result<(), InputError> {
        let mut entries: Vec<_> = fs::read_dir(source)
            .and_then(Iterator::collect)
            .map_err(failed("list", source))?;
        // A log that can be compared with another one.
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            // That of the repository comes last and as a whole. A submodule's points to it, and to nowhere without.
            let is_git = name == ".git";
            if is_git && (!self.with_git || target == self.workspace) {
                continue;
            }
            self.entry(&entry.path(), &target.join(name))?;
        }
        Ok(())
    }

    fn entry(&mut self, source: &Path, target: &Path) -> Result<(), InputError> {
        let metadata = source.symlink_metadata().map_err(failed("look at", source))?;
        // A link is nothing to descend into, wherever it leads.
        let there = target.symlink_metadata().ok();
        if metadata.is_dir() {
            if there.as_ref().is_none_or(fs::Metadata::is_dir) {
                if there.is_none() {
                    fs::create_dir(target).map_err(failed("create", target))?;
                    fs::set_permissions(target, metadata.permissions())
                        .map_err(failed("set the mode of", target))?;
                }
                return self.directory(source, target);
            }
        } else if there.is_none() {
            self.files += 1;
            return if metadata.is_symlink() {
                fs::read_link(source)
                    .and_then(|to| std::os::unix::fs::symlink(to, target))
                    .map_err(failed("write", target))
            } else {
                replace(target, |path| fs::copy(source, path).map(drop))
            };
        } else if is_same(source, target, &metadata) {
            // An earlier run that was ended came as far as this.
            return Ok(());
        }
        let path = target.strip_prefix(self.workspace).unwrap_or(target);
        self.left_out.push(path.to_owned());
        Ok(())
    }

    /// Copies `.git` last and gives it its name when it is complete: a part of one would be worse than none. What the
    /// workspace holds besides the repository is none of the repository's business, and must not be committed to it.
    fn git_directory(&mut self, source: &Path, strangers: BTreeSet<String>) -> Result<(), InputError> {
        let target = self.workspace.join(".git");
        if target.symlink_metadata().is_ok() {
            self.left_out.push(PathBuf::from(".git"));
            return Ok(());
        }
        let partial = self.workspace.join(PARTIAL);
        if partial.symlink_metadata().is_ok() {
            fs::remove_dir_all(&partial).map_err(failed("remove", &partial))?;
        }
        self.entry(&source.join(".git"), &partial)?;
        let info = partial.join("info");
        fs::create_dir_all(&info).map_err(failed("create", &info))?;
        let exclude = info.join("exclude");
        let mut text = fs::read_to_string(&exclude).unwrap_or_default();
        let sayable = |name: &&String| *name != PARTIAL && !name.contains(char::is_control);
        for name in strangers.iter().filter(sayable) {
            let escaped: String = name
                .chars()
                .flat_map(|character| {
                    let special = matches!(character, '*' | '?' | '[' | '\\' | ' ');
                    special.then_some('\\').into_iter().chain([character])
                })
                .collect();
            text += &format!("/{escaped}\n");
        }
        fs::write(&exclude, text).map_err(failed("write", &exclude))?;
        fs::rename(&partial, &target).map_err(failed("write", &target))
    }
}

/// Writes a file under another name first, so that none is half there.
fn replace(target: &Path, write: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), InputError> {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".kubeopencode-partial");
    let partial = target.with_file_name(name);
    // Something left of an earlier run, or a link: neither may be written through.
    let _ = fs::remove_file(&partial);
    write(&partial)
        .and_then(|()| fs::rename(&partial, target))
        .map_err(failed("write", target))
}

fn names(directory: &Path) -> Result<Vec<String>, InputError> {
    let entries = fs::read_dir(directory).map_err(failed("list", directory))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect())
}

fn is_same(source: &Path, target: &Path, metadata: &fs::Metadata) -> bool {
    let Ok(there) = target.symlink_metadata() else {
        return false;
    };
    if metadata.is_symlink() {
        return there.is_symlink() && fs::read_link(source).ok() == fs::read_link(target).ok();
    }
    if !there.is_file() || there.len() != metadata.len() {
        return false;
    }
    let (Ok(mut a), Ok(mut b)) = (fs::File::open(source), fs::File::open(target)) else {
        return false;
    };
    let (mut one, mut other) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let Ok(read) = a.read(&mut one) else {
            return false;
        };
        if read == 0 {
            return true;
        }
        if b.read_exact(&mut other[..read]).is_err() || one[..read] != other[..read] {
            return false;
        }
    }
}

#[cfg(test)]
mod tests;
