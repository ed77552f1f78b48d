//! What `context-init` is told to write, as the JSON of its environment variables.

use serde::Serialize;

use super::{Delivery, Placed};
use crate::context_map::KeyedFile;
use crate::contexts::DirectoryMount;
use crate::refusal::Refusal;

/// Linux takes no longer string into a program's environment; a margin is left for the name and for escapes.
const MAX_VARIABLE_BYTES: usize = 120 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileMapping<'a> {
    key: &'a str,
    target_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_mode: Option<i32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DirMapping<'a> {
    source_path: String,
    target_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_mode: Option<i32>,
}

/// The files to copy.
pub(super) fn of_files(files: &[Placed<KeyedFile>]) -> Result<String, Refusal> {
    let list: Vec<FileMapping<'_>> = files
        .iter()
        .filter(|f| f.delivery == Delivery::Copied)
        .map(|f| FileMapping {
            key: &f.item.key,
            target_path: &f.item.file.path,
            file_mode: f.item.file.mode,
        })
        .collect();
    json(&list, "files")
}

/// The directories to copy; empty for none.
pub(super) fn of_directories(directories: &[Placed<DirectoryMount>]) -> Result<String, Refusal> {
    let list: Vec<DirMapping<'_>> = directories
        .iter()
        .enumerate()
        .filter(|(_, d)| d.delivery == Delivery::Copied)
        .map(|(index, d)| DirMapping {
            source_path: crate::pod::source_path(index),
            target_path: &d.item.path,
            file_mode: d.item.mode,
        })
        .collect();
    if list.is_empty() {
        return Ok(String::new());
    }
    json(&list, "directories")
}

fn json(list: &impl Serialize, what: &str) -> Result<String, Refusal> {
    let text = serde_json::to_string(list)
        .map_err(|e| Refusal::context(format!("the list of context {what} can't be written: {e}")))?;
    if text.len() + text.matches('$').count() > MAX_VARIABLE_BYTES {
        return Err(Refusal::context(format!(
            "the contexts are too many {what}: their list alone is {} bytes long, and a container takes {MAX_VARIABLE_BYTES}; \
             put the files into one ConfigMap and mount it as a directory, or use a Git context",
            text.len()
        )));
    }
    Ok(text)
}
