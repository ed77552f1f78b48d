//! Writes a projected volume so that readers see all of the old or all of the new content.
//!
//! Layout as on any Kubernetes node: the content is in `..<number>/`, `..data` is a link to it that is
//! exchanged in one step, and each name at the top is a link through `..data`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use super::projection::File;

/// Makes `dir` hold exactly `files`. With `group` the group may read them too (`fsGroup`).
pub(super) fn replace(dir: &Path, files: &[File], group: bool) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    let old = fs::read_link(dir.join("..data")).ok();
    let number = old
        .as_ref()
        .and_then(|o| o.to_str()?.strip_prefix("..")?.parse::<u64>().ok())
        .map_or(0, |n| n.wrapping_add(1));
    let name = format!("..{number}");
    let content = dir.join(&name);
    if content.exists() {
        fs::remove_dir_all(&content)?;
    }
    fs::create_dir(&content)?;
    fs::set_permissions(&content, fs::Permissions::from_mode(0o755))?;
    for file in files {
        write(&content, file, group)?;
    }
    let next = dir.join("..data_tmp");
    let _ = fs::remove_file(&next);
    symlink(&name, &next)?;
    fs::rename(&next, dir.join("..data"))?;
    links(dir, files)?;
    if let Some(old) = old {
        let _ = fs::remove_dir_all(dir.join(old));
    }
    Ok(())
}

fn write(content: &Path, file: &File, group: bool) -> io::Result<()> {
    let path = content.join(&file.path);
    let mut parent = content.to_owned();
    for part in Path::new(&file.path)
        .parent()
        .into_iter()
        .flat_map(Path::components)
    {
        parent.push(part);
        if !parent.is_dir() {
            fs::create_dir(&parent)?;
            fs::set_permissions(&parent, fs::Permissions::from_mode(0o755))?;
        }
    }
    // Two sources of a projected volume may give the same path: the later one wins.
    let _ = fs::remove_file(&path);
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    out.write_all(&file.content)?;
    let mode = if group { file.mode | 0o440 } else { file.mode };
    out.set_permissions(fs::Permissions::from_mode(mode))
}

/// One link per name at the top; links to names that are gone go too.
fn links(dir: &Path, files: &[File]) -> io::Result<()> {
    let names: BTreeSet<&str> = files.iter().filter_map(|f| f.path.split('/').next()).collect();
    for name in &names {
        let link = dir.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("..data").join(name), &link)?;
        }
    }
    for entry in fs::read_dir(dir)?.flatten() {
        let name = entry.file_name();
        let keep = name
            .to_str()
            .is_some_and(|n| n.starts_with("..") || names.contains(n));
        if !keep {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_exchanged_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let file = |path: &str, content: &str, mode| File::new(path, content.into(), mode).unwrap();
        replace(dir, &[file("a", "1", 0o600), file("d/x", "2", 0o644)], true).unwrap();
        assert_eq!(fs::read_to_string(dir.join("a")).unwrap(), "1");
        assert_eq!(fs::read_to_string(dir.join("d/x")).unwrap(), "2");
        assert_eq!(
            fs::metadata(dir.join("a")).unwrap().permissions().mode() & 0o777,
            0o640
        );

        replace(dir, &[file("a", "3", 0o600), file("b", "4", 0o600)], false).unwrap();
        assert_eq!(fs::read_to_string(dir.join("a")).unwrap(), "3");
        assert_eq!(
            fs::metadata(dir.join("a")).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["..1", "..data", "a", "b"]);
    }
}
