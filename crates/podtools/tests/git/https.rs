//! Clones by HTTPS.

use std::os::unix::fs::PermissionsExt;

use crate::stage::{Https, commit_of};

#[tokio::test]
async fn a_branch_a_tag_a_commit_and_head_are_checked_out() {
    let https = Https::new().await;
    let source = https.source();
    let first = commit_of(&source, "main~2");
    for (reference, file, head) in [
        ("", "three", "main"),
        ("HEAD", "three", "main"),
        ("main", "three", "main"),
        ("dev", "dev", "dev"),
        ("refs/heads/dev", "dev", "dev"),
        ("v1", "one", "HEAD"),
        ("light", "two", "HEAD"),
        ("refs/tags/v1", "one", "HEAD"),
        (first.as_str(), "one", "HEAD"),
        (first.to_uppercase().as_str(), "one", "HEAD"),
    ] {
        let mut stage = https.stage();
        stage.set("GIT_REF", reference);
        let log = stage.clone().await;
        assert_eq!(stage.read("file").as_deref(), Some(file), "{reference}: {log}");
        assert_eq!(
            stage.git(&["rev-parse", "--abbrev-ref", "HEAD"]),
            head,
            "{reference}"
        );
        assert_eq!(stage.git(&["status", "--porcelain"]), "", "{reference}");
        assert_eq!(stage.git(&["rev-list", "--count", "HEAD"]), "1", "{reference}");
        assert!(log.lines().all(|line| line.starts_with("git-init: ")), "{log}");
        if head != "HEAD" {
            assert_eq!(
                stage.git(&["rev-parse", "--abbrev-ref", "@{upstream}"]),
                format!("origin/{head}")
            );
        }
    }
}

#[tokio::test]
async fn depth_says_how_much_history_comes() {
    let https = Https::new().await;
    let source = https.source();
    let main = commit_of(&source, "main");
    for (reference, depth, expected) in [
        ("main", "1", "1"),
        ("main", "2", "2"),
        ("main", "0", "3"),
        ("main", "99", "3"),
        (main.as_str(), "2", "2"),
        (main.as_str(), "0", "3"),
        ("light", "0", "2"),
    ] {
        let mut stage = https.stage();
        stage.set("GIT_REF", reference).set("GIT_DEPTH", depth);
        stage.clone().await;
        assert_eq!(
            stage.git(&["rev-list", "--count", "HEAD"]),
            expected,
            "{reference} {depth}"
        );
    }
}

#[tokio::test]
async fn a_password_and_a_token_alone_open_what_is_locked() {
    let https = Https::new().await;
    https.source();
    for (user, password, given) in [
        ("me", "p:ä @/%\"'$x", "me"),
        ("x-access-token", "hunter2-token", ""),
    ] {
        https.lock(user, password);
        let mut stage = https.stage();
        stage
            .set("GIT_USERNAME", given)
            .set("GIT_PASSWORD", &format!("{password}\n"));
        stage.clone().await;
        assert_eq!(stage.read("file").as_deref(), Some("three"));
    }
}

#[tokio::test]
async fn the_group_may_change_the_clone_and_others_may_not() {
    let https = Https::new().await;
    let source = https.source();
    std::fs::set_permissions(source.path().join("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    source.commit(&[]).unwrap();
    let stage = https.stage();
    stage.clone().await;
    let mode = |name: &str| {
        let path = stage.path("git/repo").join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(
        (mode("file"), mode("run.sh"), mode("docs")),
        (0o664, 0o775, 0o775)
    );
    let mut open = vec![stage.path("git")];
    while let Some(path) = open.pop() {
        let metadata = path.symlink_metadata().unwrap();
        let mode = metadata.permissions().mode();
        assert_eq!(mode & 0o002, 0, "{} is world-writable", path.display());
        if path.starts_with(stage.path("git/repo")) {
            assert_eq!(
                (mode >> 3) & 0o7,
                (mode >> 6) & 0o7,
                "{}: {mode:o}",
                path.display()
            );
        }
        if metadata.is_dir() {
            open.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
}

#[tokio::test]
async fn the_workers_git_trusts_the_clone_where_it_is_mounted() {
    let https = Https::new().await;
    https.source();
    let mut stage = https.stage();
    std::fs::write(stage.path("home/.gitconfig"), "[user]\n\tname = somebody\n").unwrap();
    stage.set("GIT_SAFE_DIRECTORIES", r#"["/workspace/rules"]"#);
    stage.clone().await;
    let trusted = stage.git(&["config", "--global", "--includes", "--get-all", "safe.directory"]);
    let clone = stage.path("git/repo");
    for expected in [clone.to_str().unwrap(), "/workspace/rules"] {
        assert!(trusted.lines().any(|line| line == expected), "{trusted}");
    }
    assert_eq!(
        stage.git(&["config", "--global", "--includes", "user.name"]),
        "somebody"
    );
}

#[tokio::test]
async fn what_is_configured_for_git_elsewhere_has_no_influence() {
    let https = Https::new().await;
    https.source();
    let mut stage = https.stage();
    let hooks = stage.path("hooks");
    let mark = stage.path("mark");
    std::fs::create_dir(&hooks).unwrap();
    for hook in ["post-checkout", "reference-transaction", "post-index-change"] {
        let path = hooks.join(hook);
        std::fs::write(&path, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let configuration = format!(
        "[core]\n\thooksPath = {hooks}\n\tfsmonitor = {hooks}/post-checkout\n[init]\n\ttemplateDir = {hooks}\n\
         [url \"file:///\"]\n\tinsteadOf = https://\n",
        hooks = hooks.display()
    );
    std::fs::write(stage.path("home/.gitconfig"), &configuration).unwrap();
    let path = stage.path("home/.gitconfig").to_str().unwrap().to_owned();
    stage
        .set("GIT_CONFIG_GLOBAL", &path)
        .set("GIT_CONFIG_SYSTEM", &path);
    stage
        .set("GIT_TEMPLATE_DIR", hooks.to_str().unwrap())
        .set("GIT_DIR", "/nowhere");
    stage.clone().await;
    assert!(!mark.exists(), "a hook was run");
    assert!(!stage.path("git/repo/.git/hooks").exists());
}
