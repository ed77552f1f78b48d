//! Clones that are copied into the workspace.

use crate::stage::{Https, Stage};

fn stage(https: &Https) -> Stage {
    let mut stage = https.stage();
    let workspace = stage.path("workspace").to_str().unwrap().to_owned();
    stage.set("GIT_WORKSPACE_DIR", &workspace);
    stage
}

fn read(stage: &Stage, name: &str) -> Option<String> {
    std::fs::read_to_string(stage.path("workspace").join(name)).ok()
}

fn git(stage: &Stage, arguments: &[&str]) -> String {
    let workspace = stage.path("workspace");
    let mut all = vec!["-C", workspace.to_str().unwrap()];
    all.extend(arguments);
    stage.git(&all)
}

#[tokio::test]
async fn a_whole_repository_is_a_repository_in_the_workspace_too() {
    let https = Https::new().await;
    https.source();
    let stage = stage(&https);
    std::fs::create_dir_all(stage.path("workspace/.kubeopencode")).unwrap();
    std::fs::write(stage.path("workspace/task.md"), "prompt").unwrap();
    std::fs::write(stage.path("workspace/.kubeopencode/context.md"), "context").unwrap();
    stage.clone().await;
    assert_eq!(read(&stage, "file").as_deref(), Some("three"));
    assert_eq!(read(&stage, "task.md").as_deref(), Some("prompt"));
    assert_eq!(git(&stage, &["rev-parse", "--abbrev-ref", "HEAD"]), "main");
    // Neither the prompt nor the contexts are the repository's business.
    assert_eq!(git(&stage, &["status", "--porcelain"]), "");
    // The work of a run survives the next one.
    std::fs::write(stage.path("workspace/file"), "by the agent").unwrap();
    let log = stage.clone().await;
    assert!(log.contains("was copied to"), "{log}");
    assert_eq!(read(&stage, "file").as_deref(), Some("by the agent"));
}

#[tokio::test]
async fn what_collides_with_the_workspace_is_left_out_and_told() {
    let https = Https::new().await;
    let source = https.source();
    source
        .commit(&[("task.md", "theirs"), (".kubeopencode/context.md", "theirs")])
        .unwrap();
    let stage = stage(&https);
    std::fs::create_dir_all(stage.path("workspace/.kubeopencode")).unwrap();
    std::fs::write(stage.path("workspace/task.md"), "prompt").unwrap();
    std::fs::write(stage.path("workspace/.kubeopencode/context.md"), "context").unwrap();
    let log = stage.clone().await;
    for name in ["task.md", ".kubeopencode/context.md"] {
        assert!(log.contains(&format!("git-init: left out {name}: ")), "{log}");
        assert_ne!(read(&stage, name).as_deref(), Some("theirs"));
    }
}

#[tokio::test]
async fn a_directory_or_a_file_of_it_comes_alone() {
    let https = Https::new().await;
    https.source();
    for path in ["docs", "docs/", "./docs/guide.md"] {
        let mut stage = stage(&https);
        stage.set("GIT_REPO_SUBPATH", path);
        stage.clone().await;
        assert_eq!(read(&stage, "guide.md").as_deref(), Some("guide"), "{path}");
        assert_eq!(read(&stage, "file"), None);
        assert!(!stage.path("workspace/.git").exists());
    }
}

#[tokio::test]
async fn a_path_that_leads_out_of_the_clone_is_refused() {
    let https = Https::new().await;
    let source = https.source();
    std::os::unix::fs::symlink("/etc", source.path().join("out")).unwrap();
    std::os::unix::fs::symlink("../..", source.path().join("docs/up")).unwrap();
    std::os::unix::fs::symlink("docs", source.path().join("in")).unwrap();
    source.commit(&[]).unwrap();
    for (path, code) in [("out", 14), ("out/passwd", 14), ("docs/up", 14), ("nothing", 11)] {
        let mut stage = stage(&https);
        stage.set("GIT_REPO_SUBPATH", path);
        let message = stage.refusal(code).await;
        assert!(message.contains(path), "{message}");
        assert!(!stage.path("workspace").exists());
    }
    let mut stage = stage(&https);
    stage.set("GIT_REPO_SUBPATH", "in/guide.md");
    stage.clone().await;
    assert_eq!(read(&stage, "guide.md").as_deref(), Some("guide"));
}
