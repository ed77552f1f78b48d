//! Keeps OpenCode from installing an npm package that nobody asked for.

use std::{ffi::OsStr, path::PathBuf};

use koc_api::names::env;
use serde_json::json;

use crate::task_run::environment::Variables;

/// What a user who extends OpenCode globally has here. Then the package may be needed and is left to OpenCode.
const EXTENSIONS: [&str; 8] = [
    "package.json",
    "package-lock.json",
    "node_modules",
    "bun.lock",
    "plugin",
    "plugins",
    "tool",
    "tools",
];

/// Makes OpenCode believe that `@opencode-ai/plugin` is installed in its global configuration directory.
///
/// With any plugin configured, the first prompt waits for that installation: 75 seconds without a network, many
/// minutes behind a firewall that drops. npm's own offline switch would work too, but the agent's tools would inherit
/// it. Must be called after the server is up (that is how its version is known) and before the first session (which
/// starts the installation). Failure is harmless, so it is silent.
pub(super) fn preseed(variables: &Variables, version: &str) {
    let Some(directory) = configuration_directory(variables) else {
        return;
    };
    if version.is_empty() || EXTENSIONS.iter().any(|name| directory.join(name).exists()) {
        return;
    }
    let lock = json!({
        "lockfileVersion": 3,
        "packages": {"": {"dependencies": {"@opencode-ai/plugin": version}}},
    });
    // The order matters: a lock file without the directory is not believed, the directory alone does no harm.
    if std::fs::create_dir_all(directory.join("node_modules")).is_ok() {
        let _ = std::fs::write(directory.join("package-lock.json"), lock.to_string());
    }
}

fn configuration_directory(variables: &Variables) -> Option<PathBuf> {
    let get = |name: &str| {
        variables
            .get(OsStr::new(name))
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = get("XDG_CONFIG_HOME").or_else(|| get(env::HOME).map(|home| home.join(".config")))?;
    Some(base.join("opencode"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_directory_is_prepared_and_a_used_one_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let variables: Variables = [("HOME".into(), home.path().into())].into();
        let directory = home.path().join(".config/opencode");
        preseed(&variables, "1.18.33");
        let lock = std::fs::read_to_string(directory.join("package-lock.json")).unwrap();
        assert!(lock.contains(r#""@opencode-ai/plugin":"1.18.33""#), "{lock}");
        assert!(directory.join("node_modules").is_dir());

        let other = tempfile::tempdir().unwrap();
        let directory = other.path().join("opencode");
        std::fs::create_dir_all(directory.join("plugin")).unwrap();
        preseed(
            &[("XDG_CONFIG_HOME".into(), other.path().into())].into(),
            "1.18.33",
        );
        assert!(!directory.join("package-lock.json").exists());
    }
}
