//! One `plugin-init` process with its directory.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use koc_api::{InputFailure, InputFailureKind};
use serde_json::Value;

use crate::registry::Registry;

pub(crate) struct Install {
    directory: tempfile::TempDir,
    variables: RefCell<BTreeMap<String, String>>,
}

impl Install {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self::at(&registry.url())
    }

    pub(crate) fn at(registry: &str) -> Self {
        let install = Self {
            directory: tempfile::tempdir().unwrap(),
            variables: RefCell::default(),
        };
        let path = |name: &str| install.directory.path().join(name).to_str().unwrap().to_owned();
        std::fs::create_dir(path("home")).unwrap();
        install.set("HOME", &path("home"));
        install.set("PLUGIN_DIR", &path("plugins"));
        install.set("TERMINATION_LOG", &path("log"));
        install.set("KUBEOPENCODE_INPUT", "plugins");
        install.set("npm_config_registry", registry);
        install.set("PATH", &std::env::var("PATH").unwrap());
        install
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        self.variables
            .borrow_mut()
            .insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn home(&self, path: &str) -> PathBuf {
        self.directory.path().join("home").join(path)
    }

    pub(crate) fn npmrc(&self, text: &str) {
        std::fs::write(self.home(".npmrc"), text).unwrap();
    }

    /// The version of the package that was installed into this directory.
    pub(crate) fn version(&self, directory: &str) -> String {
        let path = self
            .directory
            .path()
            .join("plugins/node_modules")
            .join(directory)
            .join("package.json");
        let manifest: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        manifest["version"].as_str().unwrap().to_owned()
    }

    pub(crate) fn everybody_can_read(&self) -> bool {
        fn readable(path: &Path) -> bool {
            let metadata = std::fs::symlink_metadata(path).unwrap();
            let mode = metadata.permissions().mode();
            if metadata.is_symlink() {
                return true;
            }
            if metadata.is_dir() {
                let mut entries = std::fs::read_dir(path).unwrap();
                return mode & 0o555 == 0o555 && entries.all(|entry| readable(&entry.unwrap().path()));
            }
            mode & 0o444 == 0o444
        }
        readable(&self.directory.path().join("plugins/node_modules"))
    }

    async fn run(&self, packages: &str) -> (Option<i32>, String) {
        let variables = self.variables.borrow().clone();
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_podtool"))
            .arg("plugin-init")
            .env_clear()
            .envs(variables)
            .env("PLUGIN_PACKAGES", packages)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let told = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        (output.status.code(), told.concat())
    }

    pub(crate) async fn succeeds(&self, packages: &[&str]) {
        let (code, told) = self.run(&serde_json::to_string(packages).unwrap()).await;
        assert_eq!(code, Some(0), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }

    pub(crate) async fn fails(&self, packages: &[&str], kind: InputFailureKind, part: &str) -> String {
        self.fails_with(&serde_json::to_string(packages).unwrap(), kind, part)
            .await
    }

    pub(crate) async fn fails_with(&self, packages: &str, kind: InputFailureKind, part: &str) -> String {
        let (code, told) = self.run(packages).await;
        assert_eq!(code, Some(i32::from(kind.exit_code())), "{packages}: {told}");
        let written = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
        let failure: InputFailure = serde_json::from_str(&written).unwrap();
        assert!(
            failure.kind == kind && failure.message.starts_with("plugins: "),
            "{told}"
        );
        assert!(failure.message.contains(part), "{}", failure.message);
        format!("{told}{written}")
    }
}
