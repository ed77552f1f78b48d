//! Skills: repositories whose folders OpenCode offers to its model.

use koc_api::SkillSource;
use koc_api::names::paths as places;

use crate::git_mount::{GitMount, GitPlace, GitView, check_source, path_in_clone};
use crate::refusal::Refusal;

/// What a list of skill sources amounts to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Skills {
    /// The clones, in the order of the list.
    pub(crate) mounts: Vec<GitMount>,
    /// For `skills.paths` of OpenCode's configuration.
    pub(crate) paths: Vec<String>,
}

impl Skills {
    /// Reads the list. Each source has a directory of its own; with `names`, only the named folders appear in it.
    pub(crate) fn of(sources: &[SkillSource]) -> Result<Self, Refusal> {
        let mut skills = Self::default();
        for (index, source) in sources.iter().enumerate() {
            let who = format!("skills {:?}", source.name);
            if sources.iter().take(index).any(|other| other.name == source.name) {
                return Err(Refusal::context(format!(
                    "{who}: two skill sources have this name; give each its own"
                )));
            }
            let Some(git) = &source.git else {
                return Err(Refusal::context(format!(
                    "{who}: it names no repository; set git.repository"
                )));
            };
            check_source(&who, &git.repository, git.reference())?;
            let base = path_in_clone(&who, git.path.as_deref().unwrap_or_default())?;
            let directory = format!("{}/{}", places::SKILLS, source.name);
            let views = if git.names.is_empty() {
                vec![GitView {
                    at: directory,
                    of: base,
                }]
            } else {
                let named = git.names.iter().map(|name| {
                    let inside = format!("{base}/{name}");
                    Ok(GitView {
                        at: format!("{directory}/{name}"),
                        of: path_in_clone(&who, &inside)?,
                    })
                });
                named.collect::<Result<_, Refusal>>()?
            };
            skills.paths.extend(views.iter().map(|view| view.at.clone()));
            skills.mounts.push(GitMount {
                name: format!("skill-{}", source.name),
                repository: git.repository.clone(),
                reference: git.reference().to_owned(),
                depth: git.depth(),
                submodules: git.recurse_submodules.unwrap_or(false),
                secret: git.secret_ref.as_ref().map(|secret| secret.name.clone()),
                place: GitPlace::Mounts(views),
                sync: None,
                who,
            });
        }
        Ok(skills)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(sources: &Value, expected: Result<&[(&str, &str)], &str>) {
        let sources: Vec<SkillSource> = serde_json::from_value(sources.clone()).unwrap();
        match (Skills::of(&sources), expected) {
            (Ok(skills), Ok(expected)) => {
                let views: Vec<(&str, &str)> = skills
                    .mounts
                    .iter()
                    .flat_map(GitMount::views)
                    .map(|view| (view.at.as_str(), view.of.as_str()))
                    .collect();
                assert_eq!(views, expected);
                assert!(skills.paths.iter().eq(views.iter().map(|(at, _)| at)));
            }
            (Err(refusal), Err(part)) => assert!(refusal.message.contains(part), "{}", refusal.message),
            (skills, expected) => panic!("{skills:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_source_appears_whole_or_by_folder() {
        check(&json!([]), Ok(&[]));
        check(
            &json!([
                {"name": "all", "git": {"repository": "https://h/a"}},
                {"name": "some", "git": {"repository": "git@h:b", "path": "/skills/", "names": ["one", "two"]}},
                {"name": "top", "git": {"repository": "https://h/c", "names": ["x"]}},
            ]),
            Ok(&[
                ("/skills/all", ""),
                ("/skills/some/one", "skills/one"),
                ("/skills/some/two", "skills/two"),
                ("/skills/top/x", "x"),
            ]),
        );
    }

    #[test]
    fn what_cannot_be_right_is_refused_by_name() {
        let source = |git: Value| json!([{"name": "s", "git": git}]);
        check(
            &json!([{"name": "s"}]),
            Err("skills \"s\": it names no repository"),
        );
        check(
            &source(json!({"repository": "file:///etc"})),
            Err("skills \"s\": the repository"),
        );
        check(
            &source(json!({"repository": "https://h/a", "path": "a/../../b"})),
            Err("skills \"s\": path"),
        );
        check(
            &source(json!({"repository": "https://h/a", "ref": "--upload-pack=x"})),
            Err("skills \"s\": "),
        );
        let twice = json!({"name": "s", "git": {"repository": "https://h/a"}});
        check(&json!([twice, twice]), Err("two skill sources"));
    }
}
