//! Submodules: repositories within a repository, at commits that it names.
//!
//! `git submodule` is not used: it would read the clone's configuration, which a worker may have changed. What results
//! is what it would have made, so the worker's own `git submodule` works.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use koc_api::{GitTransport, GitUrl, InputFailureKind};

use crate::{
    git::{
        head::Head,
        remote::Remote,
        repository::{Repository, failed},
        target::Target,
        work::Work,
    },
    input_report::{InputEnd, InputError},
};

/// Submodules of submodules end here; deeper ones are a repository that contains itself.
const MAX_DEPTH: usize = 10;

/// What `.gitmodules` says of one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Declared {
    name: String,
    path: String,
    url: String,
    /// `update = none` asks to leave it out.
    left_out: bool,
}

/// A submodule that is to be at a commit. What this needs from its host has been fetched.
#[derive(Debug)]
pub(super) struct Step {
    repository: Repository,
    /// Where it is, relative to the whole clone.
    pub path: String,
    commit: String,
    /// Where the superproject had it until now. `None` where it is new.
    before: Option<String>,
    /// What the clone's own configuration must say of it, where it is new.
    superproject: Repository,
    name: String,
    url: GitUrl,
}

/// A repository whose submodules are still to be looked at.
struct Open {
    repository: Repository,
    url: GitUrl,
    commit: String,
    before: Option<String>,
    path: String,
    level: usize,
}

/// Fetches what the submodules of this commit need, and theirs, with so many commits of history each. No file of a
/// submodule that is there already is changed. `before` is the commit that is checked out.
pub(super) async fn prepare(
    work: &Work,
    root: &Repository,
    url: &GitUrl,
    (before, commit): (Option<&str>, &str),
    depth: u32,
) -> Result<Vec<Step>, InputEnd> {
    let mut steps = Vec::new();
    let mut open = vec![Open {
        repository: root.clone(),
        url: url.clone(),
        commit: commit.to_owned(),
        before: before.map(str::to_owned),
        path: String::new(),
        level: 0,
    }];
    while let Some(above) = open.pop() {
        for declared in declared(work, &above.repository, &above.commit).await? {
            let Some(commit) = linked(work, &above.repository, &above.commit, &declared.path).await? else {
                continue;
            };
            let path = format!("{}{}", above.path, declared.path);
            if declared.left_out {
                work.log.say(&format!(
                    "submodule {path:?} is left out, as .gitmodules asks (update = none)"
                ));
                continue;
            }
            let refused = |why: String| {
                let sentence = format!(
                    "the submodule {path:?} of {} is refused: {why}",
                    work.settings.url
                );
                InputEnd::from(InputError::new(InputFailureKind::Refused, sentence))
            };
            if above.level == MAX_DEPTH {
                return Err(refused("submodules are nested too deeply".to_owned()));
            }
            let url = address(&above.url, &work.settings.url, &declared.url).map_err(refused)?;
            let before = match &above.before {
                Some(before) => linked(work, &above.repository, before, &declared.path).await?,
                None => None,
            };
            let repository = find(work, &above.repository, &declared).await?;
            if repository.commit(work, &commit).await?.is_none() {
                work.log.say(&format!(
                    "fetching submodule {path:?} from {url} at {}",
                    crate::git::head::short(&commit)
                ));
                let new = before.is_none();
                let depth = if new || repository.is_shallow() { depth } else { 0 };
                let remote = Remote { work, url: &url };
                remote
                    .fetch(&repository, &Target::Commit(commit.clone()), depth)
                    .await?;
            }
            open.push(Open {
                repository: repository.clone(),
                url: url.clone(),
                commit: commit.clone(),
                before: before.clone(),
                path: format!("{path}/"),
                level: above.level + 1,
            });
            steps.push(Step {
                repository,
                path,
                commit,
                before,
                superproject: above.repository.clone(),
                name: declared.name,
                url,
            });
        }
    }
    Ok(steps)
}

impl Step {
    /// Changes the submodule's files. Returns why not, where somebody else has changed them.
    pub(super) async fn apply(&self, work: &Work) -> Result<Option<String>, InputEnd> {
        let Repository { work_tree, own, .. } = &self.repository;
        let left = |why: &str| Ok(Some(format!("submodule {:?} is left as it is: {why}", self.path)));
        let link = work_tree.join(".git");
        let is_new = link.symlink_metadata().is_err();
        let current = self.repository.current(work).await?;
        if current.as_deref() == Some(self.commit.as_str()) && !is_new {
            return Ok(None);
        }
        if !is_new {
            if current != self.before {
                return left("it has another commit checked out than the one it was given");
            }
            if let [first, ..] = self.repository.changed(work).await?.as_slice() {
                return left(&format!("it has local changes, in {first:?} for one"));
            }
        }
        let from = current.as_deref().filter(|_| !is_new);
        if let Err(lines) = self.repository.move_files(work, from, &self.commit).await? {
            return left(lines.last().map_or("git refuses", String::as_str));
        }
        self.repository.set_head(&Head::Detached(self.commit.clone()))?;
        if is_new {
            let content = format!("gitdir: {}\n", relative(work_tree, own).display());
            fs::write(&link, content).map_err(failed("write", &link))?;
            let back = relative(own, work_tree).to_string_lossy().into_owned();
            let remote = |key: &str, value: &str| (format!("remote.origin.{key}"), value.to_owned());
            self.repository
                .configure(
                    work,
                    &[
                        ("core.worktree".to_owned(), back),
                        remote("url", self.url.as_str()),
                        remote("fetch", "+refs/heads/*:refs/remotes/origin/*"),
                    ],
                )
                .await?;
            let about = |key: &str, value: &str| (format!("submodule.{}.{key}", self.name), value.to_owned());
            self.superproject
                .configure(work, &[about("active", "true"), about("url", self.url.as_str())])
                .await?;
        }
        Ok(None)
    }
}

/// The repository of a submodule: the one that is there, or a new one.
async fn find(work: &Work, above: &Repository, declared: &Declared) -> Result<Repository, InputEnd> {
    let work_tree = above.work_tree.join(&declared.path);
    let own = above.own.join("modules").join(&declared.name);
    for (root, path) in [
        (&above.work_tree, &declared.path),
        (&above.own, &format!("modules/{}", declared.name)),
    ] {
        no_links(root, path)?;
    }
    let is_guarded = above.git_dir != above.own;
    if own.symlink_metadata().is_err() {
        let made = Repository::create(work, &own, &work_tree).await?;
        if !is_guarded {
            return Ok(made);
        }
    }
    fs::create_dir_all(&work_tree).map_err(failed("create", &work_tree))?;
    Ok(Repository::guarded(work, &own, &work_tree)?)
}

/// A directory that a worker has replaced by a link would lead us out of the clone.
fn no_links(root: &Path, path: &str) -> Result<(), InputError> {
    let mut place = root.to_owned();
    for part in Path::new(path) {
        place.push(part);
        if place
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_symlink())
        {
            let sentence = format!(
                "{} is a link where a submodule's directory should be",
                place.display()
            );
            return Err(InputError::new(InputFailureKind::Refused, sentence));
        }
    }
    Ok(())
}

/// The address of a submodule, if we may go there.
fn address(above: &GitUrl, root: &GitUrl, text: &str) -> Result<GitUrl, String> {
    let url = above.submodule(text).map_err(|error| error.to_string())?;
    if url.transport() == GitTransport::Http && root.transport() != GitTransport::Http {
        return Err(format!(
            "{url} is not encrypted, while the repository itself is reached by an encrypted way"
        ));
    }
    Ok(url)
}

/// What `.gitmodules` of this commit declares.
async fn declared(work: &Work, repository: &Repository, commit: &str) -> Result<Vec<Declared>, InputEnd> {
    // A link in its place is nothing that git would read either.
    let entry = tree_entry(work, repository, commit, ".gitmodules").await?;
    if !entry.is_some_and(|(mode, _)| mode.starts_with("100")) {
        return Ok(Vec::new());
    }
    let blob = format!("{commit}:.gitmodules");
    let arguments = ["config", "--blob", &blob, "-z", "--get-regexp", r"^submodule\."];
    let output = work.ask(repository, arguments).await?.unwrap_or_default();
    let declared = read(&String::from_utf8_lossy(&output));
    check(&declared).map_err(|why| {
        let sentence = format!(".gitmodules of {} is refused: {why}", work.settings.url);
        InputError::new(InputFailureKind::Refused, sentence)
    })?;
    Ok(declared)
}

/// The commit at which the superproject has a submodule.
async fn linked(
    work: &Work,
    repository: &Repository,
    commit: &str,
    path: &str,
) -> Result<Option<String>, InputEnd> {
    let entry = tree_entry(work, repository, commit, path).await?;
    Ok(entry.filter(|(mode, _)| mode == "160000").map(|(_, id)| id))
}

/// Mode and id of what a commit has at a path.
async fn tree_entry(
    work: &Work,
    repository: &Repository,
    commit: &str,
    path: &str,
) -> Result<Option<(String, String)>, InputEnd> {
    let output = work
        .ask(repository, ["ls-tree", "-z", commit, "--", path])
        .await?
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&output);
    // `160000 commit 0123…<TAB>path`
    let mut fields = text.split(['\t', '\0']).next().unwrap_or_default().split(' ');
    Ok(match (fields.next(), fields.next(), fields.next()) {
        (Some(mode), Some(_), Some(id)) => Some((mode.to_owned(), id.to_owned())),
        _ => None,
    })
}

/// Reads `key<LF>value<NUL>…`. Of several values for one key the last one counts.
fn read(text: &str) -> Vec<Declared> {
    let mut all: Vec<Declared> = Vec::new();
    for entry in text.split('\0') {
        let (key, value) = entry.split_once('\n').unwrap_or((entry, ""));
        let Some((name, field)) = key
            .strip_prefix("submodule.")
            .and_then(|rest| rest.rsplit_once('.'))
        else {
            continue;
        };
        let index = all.iter().position(|one| one.name == name).unwrap_or_else(|| {
            let name = name.to_owned();
            all.push(Declared {
                name,
                ..Declared::default()
            });
            all.len() - 1
        });
        match field {
            "path" => value.clone_into(&mut all[index].path),
            "url" => value.clone_into(&mut all[index].url),
            "update" => all[index].left_out = value == "none",
            _ => {}
        }
    }
    all.retain(|one| !one.path.is_empty());
    all
}

/// Names and paths become directories of ours.
fn check(declared: &[Declared]) -> Result<(), String> {
    for one in declared {
        for text in [&one.name, &one.path] {
            let plain = !text.is_empty()
                && !text.starts_with('-')
                && !text.contains(char::is_control)
                && Path::new(text).components().all(|component| {
                    matches!(component, Component::Normal(part) if !part.eq_ignore_ascii_case(".git"))
                });
            if !plain {
                return Err(format!("the submodule {:?} can't be at {:?}", one.name, one.path));
            }
        }
        // One repository's directory within another's would be part of it.
        let nested = |other: &&Declared| {
            other.name != one.name
                && (Path::new(&other.name).starts_with(&one.name)
                    || Path::new(&other.path).starts_with(&one.path))
        };
        if let Some(other) = declared.iter().find(nested) {
            return Err(format!(
                "the submodule {:?} lies within {:?}",
                other.name, one.name
            ));
        }
    }
    Ok(())
}

/// The way from one directory to another place, both absolute.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(name: &str, path: &str, url: &str) -> Declared {
        Declared {
            name: name.to_owned(),
            path: path.to_owned(),
            url: url.to_owned(),
            left_out: false,
        }
    }

    #[test]
    fn declarations_are_read() {
        let text = "submodule.a.b.path\nlibs/a\0submodule.a.b.url\n../a\0submodule.c.url\nx\0submodule.d.path\nd\0\
                    submodule.d.update\nnone\0submodule.d.update\n!touch x\0submodule.a.b.path\nlibs/b\0nonsense\0";
        let expected = [one("a.b", "libs/b", "../a"), one("d", "d", "")];
        assert_eq!(read(text), expected);
        assert!(read("submodule.d.path\nd\0submodule.d.update\nnone\0")[0].left_out);
    }

    #[test]
    fn a_submodule_cannot_leave_its_place() {
        for (name, path) in [
            ("../x", "x"),
            ("x", "../x"),
            ("x", "/x"),
            ("/x", "x"),
            ("x", ".git/hooks"),
            ("x", "a/.GIT"),
            ("-x", "x"),
            ("x", "-x"),
            ("x\n", "x"),
            ("a/../../x", "x"),
        ] {
            assert!(check(&[one(name, path, "")]).is_err(), "{name} {path}");
        }
        assert!(check(&[one("a", "a", ""), one("a/hooks", "b", "")]).is_err());
        assert!(check(&[one("a", "a", ""), one("b", "a/b", "")]).is_err());
        assert_eq!(check(&[one("a", "libs/a", ""), one("ab", "libs/ab", "")]), Ok(()));
    }

    #[test]
    fn a_submodule_cannot_lead_to_a_weaker_way() {
        let https: GitUrl = "https://h/a/b".parse().unwrap();
        let http: GitUrl = "http://h/a/b".parse().unwrap();
        assert!(
            address(&https, &https, "http://h/x")
                .unwrap_err()
                .contains("not encrypted")
        );
        assert!(address(&http, &http, "../x").is_ok());
        for text in ["file:///etc", "/etc", "ext::sh -c x", "git://h/x", "-x"] {
            assert!(address(&http, &http, text).is_err(), "{text}");
        }
    }

    #[test]
    fn ways_between_directories_are_relative() {
        for (from, to, expected) in [
            ("/g/r/libs/a", "/g/r/.git/modules/a", "../../.git/modules/a"),
            ("/g/r/.git/modules/a", "/g/r/libs/a", "../../../libs/a"),
            ("/g/r", "/g/r/x", "x"),
        ] {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(expected));
        }
    }

    proptest! {
        #[test]
        fn whatever_gitmodules_holds_stays_within_the_clone(
            entries in proptest::collection::vec("submodule\\.[-a-z./\n]{0,10}\\.(path|url|update)\n[-a-zA-Z./\n]{0,12}", 0..6),
        ) {
            let declared = read(&entries.join("\0"));
            if check(&declared).is_ok() {
                for one in &declared {
                    for text in [&one.name, &one.path] {
                        let path = Path::new("/clone").join(text);
                        prop_assert!(path.starts_with("/clone") && path.components().all(|part| part != Component::ParentDir));
                        prop_assert!(!text.starts_with('-') && !text.contains(".git/"));
                    }
                }
            }
        }
    }
}
