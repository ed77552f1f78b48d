//! Programs of this machine without which no Pod can run: bubblewrap for the sandbox, ripgrep for OpenCode's search.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use koc_api::names::paths;
use tokio::process::Command;

use crate::terminal::Terminal;

/// What is missing on this machine.
#[derive(Debug, thiserror::Error)]
pub enum HostToolsError {
    /// Programs are missing and were not installed.
    #[error("{programs} {verb} missing{tried}; install {with}: {command}", verb = if *.many { "are" } else { "is" })]
    Missing {
        /// The programs.
        programs: String,
        /// Whether there are several.
        many: bool,
        /// What became of an attempt to install them, or nothing.
        tried: String,
        /// The packages.
        with: String,
        /// A command that installs them here.
        command: String,
    },
    /// bubblewrap is there but may not make namespaces.
    #[error("bubblewrap cannot isolate processes here ({detail}); {advice}")]
    NoNamespaces {
        /// bubblewrap's own words.
        detail: String,
        /// What to do.
        advice: String,
    },
}

/// A program and the Debian package that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tool {
    program: &'static str,
    package: &'static str,
    /// Used within Pods, which see the system's programs but none of the user's own in their home.
    in_pods: bool,
}

const TOOLS: [Tool; 2] = [
    Tool {
        program: "bwrap",
        package: "bubblewrap",
        in_pods: false,
    },
    Tool {
        program: "rg",
        package: "ripgrep",
        in_pods: true,
    },
];

/// Sees to it that the programs are there and may do their work, installing them where this process may.
///
/// # Errors
/// Says what to install, or which setting keeps the sandbox from working.
pub async fn ensure_host_tools(may_install: bool, terminal: &Terminal) -> Result<(), HostToolsError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = missing(&path, paths::SEARCH_PATH.as_ref());
    if !missing.is_empty() {
        let has_apt = find_program("apt-get", &path).is_some();
        let may_install = may_install && has_apt && rustix::process::geteuid().is_root();
        let tried = if may_install {
            install(&missing, terminal).await
        } else {
            String::new()
        };
        let still_missing = self::missing(&path, paths::SEARCH_PATH.as_ref());
        if !still_missing.is_empty() {
            return Err(report(&still_missing, tried, has_apt));
        }
    }
    Ok(())
}

/// The error for bubblewrap's complaint `detail`, with the setting of this system that most likely is behind it.
pub(crate) fn no_namespaces(detail: &str) -> HostToolsError {
    let last = detail.lines().last().unwrap_or("it failed without a word");
    HostToolsError::NoNamespaces {
        detail: last.trim_start_matches("bwrap: ").to_owned(),
        advice: namespace_advice(Path::new("/proc/sys")),
    }
}

/// Names the setting that most likely forbids user namespaces.
fn namespace_advice(sysctl: &Path) -> String {
    let read = |name: &str| {
        std::fs::read_to_string(sysctl.join(name))
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let cases = [
        (
            "kernel/unprivileged_userns_clone",
            "0",
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            "user/max_user_namespaces",
            "0",
            "sysctl -w user.max_user_namespaces=15000",
        ),
    ];
    match cases
        .into_iter()
        .find(|(name, forbidding, _)| read(name).as_deref() == Some(forbidding))
    {
        Some((_, _, command)) => format!("allow user namespaces: sudo {command}"),
        None => "inside a container, start it with rights to make namespaces and mount /proc \
                 (for example docker run --privileged)"
            .to_owned(),
    }
}

fn missing(path: &OsStr, path_in_pods: &OsStr) -> Vec<Tool> {
    let here =
        |tool: &Tool| find_program(tool.program, if tool.in_pods { path_in_pods } else { path }).is_some();
    TOOLS.into_iter().filter(|tool| !here(tool)).collect()
}

/// The first executable file `name` on a search path.
pub(crate) fn find_program(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|folder| folder.join(name))
        .find(|file| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
        })
}

/// Installs through apt-get; the package lists are fetched only when they turn out to be missing. Returns what went
/// wrong, ready for a sentence.
async fn install(missing: &[Tool], terminal: &Terminal) -> String {
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    terminal.note(&format!("installing {} with apt-get", packages.join(" and ")));
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(&packages);
    if apt_get(&install).await.is_ok() {
        return String::new();
    }
    terminal.note("fetching apt's package lists first");
    let result = match apt_get(&["update"]).await {
        Ok(()) => apt_get(&install).await,
        Err(why) => Err(why),
    };
    result
        .err()
        .map(|why| format!(", and apt-get could not install: {why}"))
        .unwrap_or_default()
}

async fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no reason given")
        .trim()
        .to_owned())
}

fn report(missing: &[Tool], tried: String, has_apt: bool) -> HostToolsError {
    let programs: Vec<&str> = missing.iter().map(|tool| tool.program).collect();
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let command = if has_apt {
        format!("sudo apt-get install {}", packages.join(" "))
    } else {
        "with this system's package manager".to_owned()
    };
    HostToolsError::Missing {
        programs: programs.join(" and "),
        many: programs.len() > 1,
        tried,
        with: packages.join(" and "),
        command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_one_line_to_act_on() {
        let cases: [(&[Tool], bool, &str); 3] = [
            (
                &TOOLS,
                true,
                "bwrap and rg are missing; install bubblewrap and ripgrep: sudo apt-get install bubblewrap ripgrep",
            ),
            (
                &TOOLS[1..],
                true,
                "rg is missing; install ripgrep: sudo apt-get install ripgrep",
            ),
            (
                &TOOLS[..1],
                false,
                "bwrap is missing; install bubblewrap: with this system's package manager",
            ),
        ];
        for (tools, has_apt, expected) in cases {
            assert_eq!(report(tools, String::new(), has_apt).to_string(), expected);
        }
    }

    #[test]
    fn only_executable_files_are_programs() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rg");
        std::fs::write(&file, "").unwrap();
        assert_eq!(find_program("rg", folder.path().as_os_str()), None);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find_program("rg", folder.path().as_os_str()), Some(file));
        let (here, empty) = (folder.path().as_os_str(), OsStr::new(""));
        assert_eq!(missing(here, here), [TOOLS[0]]);
        assert_eq!(
            missing(here, empty),
            TOOLS,
            "a program in the user's home is none for Pods"
        );
    }

    #[test]
    fn the_setting_that_forbids_namespaces_is_named() {
        let cases = [
            (
                Some(("user/max_user_namespaces", "0\n")),
                "user.max_user_namespaces=15000",
            ),
            (
                Some(("kernel/apparmor_restrict_unprivileged_userns", "1\n")),
                "apparmor_restrict",
            ),
            (
                Some(("kernel/unprivileged_userns_clone", "0\n")),
                "unprivileged_userns_clone=1",
            ),
            (None, "--privileged"),
        ];
        for (setting, expected) in cases {
            let folder = tempfile::tempdir().unwrap();
            if let Some((name, value)) = setting {
                let file = folder.path().join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, value).unwrap();
            }
            let advice = namespace_advice(folder.path());
            assert!(advice.contains(expected), "{advice}");
        }
    }
}
