//! Running `npm install`.

use std::{
    fs::File,
    io::{Read, Seek},
    process::Stdio,
    time::Duration,
};

use koc_api::{
    InputFailureKind::{Internal, InvalidInput, Unreachable},
    names::env,
};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use crate::{
    authorities,
    input_report::{InputEnd, InputError},
    plugin_init::{args::PluginInitArgs, verdict},
    stop::Stop,
};

/// More of npm's words than this is not read.
const MAX_OUTPUT: u64 = 1024 * 1024;

/// What npm is told by its environment, unless the administrator tells it otherwise: variables of `podSpec.extraEnv`
/// and `systemContainers.pluginInit` come first.
const SETTINGS: [(&str, &str); 6] = [
    // A package's own scripts would run with the network and the volumes of this container.
    ("npm_config_ignore_scripts", "true"),
    // Each attempt waits 1, 2 and 4 seconds; npm's own choice is 10 s to 60 s.
    ("npm_config_fetch_retries", "3"),
    ("npm_config_fetch_retry_mintimeout", "1000"),
    ("npm_config_fetch_retry_maxtimeout", "10000"),
    ("npm_config_fetch_timeout", "60000"),
    ("npm_config_update_notifier", "false"),
];

/// For repositories: no questions, and only transports of the grammar.
const GIT_SETTINGS: [(&str, &str); 3] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ALLOW_PROTOCOL", "https:http:ssh"),
    ("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
];

/// Installs the packages, all or none.
pub(super) async fn install(
    args: &PluginInitArgs,
    packages: &[String],
    stop: &mut Stop,
) -> Result<(), InputEnd> {
    let internal =
        |what: &str, error: &dyn std::fmt::Display| InputError::new(Internal, format!("{what}: {error}"));
    let temporary =
        tempfile::tempdir().map_err(|error| internal("no temporary directory can be made", &error))?;
    let mut output = tempfile::tempfile_in(&temporary)
        .map_err(|error| internal("no temporary file can be made", &error))?;
    let mut errors = tempfile::tempfile_in(&temporary)
        .map_err(|error| internal("no temporary file can be made", &error))?;
    let mut command = Command::new("npm");
    command
        .args([
            "install",
            "--json",
            "--omit=dev",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--loglevel=error",
            "--",
        ])
        .args(packages)
        .current_dir(&args.directory)
        .stdin(Stdio::null())
        .stdout(copy(&output).map_err(|error| internal("no temporary file can be used", &error))?)
        .stderr(copy(&errors).map_err(|error| internal("no temporary file can be used", &error))?)
        .process_group(0)
        .kill_on_drop(true);
    for (name, value) in SETTINGS.iter().chain(&GIT_SETTINGS) {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    if let Some(custom) = &args.custom_ca {
        let all = authorities::combined(custom).map_err(|why| InputError::new(InvalidInput, why))?;
        let path = temporary.path().join("authorities.pem");
        std::fs::write(&path, all)
            .map_err(|error| internal("the certificate authorities cannot be written", &error))?;
        command
            .env(env::NODE_EXTRA_CA_CERTS, custom)
            .env(env::GIT_SSL_CAINFO, path);
    }
    let mut child = command.spawn().map_err(|error| {
        InputError::new(
            Internal,
            format!("npm cannot be started ({error}); the system image needs Node.js with npm"),
        )
    })?;
    let group = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    let ended = tokio::select! {
        biased;
        signal = stop.told() => Err(InputEnd::Stopped(signal)),
        () = tokio::time::sleep(Duration::from_secs(args.deadline.max(1))) => Err(InputError::new(
            Unreachable,
            format!("npm was not done after {} s; is its registry reachable from this Pod?", args.deadline),
        ).into()),
        status = child.wait() => Ok(status),
    };
    // npm's own children (git, ssh) are in its group.
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let status = ended?.map_err(|error| internal("npm cannot be waited for", &error))?;
    if status.success() {
        return Ok(());
    }
    let (output, errors) = (read(&mut output), read(&mut errors));
    Err(verdict::of(&output, &errors).into())
}

fn copy(file: &File) -> std::io::Result<Stdio> {
    file.try_clone().map(Stdio::from)
}

fn read(file: &mut File) -> String {
    let mut bytes = Vec::new();
    // What cannot be read is not told; the exit code has said that it failed.
    let _ = file.rewind();
    let _ = file.take(MAX_OUTPUT).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
