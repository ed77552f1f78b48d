//! Bringing this program to the agent's container, whose image does not have it.

use std::{fs::File, path::Path};

use crate::context_init::{
    copy::{create_directories, fill_from, replace},
    error::Error,
};

/// The running program, whatever path it was started by and even if that path is gone.
const SELF: &str = "/proc/self/exe";

/// Copies the running program to `kubeopencode` in the directory for programs.
pub(super) fn copy_self(tools: &Path) -> Result<(), Error> {
    create_directories(tools)?;
    let source = Path::new(SELF);
    let program = File::open(source).map_err(Error::io("read this program at", source))?;
    replace(&tools.join("kubeopencode"), 0o755, fill_from(program))
}
