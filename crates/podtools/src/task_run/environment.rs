//! The environment that OpenCode gets, and which program it is.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use koc_api::names::{env, paths};
use koc_opencode::Secret;

/// Switches off what OpenCode would fetch at start; see [`environment`].
const QUIET: [&str; 3] = [
    env::OPENCODE_DISABLE_MODELS_FETCH,
    env::OPENCODE_DISABLE_AUTOUPDATE,
    env::OPENCODE_DISABLE_FFF,
];

/// OpenCode needs none of its home directory when all of these are set.
const XDG: [&str; 4] = [
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
];

/// The variables of a process.
pub(super) type Variables = BTreeMap<OsString, OsString>;

/// The environment for OpenCode: that of this process, where the user's own settings win, and what a run needs.
///
/// The catalogue of models, the self-update and a native search library are switched off: the first delays a start
/// without DNS by ten seconds, the second replaces the program that was chosen, the third leaves 5 MB in the
/// temporary directory each time.
pub(super) fn environment(own: &Variables, password: &Secret, home: Option<&Path>) -> Variables {
    let mut variables = own.clone();
    for name in QUIET {
        variables.entry(name.into()).or_insert_with(|| "1".into());
    }
    variables.insert(env::OPENCODE_SERVER_PASSWORD.into(), password.expose().into());
    // The client below speaks as OpenCode's default user.
    variables.remove(OsStr::new(env::OPENCODE_SERVER_USERNAME));
    if let Some(home) = home {
        variables.insert(env::HOME.into(), home.into());
    }
    variables
}

/// A home directory to use instead of the one in the environment, where that one cannot be written: OpenCode crashes
/// without one. `None` means that the given one is fine.
pub(super) fn replacement_home(own: &Variables) -> Option<PathBuf> {
    if XDG
        .iter()
        .all(|name| own.get(OsStr::new(name)).is_some_and(|value| !value.is_empty()))
    {
        return own
            .get(OsStr::new(env::HOME))
            .is_none()
            .then(|| PathBuf::from(paths::HOME));
    }
    let given = own
        .get(OsStr::new(env::HOME))
        .filter(|home| !home.is_empty())
        .map(PathBuf::from);
    let writable =
        |path: &Path| path.is_dir() && rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    match given {
        Some(home) if writable(&home) => None,
        _ => Some(PathBuf::from(paths::HOME)),
    }
}

/// Finds the OpenCode program: as told, or in `$TOOLS_DIR`, in `/tools`, or on the `PATH`.
pub(super) fn opencode(told: Option<&Path>, own: &Variables) -> Result<PathBuf, String> {
    if let Some(told) = told {
        return is_program(told).then(|| told.to_owned()).ok_or_else(|| {
            format!(
                "The OpenCode program {} does not exist or cannot be run.",
                told.display()
            )
        });
    }
    let tools = own.get(OsStr::new(env::TOOLS_DIR)).map(PathBuf::from);
    let places = tools
        .into_iter()
        .chain([PathBuf::from(paths::TOOLS)])
        .chain(search_path(own));
    places
        .map(|place| place.join("opencode"))
        .find(|path| is_program(path))
        .ok_or_else(|| {
            format!(
                "There is no OpenCode program in {} or on the PATH. The init container puts it there.",
                paths::TOOLS
            )
        })
}

/// Whether OpenCode's tools `grep` and `glob` and its skills can work without a download.
pub(super) fn has_ripgrep(variables: &Variables) -> bool {
    let cache = variables
        .get(OsStr::new("XDG_CACHE_HOME"))
        .map(PathBuf::from)
        .or_else(|| {
            variables
                .get(OsStr::new(env::HOME))
                .map(|home| PathBuf::from(home).join(".cache"))
        });
    let cached = cache.map(|cache| cache.join("opencode/bin"));
    search_path(variables)
        .chain(cached)
        .any(|place| is_program(&place.join("rg")))
}

/// Texts of configuration that may hold credentials.
pub(super) fn configurations(own: &Variables) -> Vec<String> {
    let text = |name: &str| {
        own.get(OsStr::new(name))
            .and_then(|value| value.to_str())
            .map(str::to_owned)
    };
    let file = text(env::OPENCODE_CONFIG).and_then(|path| std::fs::read_to_string(path).ok());
    file.into_iter()
        .chain(text(env::OPENCODE_CONFIG_CONTENT))
        .collect()
}

fn search_path(variables: &Variables) -> impl Iterator<Item = PathBuf> {
    let path = variables.get(OsStr::new(env::PATH)).cloned().unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[(&str, &str)]) -> Variables {
        list.iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn what_the_user_set_is_kept_and_the_password_is_ours() {
        let own = variables(&[
            ("OPENCODE_DISABLE_MODELS_FETCH", "0"),
            ("OPENCODE_SERVER_PASSWORD", "theirs"),
            ("OPENCODE_SERVER_USERNAME", "me"),
            ("HOME", "/h"),
            ("A", "b"),
        ]);
        let expected = variables(&[
            ("OPENCODE_DISABLE_MODELS_FETCH", "0"),
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            ("OPENCODE_DISABLE_FFF", "1"),
            ("OPENCODE_SERVER_PASSWORD", "ours"),
            ("HOME", "/h"),
            ("A", "b"),
        ]);
        assert_eq!(environment(&own, &Secret::new("ours"), None), expected);
    }

    #[test]
    fn a_home_that_cannot_be_written_is_replaced() {
        let writable = tempfile::tempdir().unwrap();
        let check = |list: &[(&str, &str)], expected: Option<&str>| {
            assert_eq!(
                replacement_home(&variables(list)),
                expected.map(PathBuf::from),
                "{list:?}"
            );
        };
        check(&[("HOME", writable.path().to_str().unwrap())], None);
        check(&[], Some("/tmp"));
        check(&[("HOME", "")], Some("/tmp"));
        check(&[("HOME", "/does/not/exist")], Some("/tmp"));
        let xdg = XDG.map(|name| (name, "/x"));
        check(&xdg, Some("/tmp"));
        check(&[&xdg[..], &[("HOME", "/does/not/exist")]].concat(), None);
    }

    #[test]
    fn the_program_is_looked_for_in_order() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("opencode");
        let own = variables(&[("PATH", directory.path().to_str().unwrap())]);
        assert!(
            opencode(Some(&program), &own)
                .unwrap_err()
                .contains("cannot be run")
        );
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(opencode(Some(&program), &own).unwrap(), program);
        let tools = variables(&[("TOOLS_DIR", directory.path().to_str().unwrap())]);
        assert_eq!(opencode(None, &tools).unwrap(), program);
    }
}
