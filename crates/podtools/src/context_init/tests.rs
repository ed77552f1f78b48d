use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use serde_json::{Value, json};

use super::*;

struct Pod {
    root: tempfile::TempDir,
}

impl Pod {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["workspace", "config", "tools", "outside"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        Self { root }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn source(&self, key: &str, content: &str) {
        fs::write(self.path("config").join(key), content).unwrap();
    }

    /// Runs with `$R` in the mappings standing for the pod's root.
    fn run(&self, files: Value, dirs: Value) -> Result<(), String> {
        self.run_all(files, dirs, json!([]))
    }

    fn run_all(&self, files: Value, dirs: Value, empty: Value) -> Result<(), String> {
        let place = |value: Value| {
            value
                .to_string()
                .replace("$R", self.root.path().to_str().unwrap())
        };
        context_init(ContextInitArgs {
            workspace: self.path("workspace"),
            configmap_path: self.path("config"),
            file_mappings: place(files),
            dir_mappings: place(dirs),
            make_directories: place(empty),
            tools: Some(self.path("tools")),
            custom_ca: Some(self.path("ca.crt")).filter(|path| path.exists()),
            copy_self: false,
            shared_program: None,
        })
        .map_err(|error| error.to_string())
    }

    #[track_caller]
    fn has(&self, path: &str, content: &str, mode: u32) {
        let path = self.path(path);
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            mode,
            "{}",
            path.display()
        );
    }

    #[track_caller]
    fn refuses(&self, files: Value, dirs: Value, part: &str) {
        let error = self.run(files, dirs).unwrap_err();
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[test]
fn files_are_written_with_modes_that_any_user_of_the_group_can_work_with() {
    let pod = Pod::new();
    pod.source("workspace-task.md", "do it\n");
    pod.source("secret", "x");
    pod.run(
        json!([
            {"key": "workspace-task.md", "targetPath": "$R/workspace/task.md"},
            {"key": "secret", "targetPath": "$R/workspace/a/./b//secret", "fileMode": 0o400},
            {"key": "secret", "targetPath": "$R/tools/opencode.json"},
            {"key": "secret", "targetPath": "$R/outside/x/y"},
            {"key": "missing", "targetPath": "$R/workspace/missing", "optional": true},
            // Bits beyond permissions are not a file mode's business.
            {"key": "secret", "targetPath": "$R/workspace/suid", "fileMode": 0o4755},
        ]),
        json!([]),
    )
    .unwrap();
    pod.has("workspace/task.md", "do it\n", 0o664);
    pod.has("workspace/a/b/secret", "x", 0o400);
    pod.has("tools/opencode.json", "x", 0o664);
    pod.has("outside/x/y", "x", 0o664);
    pod.has("workspace/suid", "x", 0o755);
    assert!(!pod.path("workspace/missing").exists());
    assert_eq!(
        fs::metadata(pod.path("workspace/a/b"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o775
    );
}

#[test]
fn nothing_that_was_there_before_is_changed() {
    let pod = Pod::new();
    pod.source("k", "new");
    fs::write(pod.path("workspace/mine"), "mine").unwrap();
    fs::set_permissions(pod.path("workspace/mine"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(pod.path("workspace"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(pod.path("workspace/old"), "old").unwrap();
    pod.run(json!([{"key": "k", "targetPath": "$R/workspace/old"}]), json!([]))
        .unwrap();
    pod.has("workspace/mine", "mine", 0o600);
    pod.has("workspace/old", "new", 0o664);
    assert_eq!(
        fs::metadata(pod.path("workspace")).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn a_missing_required_item_is_fatal_and_named() {
    let pod = Pod::new();
    let file = json!([{"key": "workspace-task.md", "targetPath": "$R/workspace/task.md"}]);
    pod.refuses(file.clone(), json!([]), "has no key \"workspace-task.md\"");
    pod.refuses(file, json!([]), "workspace/task.md");
    pod.refuses(
        json!([]),
        json!([{"sourcePath": "$R/nope", "targetPath": "$R/workspace/d"}]),
        "nope",
    );
    let optional = json!([{"sourcePath": "$R/nope", "targetPath": "$R/workspace/d", "optional": true}]);
    pod.run(json!([]), optional).unwrap();
}

#[test]
fn a_target_cannot_leave_its_place() {
    let pod = Pod::new();
    pod.source("k", "x");
    for (target, part) in [
        ("relative/path", "not absolute"),
        ("$R/workspace/../outside/x", "\"..\""),
        ("/", "root directory"),
        ("/proc/self/environ", "kernel"),
        ("/dev/null", "kernel"),
        ("$R/workspace", "is a directory"),
        ("$R/tools", "is a directory"),
    ] {
        pod.refuses(json!([{"key": "k", "targetPath": target}]), json!([]), part);
    }
    for key in ["", ".", "..", "..data", "../k", "a/b"] {
        pod.refuses(
            json!([{"key": key, "targetPath": "$R/workspace/x"}]),
            json!([]),
            "not a file name",
        );
    }
}

#[test]
fn programs_cannot_be_overwritten() {
    let pod = Pod::new();
    pod.source("k", "#!/bin/sh\nevil");
    fs::create_dir(pod.path("data")).unwrap();
    for target in [
        "$R/tools/opencode",
        "$R/tools/kubeopencode",
        "$R/tools/x.json/y",
        "$R/tools/sub/x.json",
    ] {
        pod.refuses(
            json!([{"key": "k", "targetPath": target}]),
            json!([]),
            "only .json files",
        );
    }
    for target in ["$R/tools", "$R/tools/sub", "$R"] {
        pod.refuses(
            json!([]),
            json!([{"sourcePath": "$R/data", "targetPath": target}]),
            "is for programs",
        );
    }
}

#[test]
fn a_link_elsewhere_cannot_lead_to_the_programs() {
    let pod = Pod::new();
    pod.source("opencode", "evil");
    symlink(pod.path("tools"), pod.path("outside/link")).unwrap();
    pod.refuses(
        json!([{"key": "opencode", "targetPath": "$R/outside/link/opencode"}]),
        json!([]),
        "leads to",
    );
    assert!(!pod.path("tools/opencode").exists());
}

#[test]
fn a_link_cannot_lead_out_of_the_workspace() {
    let pod = Pod::new();
    pod.source("k", "x");
    symlink(pod.path("outside"), pod.path("workspace/link")).unwrap();
    symlink("/does/not/exist", pod.path("workspace/dangling")).unwrap();
    symlink(pod.path("outside/victim"), pod.path("workspace/file")).unwrap();
    fs::create_dir(pod.path("workspace/real")).unwrap();
    symlink("real", pod.path("workspace/inner")).unwrap();
    fs::write(pod.path("outside/victim"), "untouched").unwrap();
    let file = |target: &str| json!([{"key": "k", "targetPath": target}]);
    pod.refuses(file("$R/workspace/link/x"), json!([]), "leads out of");
    pod.refuses(file("$R/workspace/link/new/x"), json!([]), "leads out of");
    pod.refuses(file("$R/workspace/dangling/x"), json!([]), "not a directory");
    // The link itself is replaced; what it pointed to is not written.
    pod.run(file("$R/workspace/file"), json!([])).unwrap();
    pod.has(
        "outside/victim",
        "untouched",
        fs::metadata(pod.path("outside/victim"))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777,
    );
    assert!(
        !fs::symlink_metadata(pod.path("workspace/file"))
            .unwrap()
            .is_symlink()
    );
    // A link that stays inside is the user's own arrangement.
    pod.run(file("$R/workspace/inner/x"), json!([])).unwrap();
    pod.has("workspace/real/x", "x", 0o664);
    assert_eq!(fs::read_dir(pod.path("outside")).unwrap().count(), 1);
}

#[test]
fn a_directory_is_copied_as_kubernetes_mounts_it() {
    let pod = Pod::new();
    let data = pod.path("volume/..2026_01_01");
    fs::create_dir_all(data.join("sub")).unwrap();
    fs::write(data.join("a"), "1").unwrap();
    fs::write(data.join("run.sh"), "2").unwrap();
    fs::set_permissions(data.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(data.join("sub/b"), "3").unwrap();
    symlink("..2026_01_01", pod.path("volume/..data")).unwrap();
    for name in ["a", "run.sh", "sub"] {
        symlink(format!("..data/{name}"), pod.path("volume").join(name)).unwrap();
    }
    let mapping = json!([{"sourcePath": "$R/volume", "targetPath": "$R/workspace/guides"}]);
    pod.run(json!([]), mapping.clone()).unwrap();
    pod.has("workspace/guides/a", "1", 0o664);
    pod.has("workspace/guides/run.sh", "2", 0o775);
    pod.has("workspace/guides/sub/b", "3", 0o664);
    assert!(!pod.path("workspace/guides/..data").exists());

    symlink("/etc/hostname", pod.path("volume/escape")).unwrap();
    pod.refuses(json!([]), mapping, "leads out of its directory");
}

#[test]
fn the_mode_asked_for_is_the_mode_of_every_file_of_a_directory() {
    let pod = Pod::new();
    fs::create_dir(pod.path("volume")).unwrap();
    fs::write(pod.path("volume/a"), "1").unwrap();
    pod.run(
        json!([]),
        json!([{"sourcePath": "$R/volume", "targetPath": "$R/workspace/bin", "fileMode": 0o755}]),
    )
    .unwrap();
    pod.has("workspace/bin/a", "1", 0o755);
}

#[test]
fn a_file_asked_for_by_itself_wins_over_one_of_a_directory() {
    let pod = Pod::new();
    pod.source("k", "mine");
    fs::create_dir(pod.path("volume")).unwrap();
    fs::write(pod.path("volume/a"), "the map's").unwrap();
    pod.run(
        json!([{"key": "k", "targetPath": "$R/workspace/d/a"}]),
        json!([{"sourcePath": "$R/volume", "targetPath": "$R/workspace/d"}]),
    )
    .unwrap();
    pod.has("workspace/d/a", "mine", 0o664);
}

#[test]
fn directories_for_later_mounts_are_made_so_that_the_agent_can_write_beside_them() {
    let pod = Pod::new();
    let make = |list: Value| pod.run_all(json!([]), json!([]), list);
    make(json!(["$R/workspace/repos/deep", "$R/workspace/repos"])).unwrap();
    for path in ["workspace/repos", "workspace/repos/deep"] {
        let mode = fs::metadata(pod.path(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o775, "{path}");
    }
    symlink(pod.path("outside"), pod.path("workspace/link")).unwrap();
    for (list, part) in [
        (json!(["$R/outside/x"]), "outside the workspace"),
        (json!(["$R/workspace/../x"]), "\"..\""),
        (json!(["$R/workspace/link/x"]), "leads out of"),
    ] {
        let error = make(list).unwrap_err();
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    assert!(!pod.path("outside/x").exists());
}

#[test]
fn this_program_is_copied_and_can_be_run() {
    let pod = Pod::new();
    pod.run(json!([]), json!([])).unwrap();
    let copy = pod.path("tools/kubeopencode");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(
        fs::metadata(&copy).unwrap().len(),
        fs::metadata("/proc/self/exe").unwrap().len()
    );
    // Again, as when a pod's init containers run a second time.
    pod.run(json!([]), json!([])).unwrap();
    assert_eq!(fs::read_dir(pod.path("tools")).unwrap().count(), 1);
}

#[test]
fn a_program_that_every_container_sees_is_linked() {
    let pod = Pod::new();
    for _ in 0..2 {
        crate::context_init::self_copy::link_to(std::path::Path::new("/kubeopencode"), &pod.path("tools"))
            .unwrap();
        assert_eq!(
            fs::read_link(pod.path("tools/kubeopencode")).unwrap().to_str(),
            Some("/kubeopencode")
        );
        assert_eq!(fs::read_dir(pod.path("tools")).unwrap().count(), 1);
    }
}

#[test]
fn mappings_that_are_no_json_are_refused() {
    let pod = Pod::new();
    pod.refuses(json!({"key": "k"}), json!([]), "FILE_MAPPINGS");
    pod.refuses(json!([]), json!([{"sourcePath": 7}]), "DIR_MAPPINGS");
}

#[test]
fn custom_authorities_are_added_to_those_of_the_system() {
    let pod = Pod::new();
    let own = "-----BEGIN CERTIFICATE-----\nown\n-----END CERTIFICATE-----";
    fs::write(pod.path("ca.crt"), own).unwrap();
    pod.run(json!([]), json!([])).unwrap();
    let all = fs::read_to_string(pod.path("tools/ca-bundle.crt")).unwrap();
    assert!(all.ends_with(&format!("\n{own}\n")));
    fs::write(pod.path("ca.crt"), "no certificate").unwrap();
    pod.refuses(json!([]), json!([]), "check caBundle");
}
