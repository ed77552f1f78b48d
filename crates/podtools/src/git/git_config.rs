//! The configuration that the worker's `git` reads in place of the user's.

use std::{fs, path::Path};

use crate::{git::repository::failed, input_report::InputError};

/// A configuration that lets `git` work in these directories although they belong to another user id, and that includes
/// the user's own, which `GIT_CONFIG_GLOBAL` would hide.
pub(super) fn text<'a>(directories: impl IntoIterator<Item = &'a Path>) -> String {
    let mut text = String::from(
        "# Written by KubeOpenCode, whose volumes belong to another user id than the worker's.\n\
         [include]\n\tpath = ~/.config/git/config\n\tpath = ~/.gitconfig\n[safe]\n",
    );
    directories
        .into_iter()
        .map(lines)
        .for_each(|lines| text += &lines);
    text
}

/// The same configuration with these directories, too, where they are missing.
pub(super) fn extended<'a>(text: &str, directories: impl IntoIterator<Item = &'a Path>) -> String {
    let mut text = text.to_owned();
    for lines in directories.into_iter().map(lines) {
        if !text.contains(&lines) {
            text += &lines;
        }
    }
    text
}

fn lines(directory: &Path) -> String {
    let escaped = directory
        .to_string_lossy()
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n");
    // Newer versions of git take the second line for everything below, such as submodules; others pass it over.
    format!("\tdirectory = \"{escaped}\"\n\tdirectory = \"{escaped}/*\"\n")
}

/// Writes it. In place, since the worker has the file itself mounted and not its directory.
pub(super) fn write(path: &Path, text: &str) -> Result<(), InputError> {
    use std::os::unix::fs::PermissionsExt;
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(failed("write", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o664)).map_err(failed("set the mode of", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_reads_what_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path();
        fs::write(home.join(".gitconfig"), "[user]\n\tname = me\n").unwrap();
        let odd = "/with \"quotes\" and \\ and # and\nlines";
        let path = home.join("shared");
        write(&path, &text([Path::new("/git/repo"), Path::new(odd)])).unwrap();
        let read = |key: &str| {
            let output = std::process::Command::new("git")
                .args(["config", "--global", "-z", "--get-all", "--includes", key])
                .env("GIT_CONFIG_GLOBAL", &path)
                .env("HOME", home)
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(
            read("safe.directory"),
            format!("/git/repo\0/git/repo/*\0{odd}\0{odd}/*\0")
        );
        assert_eq!(read("user.name"), "me\0");
        let more = extended(&text([Path::new("/a")]), [Path::new("/a"), Path::new("/b")]);
        write(&path, &more).unwrap();
        assert_eq!(read("safe.directory"), "/a\0/a/*\0/b\0/b/*\0");
    }
}
