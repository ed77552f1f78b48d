//! One `url-fetch` process with its workspace.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Output, Stdio},
};

use koc_api::{InputFailure, InputFailureKind};
use tokio::process::{Child, Command};

/// A workspace and the variables of the program.
pub(crate) struct Fetch {
    directory: tempfile::TempDir,
    variables: RefCell<BTreeMap<String, String>>,
}

/// The program while it works.
pub(crate) struct Running(Child);

impl Fetch {
    pub(crate) fn new(source: &str) -> Self {
        let fetch = Self {
            directory: tempfile::tempdir().unwrap(),
            variables: RefCell::default(),
        };
        std::fs::create_dir(fetch.in_workspace("")).unwrap();
        fetch
            .set("URL_SOURCE", source)
            .set("URL_ALLOWED_NETWORKS", "127.0.0.0/8")
            .set("WORKSPACE_DIR", fetch.in_workspace("").to_str().unwrap())
            .set(
                "TERMINATION_LOG",
                fetch.directory.path().join("log").to_str().unwrap(),
            )
            .set("KUBEOPENCODE_INPUT", "url context \"rules\"")
            .target("file");
        fetch
    }

    pub(crate) fn set(&self, name: &str, value: &str) -> &Self {
        self.variables
            .borrow_mut()
            .insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn target(&self, path: &str) -> &Self {
        self.set("URL_TARGET", self.in_workspace(path).to_str().unwrap())
    }

    pub(crate) fn in_workspace(&self, path: &str) -> PathBuf {
        self.directory.path().join("workspace").join(path)
    }

    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Names of the files in the workspace.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.in_workspace("")).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    pub(crate) fn start(&self) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_podtool"));
        command
            .arg("url-fetch")
            .env_clear()
            .envs(&*self.variables.borrow())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Running(command.spawn().unwrap())
    }

    async fn run(&self) -> (Output, String) {
        let output = self.start().0.wait_with_output().await.unwrap();
        let told = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        (output, told.concat())
    }

    pub(crate) async fn succeeds(&self, path: &str, content: &str, mode: u32) {
        let (output, told) = self.run().await;
        assert_eq!(output.status.code(), Some(0), "{told}");
        let path = self.in_workspace(path);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode);
        assert!(!told.contains("hunter2"), "{told}");
    }

    /// Returns everything that was told.
    pub(crate) async fn fails(&self, kind: InputFailureKind, part: &str) -> String {
        let (output, told) = self.run().await;
        assert_eq!(output.status.code(), Some(i32::from(kind.exit_code())), "{told}");
        let written = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
        let failure: InputFailure = serde_json::from_str(&written).unwrap();
        assert_eq!(failure.kind, kind, "{told}");
        assert!(
            failure.message.starts_with("url context \"rules\": ") && failure.message.contains(part),
            "{}",
            failure.message
        );
        let left: Vec<String> = self.files().into_iter().filter(|f| f != "link").collect();
        assert_eq!(left, Vec::<String>::new(), "a failure leaves no file");
        format!("{told}{written}")
    }

    pub(crate) async fn fails_at(&self, source: &str, kind: InputFailureKind, part: &str) {
        self.set("URL_SOURCE", source);
        self.fails(kind, part).await;
    }
}

impl Running {
    /// Tells it to stop and returns its exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.0.id().unwrap()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.0.wait().await.unwrap().code()
    }
}
