//! What this machine has for the well-known images. The registry, organisation and tag of a name do not matter: a
//! mirror's `registry.example/team/kubeopencode-agent-devbox:v1` is the same program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use koc_api::names::{env, images, paths};
use koc_node::{ImageError, ImageProvision, ImageResolver};

use crate::command_error::with_causes;
use crate::opencode_package::OpenCodeProgram;

/// Where the OpenCode image keeps its program.
const OPENCODE_IN_IMAGE: &str = "/opencode";

/// What the OpenCode image does when started: put the program where the other containers of the Pod find it. On this
/// machine they all see the program under the same path, so a link does what a copy of 180 MB does elsewhere.
const INSTALL_OPENCODE: &str = r#"target="${TOOLS_DIR:-/tools}/${OPENCODE_BIN:-opencode}" && ln -sf /opencode "$target" && echo "OpenCode is at $target""#;

/// The images this machine stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    OpenCode,
    Workspace,
    System,
}

impl Known {
    fn of(image: &str) -> Option<Self> {
        match basename(image) {
            images::AGENT_BASENAME => Some(Self::OpenCode),
            images::EXECUTOR_BASENAME | images::ATTACH_BASENAME => Some(Self::Workspace),
            images::SYSTEM_BASENAME => Some(Self::System),
            _ => None,
        }
    }
}

/// The last component of an image's name, without tag and digest.
fn basename(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split(':').next().unwrap_or(last)
}

/// Resolves images to programs of this machine.
#[derive(Debug)]
pub struct HostImages {
    opencode: Arc<OpenCodeProgram>,
    /// This very program, as the system image's.
    kubeopencode: PathBuf,
}

impl HostImages {
    /// `kubeopencode` is the program to run for the system image.
    #[must_use]
    pub fn new(opencode: Arc<OpenCodeProgram>, kubeopencode: PathBuf) -> Self {
        Self {
            opencode,
            kubeopencode,
        }
    }

    async fn provide(&self, image: &str) -> Result<ImageProvision, ImageError> {
        let Some(known) = Known::of(image) else {
            return Err(ImageError::needs_engine(image));
        };
        if known == Known::System {
            let mut image = provision(&["/kubeopencode"], &[], vec![self.system_program()]);
            // The workspace image shows the program at the same path, so no Pod needs a copy of its own.
            image
                .env
                .insert(env::SHARED_PROGRAM.to_owned(), paths::KUBEOPENCODE.to_owned());
            return Ok(image);
        }
        let opencode = self.opencode.path().await.map_err(|error| ImageError::Failed {
            image: image.to_owned(),
            // A status is one line.
            detail: with_causes(&error).replace('\n', ""),
        })?;
        // The workspace image shows the program too: what the OpenCode image leaves in the tools volume is a link to it.
        let mut binds = vec![(opencode.to_owned(), OPENCODE_IN_IMAGE.to_owned())];
        if known == Known::Workspace {
            binds.push(self.system_program());
        }
        Ok(match known {
            Known::OpenCode => provision(&["/bin/sh", "-c", INSTALL_OPENCODE], &[], binds),
            _ => ImageProvision {
                working_dir: Some("/workspace".to_owned()),
                ..provision(&[], &[shell()], binds)
            },
        })
    }

    fn system_program(&self) -> (PathBuf, String) {
        (self.kubeopencode.clone(), paths::KUBEOPENCODE.to_owned())
    }
}

impl ImageResolver for HostImages {
    fn resolve<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<ImageProvision, ImageError>> {
        Box::pin(self.provide(image))
    }
}

fn provision(entrypoint: &[&str], cmd: &[&str], binds: Vec<(PathBuf, String)>) -> ImageProvision {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    ImageProvision {
        entrypoint: words(entrypoint),
        cmd: words(cmd),
        env: BTreeMap::new(),
        working_dir: None,
        user: None,
        id: binds
            .iter()
            .map(|(host, _)| format!("host://{}", host.display()))
            .collect(),
        binds,
    }
}

/// The workspace image's default command.
fn shell() -> &'static str {
    if Path::new(paths::SHELL).exists() {
        paths::SHELL
    } else {
        "/bin/sh"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_whatever_their_registry_and_tag() {
        let cases = [
            (
                "ghcr.io/kubeopencode/kubeopencode-agent-opencode:latest",
                Some(Known::OpenCode),
            ),
            ("kubeopencode-agent-opencode", Some(Known::OpenCode)),
            (
                "localhost:5000/x/kubeopencode-agent-devbox",
                Some(Known::Workspace),
            ),
            (
                "localhost:5000/x/kubeopencode-agent-devbox:v1@sha256:00",
                Some(Known::Workspace),
            ),
            (
                "quay.io/kubeopencode/kubeopencode-agent-attach:v1",
                Some(Known::Workspace),
            ),
            ("ghcr.io/kubeopencode/kubeopencode:v0.1.7", Some(Known::System)),
            ("ghcr.io/kubeopencode/kubeopencode-agent-opencode-x:latest", None),
            ("ghcr.io/kubeopencode/other", None),
            ("kubeopencode/debian:12", None),
            ("", None),
        ];
        for (image, expected) in cases {
            assert_eq!(Known::of(image), expected, "{image}");
        }
    }

    #[tokio::test]
    async fn the_default_images_are_here_and_others_name_the_runtime_that_could() {
        use crate::opencode_package::OpenCodeSource;
        use crate::terminal::{ColorChoice, Terminal};
        let source = OpenCodeSource::Own(PathBuf::from("/bin/sh"));
        let opencode = Arc::new(OpenCodeProgram::new(
            source,
            Terminal::new(ColorChoice::Never, true),
        ));
        let images = HostImages::new(opencode, PathBuf::from("/bin/true"));
        for image in [images::AGENT, images::EXECUTOR, images::ATTACH, images::SYSTEM] {
            images.resolve(image).await.unwrap();
        }
        let error = images.resolve("debian:12").await.unwrap_err().to_string();
        assert!(
            error.contains("debian:12") && error.contains("engine (Docker or Podman)"),
            "{error}"
        );
    }
}
