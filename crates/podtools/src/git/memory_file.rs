//! A file that exists in memory alone.

use std::{
    fs::{File, Permissions},
    io::Write,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::PathBuf,
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::Errno,
};

/// A file for programs this one starts, which open it by its path. It is on no disk, only its owner can open it, and it
/// is gone with this process, however that ends.
#[derive(Debug)]
pub(super) struct MemoryFile {
    file: File,
}

impl MemoryFile {
    /// A file with this content. The name shows in `/proc` and means nothing.
    pub(super) fn new(name: &str, content: &[u8]) -> std::io::Result<Self> {
        // Newer kernels want to be told that nobody will execute it, older ones do not know the question.
        let descriptor: OwnedFd = match memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL) {
            Err(Errno::INVAL) => memfd_create(name, MemfdFlags::CLOEXEC)?,
            other => other?,
        };
        let mut file = File::from(descriptor);
        // `ssh` refuses a key that others may read.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        Ok(Self { file })
    }

    /// Where programs find it as long as this process lives. By its number and not as `self`: `ssh` closes what it
    /// inherits.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.file.as_raw_fd()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_can_read_it_while_it_lives() {
        let file = MemoryFile::new("test", b"content").unwrap();
        let path = file.path();
        for _ in 0..2 {
            let read = std::process::Command::new("cat").arg(&path).output().unwrap();
            assert_eq!(read.stdout, b"content");
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(file);
        assert!(std::fs::read(&path).map_or(true, |content| content != b"content"));
    }
}
