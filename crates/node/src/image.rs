use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::future::BoxFuture;

/// What stands in for a container image on this machine: what to run, with which files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageProvision {
    /// The image's entry point, replaced by a container's `command`.
    pub entrypoint: Vec<String>,
    /// The image's default arguments, replaced by a container's `command` or `args`.
    pub cmd: Vec<String>,
    /// Environment that the image sets; a container's own entries win.
    pub env: BTreeMap<String, String>,
    /// Directory the program starts in unless the container names one.
    pub working_dir: Option<String>,
    /// The user the image asks for, as it would be written in `USER`: `uid` or `uid:gid`, numeric.
    pub user: Option<String>,
    /// Host paths shown read-only at the given container paths.
    pub binds: Vec<(PathBuf, String)>,
    /// What `imageID` reports.
    pub id: String,
}

/// Why an image cannot be provided.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImageError {
    /// This runtime has no such image and no way to get it.
    #[error(
        "image {image} cannot be provided by the {runtime} runtime, which only has {has}; \
         the {could} runtime could run it"
    )]
    Unavailable {
        /// The image asked for.
        image: String,
        /// The runtime that was asked.
        runtime: String,
        /// What that runtime has.
        has: String,
        /// The runtime that could run the image.
        could: String,
    },
    /// The image is known but could not be made ready, for example because a download failed.
    #[error("image {image} could not be made ready: {detail}")]
    Failed {
        /// The image asked for.
        image: String,
        /// What went wrong and what to do.
        detail: String,
    },
    /// `imagePullPolicy: Never` and the image is not here.
    #[error("image {image} is not present and imagePullPolicy is Never")]
    NeverPull {
        /// The image asked for.
        image: String,
    },
}

impl ImageError {
    /// The error for an image that only a container engine could run.
    pub fn needs_engine(image: &str) -> Self {
        Self::Unavailable {
            image: image.to_owned(),
            runtime: "sandbox".to_owned(),
            has: "programs of this machine".to_owned(),
            could: "engine (Docker or Podman)".to_owned(),
        }
    }
}

/// Maps image names to what this machine has for them.
pub trait ImageResolver: Send + Sync {
    /// Finds or fetches what stands for `image`. May take long, for example for a download; it is dropped
    /// when the pod goes away.
    fn resolve<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<ImageProvision, ImageError>>;
}

/// A fixed table of images, for tests and small embeddings.
#[derive(Debug, Clone, Default)]
pub struct StaticImages {
    images: BTreeMap<String, ImageProvision>,
}

impl StaticImages {
    /// A table with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an image.
    #[must_use]
    pub fn with(mut self, image: impl Into<String>, provision: ImageProvision) -> Self {
        self.images.insert(image.into(), provision);
        self
    }
}

impl ImageResolver for StaticImages {
    fn resolve<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<ImageProvision, ImageError>> {
        let found = self
            .images
            .get(image)
            .cloned()
            .ok_or_else(|| ImageError::needs_engine(image));
        Box::pin(async move { found })
    }
}
