use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::redact::Redactor;

struct Place {
    root: tempfile::TempDir,
}

impl Place {
    /// A clone with some files, and an empty workspace.
    fn new() -> Self {
        let place = Self {
            root: tempfile::tempdir().unwrap(),
        };
        for (path, content) in [
            ("clone/.git/HEAD", "ref: refs/heads/main\n"),
            ("clone/.git/config", "x"),
            ("clone/README", "readme"),
            ("clone/task.md", "theirs"),
            ("clone/docs/a", "a"),
            ("clone/docs/b", "b"),
            ("clone/sub/.git", "gitdir: ../.git/modules/sub"),
            ("clone/sub/s", "s"),
        ] {
            place.write(path, content);
        }
        symlink("README", place.path("clone/link")).unwrap();
        fs::create_dir(place.path("ws")).unwrap();
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }

    fn merge(&self, path: &str) {
        let place = self.path("clone").join(path);
        let source = Source {
            place: &place,
            is_whole: path.is_empty(),
            copied: Copied {
                url: "https://h/x".to_owned(),
                path: path.to_owned(),
            },
        };
        merge(&source, &self.path("ws"), &Log::new("test", Redactor::default())).unwrap();
    }
}

#[test]
fn what_the_workspace_has_is_never_overwritten() {
    let place = Place::new();
    place.write("ws/task.md", "ours");
    place.write("ws/.kubeopencode/context.md", "ours");
    place.write("ws/docs/a", "ours");
    place.merge("");
    for (path, expected) in [
        ("ws/task.md", "ours"),
        ("ws/.kubeopencode/context.md", "ours"),
        ("ws/docs/a", "ours"),
        ("ws/docs/b", "b"),
        ("ws/README", "readme"),
        ("ws/link", "readme"),
        ("ws/sub/.git", "gitdir: ../.git/modules/sub"),
        ("ws/.git/HEAD", "ref: refs/heads/main\n"),
    ] {
        assert_eq!(place.read(path).as_deref(), Some(expected), "{path}");
    }
    assert_eq!(fs::read_link(place.path("ws/link")).unwrap(), Path::new("README"));
    assert!(
        names(&place.path("ws"))
            .unwrap()
            .iter()
            .all(|name| !name.contains("partial"))
    );
}

#[test]
fn what_is_ours_in_the_workspace_is_not_committed_to_the_repository() {
    let place = Place::new();
    place.write("ws/guide [1].md", "ours");
    fs::remove_file(place.path("clone/task.md")).unwrap();
    place.merge("");
    assert_eq!(
        place.read("ws/.git/info/exclude").unwrap(),
        "/.kubeopencode\n/guide\\ \\[1].md\n/task.md\n"
    );
}

#[test]
fn a_second_run_keeps_what_the_agent_has_done() {
    let place = Place::new();
    place.merge("");
    place.write("ws/README", "changed by the agent");
    fs::remove_file(place.path("ws/docs/b")).unwrap();
    place.write("clone/README", "new");
    place.merge("");
    assert_eq!(place.read("ws/README").unwrap(), "changed by the agent");
    assert_eq!(place.read("ws/docs/b"), None);
}

#[test]
fn a_run_that_was_ended_is_completed() {
    let place = Place::new();
    place.write("ws/README", "readme");
    place.write("ws/docs/a", "a");
    place.write("ws/docs/b.kubeopencode-partial", "hal");
    place.write("ws/.git.kubeopencode-partial/HEAD", "hal");
    place.merge("");
    assert_eq!(place.read("ws/docs/b").unwrap(), "b");
    assert_eq!(place.read("ws/.git/HEAD").unwrap(), "ref: refs/heads/main\n");
    assert!(place.read("ws/docs/b.kubeopencode-partial").is_none());
}

#[test]
fn a_part_comes_without_git_and_a_file_by_its_name() {
    let place = Place::new();
    place.merge("sub");
    assert_eq!(
        (place.read("ws/s").as_deref(), place.read("ws/.git")),
        (Some("s"), None)
    );
    place.merge("docs/a");
    assert_eq!(place.read("ws/a").as_deref(), Some("a"));
    assert_eq!(place.read("ws/docs/b"), None);
}

#[test]
fn a_link_in_the_workspace_is_not_followed() {
    let place = Place::new();
    fs::create_dir(place.path("outside")).unwrap();
    symlink(place.path("outside"), place.path("ws/docs")).unwrap();
    symlink(place.path("outside/new"), place.path("ws/README")).unwrap();
    place.merge("");
    assert_eq!(names(&place.path("outside")).unwrap(), Vec::<String>::new());
}

#[test]
fn a_program_stays_one() {
    let place = Place::new();
    fs::set_permissions(place.path("clone/README"), fs::Permissions::from_mode(0o775)).unwrap();
    place.merge("");
    let mode = fs::metadata(place.path("ws/README"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o775);
}
