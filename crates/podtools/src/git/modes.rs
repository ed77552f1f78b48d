//! Modes and sizes of a clone's files.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use crate::{git::repository::failed, input_report::InputError};

/// What was found on the way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Files {
    /// Files that are not `git`'s own.
    pub count: i64,
    /// Their size together.
    pub bytes: u64,
}

/// Lets the group do what the owner may, and nobody else write: the worker may run as any user of the volume's group.
/// Links are left alone.
pub(super) fn share(root: &Path) -> Result<Files, InputError> {
    let mut files = Files::default();
    let mut open = vec![(root.to_owned(), false)];
    while let Some((path, is_gits)) = open.pop() {
        let metadata = path.symlink_metadata().map_err(failed("look at", &path))?;
        if metadata.is_symlink() {
            files.count += i64::from(!is_gits);
            continue;
        }
        let mode = metadata.permissions().mode() & 0o7777;
        let wanted = (mode & !0o072) | ((mode & 0o700) >> 3);
        if mode != wanted {
            fs::set_permissions(&path, Permissions::from_mode(wanted))
                .map_err(failed("set the mode of", &path))?;
        }
        if metadata.is_dir() {
            for entry in fs::read_dir(&path).map_err(failed("list", &path))? {
                let entry = entry.map_err(failed("list", &path))?;
                open.push((entry.path(), is_gits || entry.file_name() == ".git"));
            }
        } else if !is_gits {
            files.count += 1;
            files.bytes += metadata.len();
        }
    }
    Ok(files)
}

/// How much is in a directory.
pub(super) fn size(root: &Path) -> u64 {
    let mut bytes = 0;
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => open.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

/// A size for a person: `512 B`, `1.5 MiB`.
pub(super) fn shown(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let Some((shift, unit)) = units.into_iter().find(|(shift, _)| bytes >> shift > 0) else {
        return format!("{bytes} B");
    };
    let tenths = (u128::from(bytes) * 10) >> shift;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_may_write_and_others_may_not() {
        let root = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(root.path().join(name)).unwrap().permissions().mode() & 0o7777;
        for (name, before) in [("a", 0o600), ("run", 0o755), ("open", 0o666), ("object", 0o444)] {
            let path = root.path().join(name);
            fs::write(&path, "xx").unwrap();
            fs::set_permissions(path, Permissions::from_mode(before)).unwrap();
        }
        fs::create_dir_all(root.path().join(".git/x")).unwrap();
        fs::write(root.path().join(".git/x/y"), "").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("link")).unwrap();
        let files = share(root.path()).unwrap();
        assert_eq!(files, Files { count: 5, bytes: 8 });
        for (name, after) in [("a", 0o660), ("run", 0o775), ("open", 0o664), ("object", 0o444)] {
            assert_eq!(mode(name), after, "{name}: {:o}", mode(name));
        }
        assert_eq!(mode(".git/x") & 0o022, 0o020);
    }

    #[test]
    fn sizes_read_well() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (5 << 20, "5.0 MiB"),
            (3 << 30, "3.0 GiB"),
        ] {
            assert_eq!(shown(bytes), expected);
        }
    }
}
