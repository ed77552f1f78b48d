//! Layering: a crate may use the floors below its own, never those beside or above it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

/// What one crate may use.
struct Room {
    package: &'static str,
    /// Floor of ARCHITECTURE.md.
    floor: u8,
    /// Packages it must not use even where its floor would let it.
    never: &'static [&'static str],
}

/// The floors. Crates that only tests and chores use stand above everything.
const ROOMS: &[Room] = &[
    Room {
        package: "koc-api",
        floor: 1,
        never: &["tokio", "reqwest", "axum", "hyper", "tracing"],
    },
    Room {
        package: "koc-core",
        floor: 2,
        never: &["tokio", "reqwest", "axum", "hyper", "rusqlite", "tracing"],
    },
    Room {
        package: "koc-opencode",
        floor: 2,
        never: &["koc-api", "kube", "k8s-openapi"],
    },
    Room {
        package: "koc-apiserver",
        floor: 2,
        never: &["koc-api"],
    },
    Room {
        package: "koc-model",
        floor: 2,
        never: &["koc-api", "kube", "k8s-openapi"],
    },
    Room {
        package: "koc-controller",
        floor: 3,
        never: &["koc-apiserver", "koc-model"],
    },
    Room {
        package: "koc-server",
        floor: 3,
        never: &["koc-apiserver", "koc-model"],
    },
    Room {
        package: "koc-node",
        floor: 3,
        never: &["koc-api", "koc-core", "koc-apiserver", "koc-opencode"],
    },
    Room {
        package: "koc-podtools",
        floor: 3,
        never: &["kube", "koc-apiserver", "koc-model"],
    },
    Room {
        package: "koc-local",
        floor: 4,
        never: &[],
    },
    Room {
        package: "kubeopencode",
        floor: 5,
        never: &[],
    },
    Room {
        package: "kubeoc",
        floor: 5,
        never: &[],
    },
    Room {
        package: "koc-testkit",
        floor: 6,
        never: &[],
    },
    // Knows nothing of ours, so that the tests of any crate may use it.
    Room {
        package: "koc-gitkit",
        floor: 6,
        never: &["koc-api", "koc-core", "kube", "k8s-openapi"],
    },
    Room {
        package: "xtask",
        floor: 6,
        never: &[],
    },
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Deserialize)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for normal dependencies, else `dev` or `build`.
    kind: Option<String>,
}

/// What the workspace's manifests do against the floors.
pub(super) fn findings(root: &Path) -> anyhow::Result<Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata wrote no JSON")?;
    Ok(judge(&metadata.packages))
}

/// Compares packages with the floors.
fn judge(packages: &[Package]) -> Vec<String> {
    let room = |name: &str| ROOMS.iter().find(|room| room.package == name);
    let mut findings = Vec::new();
    for package in packages {
        let Some(home) = room(&package.name) else {
            findings.push(format!(
                "package {} has no floor: give it one in xtask's layers.rs",
                package.name
            ));
            continue;
        };
        // Tests may reach up to drive what they test; the built product may not.
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
        {
            let used = &dependency.name;
            if home.never.contains(&used.as_str()) {
                findings.push(format!(
                    "{} must not know {used}: move what needs it to another crate",
                    package.name
                ));
            } else if room(used).is_some_and(|other| other.floor >= home.floor) {
                findings.push(format!(
                    "{} uses {used}, which is not on a floor below: turn the dependency round, or move the code",
                    package.name
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Dependency, Package, judge};

    fn check(package: &str, dependency: &str, kind: Option<&str>, expected: Option<&str>) {
        let package = Package {
            name: package.to_owned(),
            dependencies: vec![Dependency {
                name: dependency.to_owned(),
                kind: kind.map(str::to_owned),
            }],
        };
        let found = judge(&[package]);
        match expected {
            Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{found:?}"),
            None => assert!(found.is_empty(), "{found:?}"),
        }
    }

    #[test]
    fn arrows_point_down() {
        check("koc-core", "koc-api", None, None);
        check("koc-api", "koc-core", None, Some("not on a floor below"));
        check("koc-apiserver", "koc-model", None, Some("not on a floor below"));
        check("koc-core", "tokio", None, Some("must not know tokio"));
        check("koc-core", "tokio", Some("dev"), None);
        check("koc-core", "tokio", Some("build"), Some("must not know tokio"));
        check("koc-node", "koc-api", None, Some("must not know koc-api"));
        check("koc-podtools", "kube", None, Some("must not know kube"));
        check("koc-local", "koc-node", None, None);
        check("koc-new", "serde", None, Some("has no floor"));
    }
}
