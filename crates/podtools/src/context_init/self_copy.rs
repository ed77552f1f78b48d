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

/// Links `kubeopencode` in the directory for programs to a path that every container sees.
pub(super) fn link_to(shared: &Path, tools: &Path) -> Result<(), Error> {
    create_directories(tools)?;
    let link = tools.join("kubeopencode");
    let new = tools.join(".kubeopencode.new");
    // A leftover of an init container that was cut off.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("remove", &new)(error));
        }
        _ => {}
    }
    std::os::unix::fs::symlink(shared, &new).map_err(Error::io("create", &new))?;
    std::fs::rename(&new, &link).map_err(Error::io("create", &link))
}
