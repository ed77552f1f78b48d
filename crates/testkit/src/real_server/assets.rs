//! Where the programs of a real server are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

pub(super) const ETCD: &str = "etcd";
pub(super) const API_SERVER: &str = "kube-apiserver";
pub(super) const CONTROLLERS: &str = "kube-controller-manager";

/// The directory of `KUBEBUILDER_ASSETS`, or the one that `hack/envtest/provide` prints. The latter may build for minutes
/// the first time; what it says goes to standard error.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    if let Some(dir) = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from)
        && [ETCD, API_SERVER, CONTROLLERS]
            .iter()
            .all(|name| dir.join(name).is_file())
    {
        return Ok(dir);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hack/envtest/provide");
    let output = Command::new(&script)
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("{} could not be run", script.display()))?;
    if !output.status.success() {
        bail!(
            "hack/envtest/provide has no real API server ({}); its reason is above",
            output.status
        );
    }
    let dir = String::from_utf8(output.stdout).context("hack/envtest/provide printed no path")?;
    Ok(PathBuf::from(dir.trim_end()))
}
