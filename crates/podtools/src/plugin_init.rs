//! `plugin-init`: installs OpenCode plugins with npm before the agent starts.
//!
//! The names come from a manifest. They are read by our own grammar first, so none of them can be an option or a path,
//! and npm runs no script of a package unless the administrator says so: installing is not yet using.

mod args;
mod npm;
mod verdict;

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path};

use koc_api::{
    InputFailureKind::{Internal, InvalidInput, NotFound},
    NpmSpecifier,
};

pub use args::PluginInitArgs;

use crate::{
    input_report::{InputEnd, InputError, InputExit},
    plain_text::{count, duration, printable},
    redact::Redactor,
    stop::Stop,
};

/// Installs the plugins.
pub async fn plugin_init(args: PluginInitArgs) -> InputExit {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let redactor = Redactor::new(variables, []);
    let input = args.input.clone();
    let result = install(&args, &redactor).await;
    input.conclude("plugin-init", "plugins", &redactor, result)
}

async fn install(args: &PluginInitArgs, redactor: &Redactor) -> Result<(), InputEnd> {
    let internal = |sentence: String| InputError::new(Internal, sentence);
    let mut stop = Stop::listen()
        .map_err(|error| internal(format!("the signals of this process cannot be watched: {error}")))?;
    let packages = packages(&args.packages)?;
    if packages.is_empty() {
        say("nothing to install");
        return Ok(());
    }
    prepare(&args.directory).map_err(|error| {
        internal(format!(
            "{} cannot be prepared for npm: {error}",
            args.directory.display()
        ))
    })?;
    let names: Vec<String> = packages.iter().map(ToString::to_string).collect();
    say(&redactor.clean(&format!(
        "installing {}: {}",
        count(i64::try_from(names.len()).unwrap_or(i64::MAX), "plugin"),
        names.join(", ")
    )));
    let started = tokio::time::Instant::now();
    npm::install(args, &names, &mut stop).await?;
    for package in &packages {
        let manifest = args
            .directory
            .join("node_modules")
            .join(package.directory())
            .join("package.json");
        if !manifest.is_file() {
            return Err(InputError::new(
                NotFound,
                format!(
                    "npm installed {:?} without a package.json; is it a package?",
                    package.to_string()
                ),
            )
            .into());
        }
    }
    readable(&args.directory).map_err(|error| {
        internal(format!(
            "{} cannot be made readable: {error}",
            args.directory.display()
        ))
    })?;
    say(&format!("done after {}", duration(started.elapsed())));
    Ok(())
}

fn packages(text: &str) -> Result<Vec<NpmSpecifier>, InputError> {
    let invalid = |sentence: String| InputError::new(InvalidInput, sentence);
    let names: Vec<String> = serde_json::from_str(text)
        .map_err(|error| invalid(format!("PLUGIN_PACKAGES is not a JSON list of names: {error}")))?;
    let mut packages: Vec<NpmSpecifier> = Vec::new();
    for name in names {
        let package = NpmSpecifier::parse(&name)
            .map_err(|error| invalid(format!("{name:?} cannot be installed: {error}")))?;
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    Ok(packages)
}

/// Without a package.json of its own, npm would look for one in the directories above.
fn prepare(directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory)?;
    let manifest = directory.join("package.json");
    if !manifest.exists() {
        fs::write(manifest, "{\"private\":true}\n")?;
    }
    Ok(())
}

/// Lets every user read what was installed; the agent has another user id than this program. Links are left alone.
fn readable(path: &Path) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.permissions().mode();
    let wanted = if metadata.is_dir() || mode & 0o100 != 0 {
        0o555
    } else {
        0o444
    };
    if mode & wanted != wanted {
        fs::set_permissions(path, fs::Permissions::from_mode(mode | wanted))?;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            readable(&entry?.path())?;
        }
    }
    Ok(())
}

/// Says what happens. A log that nobody reads is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "plugin-init: {}", printable(line));
}
