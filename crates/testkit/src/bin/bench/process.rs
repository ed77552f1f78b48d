//! Start-up and memory of the real `kubeopencode up`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::Row;

/// How often the start is measured; the median counts.
const STARTS: usize = 5;

/// How long the process rests before its idle memory is read.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let program = program()?;
    let mut starts = Vec::new();
    let mut memory = 0;
    for round in 0..STARTS {
        let data = tempfile::tempdir()?;
        let started = Instant::now();
        let mut child = Command::new(&program)
            .args([
                "up",
                "-o",
                "json",
                "--port",
                "0",
                "--opencode",
                "/bin/true",
                "--data-dir",
            ])
            .arg(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        if line.is_none() {
            bail!("`kubeopencode up` ended before it was ready");
        }
        starts.push(started.elapsed());
        if round == STARTS - 1 {
            tokio::time::sleep(SETTLE).await;
            memory = resident_bytes(child.id().context("`kubeopencode up` ended")?)?;
        }
        child.kill().await?;
    }
    starts.sort();
    Ok(vec![
        Row {
            what: "start to ready, `kubeopencode up`, median of 5",
            value: format!("{} ms", starts[STARTS / 2].as_millis()),
            goal: "< 1000 ms",
        },
        Row {
            what: "memory when idle, `kubeopencode up`",
            value: format!("{:.1} MB", megabytes(memory)),
            goal: "< 50 MB",
        },
    ])
}

/// The product's program beside this one.
fn program() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let program = here.with_file_name("kubeopencode");
    if !program.exists() {
        bail!("{} is not there; run `make build` first", program.display());
    }
    Ok(program)
}

/// Resident memory of a process, from /proc.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|l| l.starts_with("VmRSS:"))
        .context("no VmRSS line")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kilobytes * 1024)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}
