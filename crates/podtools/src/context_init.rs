//! `context-init`: writes the files of a Task or an Agent before its container starts.
//!
//! A required file that is missing ends the pod's start with a sentence, because an agent without its instructions
//! does something, only not what was asked. What is written can be changed by any user id of the group, which is what
//! clusters with arbitrary user ids need; nothing that was there before is touched.

mod args;
mod copy;
mod error;
mod mapping;
mod place;
mod self_copy;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

pub use args::ContextInitArgs;
pub use error::Error;

pub(crate) use copy::{Placed, place_file};
pub(crate) use place::Roots;

use crate::authorities;
use koc_api::names::env;
use mapping::{DirMapping, FileMapping};

/// Group-writable directories and files; see the module's text.
const DIR_MODE: u32 = 0o775;
const FILE_MODE: u32 = 0o664;

/// The file of [`koc_api::names::paths::COMBINED_CA`] in the directory for programs.
const COMBINED_CA_NAME: &str = "ca-bundle.crt";

/// Writes everything it is told to.
///
/// # Errors
/// When the mappings cannot be read, a required source is missing, a target is not allowed, or something cannot be
/// written. What was written before stays.
pub fn context_init(args: ContextInitArgs) -> Result<(), Error> {
    let ContextInitArgs {
        workspace,
        configmap_path,
        file_mappings,
        dir_mappings,
        make_directories,
        tools,
        custom_ca,
        copy_self,
        shared_program,
    } = args;
    let files: Vec<FileMapping> = mapping::parse(env::FILE_MAPPINGS, &file_mappings)?;
    let dirs: Vec<DirMapping> = mapping::parse(env::DIR_MAPPINGS, &dir_mappings)?;
    let empty: Vec<PathBuf> = mapping::parse(env::MAKE_DIRECTORIES, &make_directories)?;
    let roots = Roots::new(&workspace, tools.as_deref())?;
    // Every target is checked before the first one is written.
    let files = files
        .into_iter()
        .map(|mapping| roots.file(&mapping.target_path).map(|target| (mapping, target)))
        .collect::<Result<Vec<_>, _>>()?;
    let dirs = dirs
        .into_iter()
        .map(|mapping| {
            roots
                .directory(&mapping.target_path)
                .map(|target| (mapping, target))
        })
        .collect::<Result<Vec<_>, _>>()?;

    let empty = empty
        .iter()
        .map(|target| roots.in_workspace(target))
        .collect::<Result<Vec<_>, _>>()?;

    copy::create_directories(&workspace)?;
    for target in empty {
        copy::directory(&roots, &target)?;
    }
    if copy_self || tools.is_some() {
        let tools = tools
            .as_deref()
            .unwrap_or(Path::new(koc_api::names::paths::TOOLS));
        if let Some(shared) = shared_program {
            self_copy::link_to(&shared, tools)?;
            say(&format!("linked {} into {}", shared.display(), tools.display()));
        } else {
            self_copy::copy_self(tools)?;
            say(&format!("copied this program to {}", tools.display()));
        }
    }
    if let Some(custom) = custom_ca {
        let all = authorities::combined(&custom).map_err(Error::Authorities)?;
        let tools = tools
            .as_deref()
            .unwrap_or(Path::new(koc_api::names::paths::TOOLS));
        let target = tools.join(COMBINED_CA_NAME);
        copy::replace(&target, FILE_MODE, |file| file.write_all(&all))?;
        say(&format!(
            "wrote {} with the system's and the custom authorities",
            target.display()
        ));
    }
    // Directories come first: where one has a file of the same name, the one that was asked for by itself wins.
    for (mapping, target) in dirs {
        if !mapping.source_path.is_dir() {
            if mapping.optional {
                say(&format!(
                    "left out {}: it is optional and missing",
                    target.display()
                ));
                continue;
            }
            return Err(Error::MissingDirectory {
                source_path: mapping.source_path,
                target,
            });
        }
        let count = copy::tree(&roots, &mapping.source_path, &target, mapping.file_mode)?;
        say(&format!("copied {count} files to {}", target.display()));
    }
    for (mapping, target) in files {
        let source = mapping::source(&configmap_path, &mapping.key)?;
        match copy::read(&source)? {
            Some(content) => {
                let mode = mapping.file_mode.map_or(FILE_MODE, |mode| mode & 0o777);
                copy::write(&roots, &target, &content, mode)?;
                say(&format!("wrote {} ({} bytes)", target.display(), content.len()));
            }
            None if mapping.optional => say(&format!(
                "left out {}: it is optional and missing",
                target.display()
            )),
            None => {
                return Err(Error::MissingFile {
                    key: mapping.key,
                    source_path: source,
                    target,
                });
            }
        }
    }
    Ok(())
}

/// Says what was done. A log that nobody reads is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "context-init: {line}");
}

#[cfg(test)]
mod tests;
