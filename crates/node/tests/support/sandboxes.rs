//! Real sandboxes whose image `host` is this machine's shell.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use koc_node::{ImageProvision, Sandbox, SandboxOptions, StaticImages};
use serde_json::{Value, json};

/// A runtime with one image, `host`, that has no entry point of its own.
pub(crate) fn sandbox() -> Arc<Sandbox> {
    let provision = ImageProvision {
        cmd: vec!["/bin/true".to_owned()],
        env: BTreeMap::from([("FROM_IMAGE".to_owned(), "yes".to_owned())]),
        id: "host".to_owned(),
        ..ImageProvision::default()
    };
    let images = Arc::new(StaticImages::new().with("host", provision));
    let mut options = SandboxOptions::new(images);
    options.init = Some(PathBuf::from(env!("CARGO_BIN_EXE_koc-node-test-init")));
    Arc::new(Sandbox::new(options).unwrap())
}

/// A container that runs a shell script.
pub(crate) fn shell(name: &str, script: &str) -> Value {
    json!({"name": name, "image": "host", "command": ["/bin/sh", "-c", script]})
}

/// A Pod that runs a script once.
pub(crate) fn once(script: &str) -> Value {
    json!({"restartPolicy": "Never", "containers": [shell("c", script)]})
}
