//! A second `git-init` in the same volume.

use std::os::unix::fs::PermissionsExt;

use crate::stage::{Https, Stage};

const REFUSED: i32 = 14;

#[tokio::test]
async fn a_clone_that_is_there_is_brought_up_to_date() {
    let https = Https::new().await;
    let source = https.source();
    let stage = https.stage();
    stage.clone().await;
    let log = stage.clone().await;
    assert!(log.contains("it is up to date"), "{log}");
    std::fs::write(stage.path("git/repo/note"), "untracked").unwrap();
    source.commit(&[("file", "four"), ("new/file", "n")]).unwrap();
    let log = stage.clone().await;
    assert!(log.contains("updated from"), "{log}");
    assert_eq!(stage.read("file").as_deref(), Some("four"));
    assert_eq!(stage.read("new/file").as_deref(), Some("n"));
    assert_eq!(stage.read("note").as_deref(), Some("untracked"));
    assert_eq!(stage.git(&["status", "--porcelain"]), "?? note");
    assert_eq!(
        stage.git(&["rev-parse", "HEAD"]),
        stage.git(&["rev-parse", "origin/main"])
    );
}

#[tokio::test]
async fn another_reference_is_checked_out_in_the_clone_that_is_there() {
    let https = Https::new().await;
    https.source();
    let mut stage = https.stage();
    for (reference, file, head) in [
        ("main", "three", "main"),
        ("dev", "dev", "dev"),
        ("v1", "one", "HEAD"),
        ("main", "three", "main"),
    ] {
        stage.set("GIT_REF", reference);
        stage.clone().await;
        assert_eq!(stage.read("file").as_deref(), Some(file), "{reference}");
        assert_eq!(
            stage.git(&["rev-parse", "--abbrev-ref", "HEAD"]),
            head,
            "{reference}"
        );
        assert_eq!(stage.git(&["status", "--porcelain"]), "", "{reference}");
    }
}

#[tokio::test]
async fn changes_of_the_agent_are_never_overwritten() {
    let https = Https::new().await;
    let source = https.source();
    let stage = https.stage();
    stage.clone().await;
    std::fs::write(stage.path("git/repo/docs/guide.md"), "mine").unwrap();
    source.commit(&[("file", "four")]).unwrap();
    let log = stage.clone().await;
    assert!(
        log.contains("it has local changes in 1 file, \"docs/guide.md\" for one"),
        "{log}"
    );
    assert_eq!(stage.read("docs/guide.md").as_deref(), Some("mine"));
    assert_eq!(stage.read("file").as_deref(), Some("three"));
    // A commit of its own is as good a reason.
    stage.git(&["commit", "-qam", "mine"]);
    let log = stage.clone().await;
    assert!(log.contains("commits of its own"), "{log}");
    assert_eq!(stage.read("docs/guide.md").as_deref(), Some("mine"));
    // Untracked files that would be overwritten, too.
    let stage = https.stage();
    stage.clone().await;
    std::fs::write(stage.path("git/repo/five"), "mine").unwrap();
    source.commit(&[("five", "theirs")]).unwrap();
    let log = stage.clone().await;
    assert!(log.contains("left as it is"), "{log}");
    assert_eq!(stage.read("five").as_deref(), Some("mine"));
    // And work on another branch.
    std::fs::remove_file(stage.path("git/repo/five")).unwrap();
    stage.git(&["checkout", "-q", "-b", "work"]);
    let log = stage.clone().await;
    assert!(log.contains("branch \"work\" checked out"), "{log}");
}

#[tokio::test]
async fn what_the_agent_configures_in_its_clone_is_not_executed() {
    let https = Https::new().await;
    let source = https.source();
    let stage = https.stage();
    stage.clone().await;
    let mark = stage.path("mark");
    let program = stage.path("evil");
    std::fs::write(
        &program,
        format!("#!/bin/sh\necho \"$0 $*\" >> {}\ncat\n", mark.display()),
    )
    .unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let evil = program.to_str().unwrap();
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "core.alternateRefsCommand",
        "credential.helper",
        "filter.evil.clean",
        "filter.evil.smudge",
        "diff.external",
        "remote.origin.uploadpack",
    ] {
        stage.git(&["config", key, evil]);
    }
    stage.git(&["config", "filter.evil.required", "true"]);
    stage.git(&["config", "remote.origin.promisor", "true"]);
    stage.git(&["config", "extensions.partialClone", "origin"]);
    stage.git(&["config", "core.hooksPath", stage.path("hooks").to_str().unwrap()]);
    std::fs::create_dir(stage.path("hooks")).unwrap();
    for hook in [
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "pre-auto-gc",
    ] {
        std::fs::copy(&program, stage.path("hooks").join(hook)).unwrap();
    }
    let _ = std::fs::remove_file(&mark);
    source
        .commit(&[
            ("file", "four"),
            (".gitattributes", "* filter=evil\n"),
            ("filtered", "f"),
        ])
        .unwrap();
    let log = stage.clone().await;
    assert!(log.contains("updated from"), "{log}");
    assert_eq!(stage.read("filtered").as_deref(), Some("f"));
    assert!(
        !mark.exists(),
        "{}",
        std::fs::read_to_string(&mark).unwrap_or_default()
    );
}

#[tokio::test]
async fn a_clone_asked_for_differently_is_replaced_only_when_nobody_worked_in_it() {
    let https = Https::new().await;
    https.source();
    let other = https.sources.create("other.git").unwrap();
    other.commit(&[("other", "o")]).unwrap();
    let mut stage = https.stage();
    stage.clone().await;
    stage.set("GIT_DEPTH", "0");
    stage.clone().await;
    assert_eq!(stage.git(&["rev-list", "--count", "HEAD"]), "3");
    stage.set("GIT_REPO", &https.server.url("other.git"));
    stage.clone().await;
    assert_eq!(
        (stage.read("file"), stage.read("other").as_deref()),
        (None, Some("o"))
    );
    std::fs::write(stage.path("git/repo/mine"), "").unwrap();
    stage.set("GIT_REPO", &https.server.url("x.git"));
    let message = stage.refusal(REFUSED).await;
    assert!(message.contains("changes that would be lost"), "{message}");
    assert!(stage.path("git/repo/mine").exists());
}

#[tokio::test]
async fn something_foreign_in_place_of_the_clone_is_not_touched() {
    let https = Https::new().await;
    https.source();
    let stage: Stage = https.stage();
    std::fs::create_dir(stage.path("git/repo")).unwrap();
    // What the kubelet makes for a mount.
    stage.clone().await;
    let stage = https.stage();
    std::fs::create_dir_all(stage.path("git/repo/.git")).unwrap();
    std::fs::write(stage.path("git/repo/precious"), "p").unwrap();
    let message = stage.refusal(REFUSED).await;
    assert!(message.contains("has not put there"), "{message}");
    assert_eq!(stage.read("precious").as_deref(), Some("p"));
}

#[tokio::test]
async fn a_change_of_files_that_was_cut_off_is_completed() {
    let https = Https::new().await;
    let source = https.source();
    let stage = https.stage();
    stage.clone().await;
    let address = format!("file://{}", source.path().display());
    let next = source
        .commit(&[("file", "four"), ("docs/guide.md", "new guide")])
        .unwrap();
    // As a kill would leave it: the objects are there, one file is changed, and the record says where to.
    stage.git(&["fetch", "-q", "--depth=1", &address, "main"]);
    std::fs::write(stage.path("git/repo/file"), "four").unwrap();
    let path = stage.path("git/.kubeopencode/repo/clone.json");
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    record["movingTo"] = next.clone().into();
    std::fs::write(&path, record.to_string()).unwrap();
    // A git that is killed does not remove its locks either.
    std::fs::write(stage.path("git/repo/.git/index.lock"), "").unwrap();
    let log = stage.clone().await;
    assert!(log.contains("completing the change"), "{log}");
    assert_eq!(stage.read("docs/guide.md").as_deref(), Some("new guide"));
    assert_eq!(stage.git(&["status", "--porcelain"]), "");
    assert_eq!(stage.git(&["rev-parse", "HEAD"]), next);
    // The same with a file that is neither as it was nor as it should be.
    let later = source
        .commit(&[("file", "five"), ("docs/guide.md", "newer guide")])
        .unwrap();
    stage.git(&["fetch", "-q", "--depth=1", &address, "main"]);
    std::fs::write(stage.path("git/repo/file"), "mine").unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    record["movingTo"] = later.into();
    std::fs::write(&path, record.to_string()).unwrap();
    stage.clone().await;
    assert_eq!(stage.read("file").as_deref(), Some("mine"));
    assert_eq!(stage.git(&["rev-parse", "HEAD"]), next);
}

#[tokio::test]
async fn a_clone_that_the_agent_has_bent_is_not_used() {
    let https = Https::new().await;
    let source = https.source();
    for name in [
        "objects",
        "refs",
        "index",
        "config",
        "packed-refs",
        "shallow",
        "HEAD",
    ] {
        let stage = https.stage();
        stage.clone().await;
        source.commit(&[]).unwrap();
        let elsewhere = stage.path("elsewhere");
        let bent = stage.path("git/repo/.git").join(name);
        if bent.exists() {
            std::fs::rename(&bent, &elsewhere).unwrap();
        }
        std::os::unix::fs::symlink(&elsewhere, &bent).unwrap();
        let message = stage.refusal(REFUSED).await;
        assert!(message.contains("is not one any more"), "{name}: {message}");
    }
}
