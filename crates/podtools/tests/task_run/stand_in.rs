//! Shell scripts in place of OpenCode: how it can fail to start. These need no OpenCode program.

use std::{os::unix::fs::PermissionsExt, path::Path};

use rustix::process::Signal;

use crate::stage::Stage;

/// A stage whose OpenCode is this shell script.
fn stage(script: &str) -> Stage {
    let mut stage = Stage::new(Path::new("/"));
    let program = stage.path("opencode");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    stage.set("OPENCODE_PROGRAM", program.to_str().unwrap());
    stage.prompt("do it");
    stage
}

#[tokio::test]
async fn an_opencode_that_crashes_at_start_is_reported_with_its_last_words() {
    let ended = stage("echo starting; echo 'Error: no database' >&2; exit 3")
        .run()
        .await;
    ended
        .check(1, "OpenCodeNotStarted", "Error: no database")
        .says("■ OpenCodeNotStarted");
    assert_eq!(ended.result.exit_code, Some(3));
}

#[tokio::test]
async fn an_opencode_that_is_never_ready_is_given_up() {
    let mut stage = stage("echo thinking; sleep 86400 & exec sleep 86400");
    stage.set("TASK_START_TIMEOUT_SECONDS", "1");
    stage
        .run()
        .await
        .check(1, "OpenCodeNotStarted", "It printed: thinking");
}

#[tokio::test]
async fn an_opencode_that_prints_without_end_costs_no_memory_and_no_log() {
    let mut stage = stage("yes 'a long line of output that says nothing' | head -c 100000000; exit 7");
    stage.set("TASK_START_TIMEOUT_SECONDS", "60");
    let ended = stage.run().await;
    ended.check(1, "OpenCodeNotStarted", "a long line of output");
    assert!(ended.log.len() < 10_000);
}

#[tokio::test]
async fn a_stop_during_the_start_ends_everything() {
    // Neither the shell nor its child reacts to SIGTERM, and the child has left the process group.
    let stage = stage(
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 86400 & wait' & echo up; sleep 86400; sleep 86400",
    );
    let running = stage.start();
    crate::stage::until("the child runs", || {
        stage.processes().iter().any(|command| command.contains("sleep"))
    })
    .await;
    running.signal(Signal::TERM);
    stage.end(running).await.check(143, "Stopped", "SIGTERM");
}

#[tokio::test]
async fn a_second_kind_of_stop_has_its_own_exit_code() {
    let stage = stage("exec sleep 86400");
    let running = stage.start();
    crate::stage::until("it runs", || {
        stage.processes().iter().any(|command| command.contains("sleep"))
    })
    .await;
    running.signal(Signal::INT);
    stage.end(running).await.check(130, "Stopped", "SIGINT");
}

#[tokio::test]
async fn input_that_cannot_be_run_is_refused_before_anything_starts() {
    let stage = stage("touch \"$HOME/started\"");
    stage.prompt("  \n");
    stage.run().await.check(1, "InvalidInput", "is empty");
    std::fs::remove_file(stage.path("workspace/task.md")).unwrap();
    stage.run().await.check(1, "InvalidInput", "does not exist");
    assert!(!stage.path("home/started").exists());
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let mut stage = stage("");
    stage.set("OPENCODE_PROGRAM", "/does/not/exist/opencode");
    stage
        .run()
        .await
        .check(1, "OpenCodeNotStarted", "/does/not/exist/opencode");
}

#[tokio::test]
async fn last_words_tell_no_secret_and_cannot_rewrite_a_terminal() {
    let mut stage = stage("printf 'key %s is wrong \\033[2J\\n' \"$ANTHROPIC_API_KEY\"; exit 1");
    stage.set("ANTHROPIC_API_KEY", "sk-ant-hunter2hunter2");
    let ended = stage.run().await;
    ended.check(1, "OpenCodeNotStarted", "key [secret] is wrong");
    assert!(!ended.message.contains("hunter2") && !ended.log.contains("hunter2"));
    assert!(!ended.message.contains('\u{1b}') && !ended.log.contains('\u{1b}'));
}

#[tokio::test]
async fn a_log_that_nobody_reads_does_not_stop_the_run() {
    let stage = stage("exit 3");
    assert_eq!(stage.start().wait_without_reading().await, Some(1));
    assert!(stage.path("termination-log").exists());
}
