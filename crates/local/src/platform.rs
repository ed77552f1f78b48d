//! Which of OpenCode's platform packages fits this machine.

use std::path::Path;

/// What decides which program runs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Platform {
    architecture: &'static str,
    has_avx2: bool,
    musl: bool,
}

/// No OpenCode program exists for this kind of machine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "OpenCode publishes no program for {os} on {architecture}; build one for it and name it with --opencode PATH"
)]
pub struct UnsupportedPlatform {
    os: &'static str,
    architecture: &'static str,
}

impl Platform {
    /// Looks at this machine.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        let has_avx2 = std::is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let has_avx2 = false;
        Self {
            architecture: std::env::consts::ARCH,
            has_avx2,
            musl: is_musl(Path::new("/")),
        }
    }

    /// The npm package that holds the program for it.
    pub(crate) fn package(self) -> Result<String, UnsupportedPlatform> {
        let unsupported = UnsupportedPlatform {
            os: std::env::consts::OS,
            architecture: self.architecture,
        };
        if std::env::consts::OS != "linux" {
            return Err(unsupported);
        }
        let (architecture, baseline) = match self.architecture {
            "x86_64" => ("x64", if self.has_avx2 { "" } else { "-baseline" }),
            "aarch64" => ("arm64", ""),
            _ => return Err(unsupported),
        };
        let libc = if self.musl { "-musl" } else { "" };
        Ok(format!("opencode-linux-{architecture}{baseline}{libc}"))
    }
}

#[cfg(test)]
impl Platform {
    /// A machine whose package is `opencode-linux-x64`, wherever the tests run.
    pub(crate) fn for_tests() -> Self {
        Self {
            architecture: "x86_64",
            has_avx2: true,
            musl: false,
        }
    }
}

/// Whether the system under `root` offers musl's dynamic loader and no glibc one.
fn is_musl(root: &Path) -> bool {
    let has = |dir: &str, prefix: &str| {
        std::fs::read_dir(root.join(dir)).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        })
    };
    has("lib", "ld-musl-") && !has("lib64", "ld-linux-") && !has("lib", "ld-linux-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_machine_has_its_package() {
        let cases = [
            ("x86_64", true, false, Some("opencode-linux-x64")),
            ("x86_64", false, false, Some("opencode-linux-x64-baseline")),
            ("x86_64", true, true, Some("opencode-linux-x64-musl")),
            ("x86_64", false, true, Some("opencode-linux-x64-baseline-musl")),
            ("aarch64", false, false, Some("opencode-linux-arm64")),
            ("aarch64", false, true, Some("opencode-linux-arm64-musl")),
            ("riscv64", false, false, None),
        ];
        for (architecture, has_avx2, musl, expected) in cases {
            let platform = Platform {
                architecture,
                has_avx2,
                musl,
            };
            assert_eq!(platform.package().ok().as_deref(), expected, "{platform:?}");
        }
    }

    #[test]
    fn the_loader_tells_musl_from_glibc() {
        let cases: [(&[&str], bool); 4] = [
            (&["lib/ld-musl-x86_64.so.1"], true),
            (&["lib64/ld-linux-x86-64.so.2"], false),
            (&["lib/ld-musl-x86_64.so.1", "lib64/ld-linux-x86-64.so.2"], false),
            (&["lib/ld-linux-aarch64.so.1", "lib/ld-musl-aarch64.so.1"], false),
        ];
        for (files, expected) in cases {
            let root = tempfile::tempdir().unwrap();
            for file in files {
                let path = root.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "").unwrap();
            }
            assert_eq!(is_musl(root.path()), expected, "{files:?}");
        }
    }
}
