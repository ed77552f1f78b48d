//! Questions to the repository's host, tried again where that may help.

use koc_api::{GitRef, GitUrl, InputFailureKind};

use crate::{
    git::{
        cause::{Asked, Cause},
        process::Fault,
        repository::Repository,
        target::{Advertised, Target},
        work::Work,
    },
    input_report::{InputEnd, InputError},
    plain_text,
};

/// A repository elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote<'a> {
    pub work: &'a Work,
    pub url: &'a GitUrl,
}

/// An answer that the caller may know a way around.
enum Refusal {
    Cause(Cause),
    End(InputEnd),
}

impl Remote<'_> {
    /// Finds out what the reference is here.
    pub(super) async fn resolve(&self, here: &Repository, reference: &GitRef) -> Result<Target, InputEnd> {
        let patterns = match reference {
            GitRef::Commit(commit) => return Ok(Target::Commit(commit.clone())),
            GitRef::Head => vec!["HEAD".to_owned()],
            GitRef::Full(name) => vec![name.clone(), format!("{name}^{{}}")],
            GitRef::Name(name) => vec![
                format!("refs/heads/{name}"),
                format!("refs/tags/{name}"),
                format!("refs/tags/{name}^{{}}"),
            ],
        };
        let found = self.advertised(here, &patterns).await?;
        if let Some(target) = found.find(reference) {
            return Ok(target);
        }
        let all = self
            .advertised(here, &["refs/heads/*".to_owned(), "refs/tags/*".to_owned()])
            .await?;
        Err(all.missing(reference, self.url).into())
    }

    async fn advertised(&self, here: &Repository, patterns: &[String]) -> Result<Advertised, InputEnd> {
        let front = [
            "ls-remote",
            "--quiet",
            "--symref",
            "--end-of-options",
            self.url.as_str(),
        ];
        let arguments: Vec<&str> = front
            .into_iter()
            .chain(patterns.iter().map(String::as_str))
            .collect();
        let output = self
            .call(here, &arguments)
            .await
            .map_err(|refusal| self.end(refusal))?;
        Ok(Advertised::read(&output))
    }

    /// Fetches what the target is now, with so many commits of history, 0 for all of it, and returns its commit.
    pub(super) async fn fetch(
        &self,
        here: &Repository,
        target: &Target,
        depth: u32,
    ) -> Result<String, InputEnd> {
        let (refspec, local) = target.refspec();
        let depth_argument = format!("--depth={depth}");
        let mut arguments = vec!["fetch", "--progress"];
        if depth > 0 {
            arguments.extend([depth_argument.as_str(), "--no-tags"]);
        } else if here.is_shallow() {
            arguments.push("--unshallow");
        }
        arguments.extend(["--end-of-options", self.url.as_str(), refspec.as_str()]);
        match (self.call(here, &arguments).await, target) {
            (Ok(_), _) => {}
            (
                Err(Refusal::Cause(Cause::CommitNotServed | Cause::NoSuchReference)),
                Target::Commit(commit),
            ) => self.fetch_everything(here, commit).await?,
            (Err(refusal), _) => return Err(self.end(refusal)),
        }
        let name = match target {
            Target::Commit(commit) => commit,
            _ => local.as_deref().unwrap_or("FETCH_HEAD"),
        };
        here.commit(self.work, name).await?.ok_or_else(|| {
            let sentence = format!("{} of {} is not a commit", target.shown(), self.url);
            InputError::new(InputFailureKind::InvalidInput, sentence).into()
        })
    }

    /// Many hosts hand out a commit by its id, some only what a branch or tag leads to.
    async fn fetch_everything(&self, here: &Repository, commit: &str) -> Result<(), InputEnd> {
        self.work.log.say(&format!(
            "{} does not hand out commit {commit} by its id; looking for it in the history of all branches and tags",
            self.url
        ));
        let mut arguments = vec!["fetch", "--progress"];
        if here.is_shallow() {
            arguments.push("--unshallow");
        }
        arguments.extend([
            "--end-of-options",
            self.url.as_str(),
            "+refs/heads/*:refs/remotes/origin/*",
            "+refs/tags/*:refs/tags/*",
        ]);
        self.call(here, &arguments)
            .await
            .map_err(|refusal| self.end(refusal))?;
        if here.commit(self.work, commit).await?.is_none() {
            let sentence = format!(
                "commit {commit} not found in {}, in no branch and no tag",
                self.url
            );
            return Err(InputError::new(InputFailureKind::NotFound, sentence).into());
        }
        Ok(())
    }

    /// Runs `git` with credentials, again and again where the failure may pass.
    async fn call(&self, here: &Repository, arguments: &[&str]) -> Result<Vec<u8>, Refusal> {
        let mut attempt = 1;
        loop {
            let lines = match self.work.over_network(here, arguments).await {
                Ok(output) => return Ok(output),
                Err(Fault::Failed(lines)) => lines,
                Err(fault) => return Err(Refusal::End(self.work.end(fault))),
            };
            let cause = Cause::read(&lines);
            let wait = self.work.retry.after(attempt).filter(|_| cause.is_transient());
            let Some(wait) = wait else {
                return Err(Refusal::Cause(cause));
            };
            let told = cause.told(&self.asked());
            self.work.log.say(&format!(
                "attempt {attempt} of {}: {told}; trying again in {}",
                self.work.retry.attempts,
                plain_text::duration(wait)
            ));
            self.work.pause(wait).await.map_err(|end| match end {
                // The time is over, and this is what it was lost to.
                InputEnd::Failed(late) => Refusal::End(
                    InputError::new(
                        late.kind,
                        format!("{told}; there was no time for another attempt"),
                    )
                    .into(),
                ),
                stopped @ InputEnd::Stopped(_) => Refusal::End(stopped),
            })?;
            attempt += 1;
        }
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            url: self.url,
            home: &self.work.settings.url,
            access: &self.work.access,
        }
    }

    fn end(&self, refusal: Refusal) -> InputEnd {
        match refusal {
            Refusal::End(end) => end,
            Refusal::Cause(cause) => cause.told(&self.asked()).into(),
        }
    }
}
