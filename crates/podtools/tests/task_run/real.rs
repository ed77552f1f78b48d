//! The real OpenCode with the scripted model. Skipped, and loudly so, where there is no OpenCode program.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use koc_model::{Options, RunningModel, ScriptedModel};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::stage::{Stage, until};

/// OpenCode takes half a gigabyte and both cores of a small machine, so one runs at a time.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// `$OPENCODE_BIN`, the `PATH`, or the product's own cache.
fn opencode() -> Option<PathBuf> {
    let told = std::env::var_os("OPENCODE_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join("opencode"));
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let versions = std::fs::read_dir(cache.join("kubeopencode/opencode"))
        .into_iter()
        .flatten()
        .flatten();
    let cached = versions.map(|version| version.path().join("opencode"));
    told.into_iter()
        .chain(on_path)
        .chain(cached)
        .find(|program| program.is_file())
}

/// Says so where the test runner does not catch it: a test that did nothing must not look like one that passed.
fn skipped(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}.");
}

struct Theatre {
    stage: Stage,
    model: RunningModel,
    config: Value,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

/// A stage with the real OpenCode and a model, or `None` with a loud line where there is none.
async fn theatre(test: &str) -> Option<Theatre> {
    let Some(program) = opencode() else {
        skipped(
            test,
            "there is no OpenCode program. Run `npm install opencode-ai` somewhere and set OPENCODE_BIN to the file \
             `opencode` of its platform package, or put it on the PATH",
        );
        return None;
    };
    let alone = ONE_AT_A_TIME.lock().await;
    let model = ScriptedModel::start(Options::default()).await.unwrap();
    let limit = json!({"context": 20_000_000, "output": 8192});
    let config = json!({
        "model": "demo/scripted-demo", "small_model": "demo/scripted-demo", "enabled_providers": ["demo"],
        "share": "disabled", "autoupdate": false,
        "provider": {"demo": {
            "npm": "@ai-sdk/openai-compatible", "name": "Scripted demo model",
            "options": {"baseURL": model.base_url(), "apiKey": "sk-demo-hunter2hunter2"},
            "models": {"scripted-demo": {"name": "Demo", "limit": limit, "cost": {"input": 1, "output": 2}}},
        }},
    });
    let mut stage = Stage::new(Path::new(&program));
    let path = stage.path("opencode.json");
    stage.set("OPENCODE_CONFIG", path.to_str().unwrap());
    stage.set("OPENCODE_PERMISSION", r#"{"*":"allow"}"#);
    let theatre = Theatre {
        stage,
        model,
        config,
        _alone: alone,
    };
    theatre.save();
    Some(theatre)
}

impl Theatre {
    fn save(&self) {
        std::fs::write(self.stage.path("opencode.json"), self.config.to_string()).unwrap();
    }
}

#[tokio::test]
async fn the_demo_uses_tools_and_completes() {
    let Some(theatre) = theatre("the_demo_uses_tools_and_completes").await else {
        return;
    };
    theatre.stage.prompt("Say hello, please.\n");
    let ended = theatre.stage.run().await;
    ended.check(0, "Completed", "finished its turn.");
    for line in [
        "→ write: ",
        "→ bash: ls -l",
        "✓ bash",
        "scripted demo model",
        "● model demo/scripted-demo",
        "■ Completed",
    ] {
        ended.says(line);
    }
    let result = &ended.result;
    assert_eq!(
        result.session_title.as_deref(),
        Some("kubeopencode/ns/task/01234567")
    );
    assert!(
        result
            .session_id
            .as_deref()
            .is_some_and(|id| id.starts_with("ses_"))
    );
    assert!(
        result.tokens.input > 1000 && result.tokens.output > 0 && result.cost != "0.000000",
        "{result:?}"
    );
    assert_eq!(
        (result.files_changed, result.message_count, result.retries),
        (1, 4, 0),
        "{result:?}"
    );
    let written = std::fs::read_to_string(theatre.stage.path("workspace/hello-from-opencode.md")).unwrap();
    assert!(written.contains("> Say hello, please."), "{written}");
    // No request for a title was made, and nothing was installed into the configuration directory.
    assert_eq!(theatre.model.requests().len(), 3);
    let modules = theatre.stage.path("home/.config/opencode/node_modules");
    assert_eq!(std::fs::read_dir(modules).unwrap().count(), 0);
}

#[tokio::test]
async fn changes_in_a_git_work_tree_are_counted_whoever_made_them() {
    let Some(theatre) = theatre("changes_in_a_git_work_tree_are_counted_whoever_made_them").await else {
        return;
    };
    theatre
        .stage
        .prompt("@@bash printf 'one\\ntwo\\n' > made-by-a-program.txt\n@@say done");
    let workspace = theatre.stage.path("workspace");
    let git = std::process::Command::new("git")
        .args(["init", "-q"])
        .current_dir(workspace)
        .status();
    if !git.is_ok_and(|status| status.success()) {
        skipped(
            "changes_in_a_git_work_tree_are_counted_whoever_made_them",
            "there is no git",
        );
        return;
    }
    let ended = theatre.stage.run().await;
    ended.check(0, "Completed", "");
    assert!(
        ended.result.files_changed >= 1 && ended.result.additions >= 2,
        "{}",
        ended.message
    );
}

#[tokio::test]
async fn a_refused_key_fails_the_run_at_once() {
    let Some(theatre) = theatre("a_refused_key_fails_the_run_at_once").await else {
        return;
    };
    theatre
        .stage
        .prompt("@@error 401 wrong key sk-demo-hunter2hunter2");
    let ended = theatre.stage.run().await;
    ended.check(
        1,
        "ProviderError",
        "refused the credentials with status 401: wrong key [secret]",
    );
    assert!(
        !ended.log.contains("hunter2") && !ended.message.contains("hunter2"),
        "{}",
        ended.log
    );
    assert_eq!(ended.result.retries, 0);
}

#[tokio::test]
async fn retries_are_visible_and_survived() {
    let Some(theatre) = theatre("retries_are_visible_and_survived").await else {
        return;
    };
    theatre
        .stage
        .prompt("@@error 429 times=2 retry-after-ms=50 slow down\n@@say through at last");
    let ended = theatre.stage.run().await;
    ended.check(0, "Completed", "asked again 2 times");
    ended
        .says("⟳ the provider said: slow down (try 2 in")
        .says("(try 3 in")
        .says("through at last");
    assert_eq!(ended.result.retries, 2);
}

#[tokio::test]
async fn retries_without_success_are_exhausted() {
    let Some(theatre) = theatre("retries_without_success_are_exhausted").await else {
        return;
    };
    theatre.stage.prompt("@@error 503 retry-after-ms=20 out of order");
    theatre.stage.run().await.check(
        1,
        "RetriesExhausted",
        "with status 503 after 5 retries: out of order",
    );
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_told_and_in_the_end_given_up() {
    let Some(theatre) = theatre("a_stream_that_breaks_off_is_told_and_in_the_end_given_up").await else {
        return;
    };
    theatre.stage.prompt("@@cut half of it\n@@say the whole");
    let ended = theatre.stage.run().await;
    ended
        .check(0, "Completed", "stream broke off once")
        .says("broke off without a finish reason")
        .says("the whole");
    theatre.stage.prompt(&"@@cut half of it\n".repeat(50));
    theatre
        .stage
        .run()
        .await
        .check(1, "StreamBroken", "5 times in a row");
    // OpenCode itself would have gone on for ever.
    assert!(
        theatre.model.requests().len() < 20,
        "{}",
        theatre.model.requests().len()
    );
}

#[tokio::test]
async fn a_stop_ends_the_session_and_every_process() {
    let Some(theatre) = theatre("a_stop_ends_the_session_and_every_process").await else {
        return;
    };
    theatre.stage.prompt(
        "@@bash setsid sleep 86400 >/dev/null 2>&1 & sleep 86401 >/dev/null 2>&1 & echo started\n@@hang",
    );
    let mut running = theatre.stage.start();
    running.until("✓ bash").await;
    until("the model hangs", || theatre.model.requests().len() == 2).await;
    assert!(theatre.stage.pid_of("sleep 86400").is_some() && theatre.stage.pid_of("sleep 86401").is_some());
    running.signal(Signal::TERM);
    let ended = theatre.stage.end(running).await;
    ended.check(143, "Stopped", "SIGTERM");
    assert!(
        ended.result.session_id.is_some() && ended.result.tokens.input > 0,
        "{}",
        ended.message
    );
}

#[tokio::test]
async fn a_program_left_by_a_tool_does_not_outlive_a_good_run() {
    let Some(theatre) = theatre("a_program_left_by_a_tool_does_not_outlive_a_good_run").await else {
        return;
    };
    theatre
        .stage
        .prompt("@@bash setsid sleep 86400 >/dev/null 2>&1 & echo left\n@@say done");
    theatre.stage.run().await.check(0, "Completed", "");
}

#[tokio::test]
async fn a_prompt_of_any_kind_arrives_unchanged() {
    let Some(theatre) = theatre("a_prompt_of_any_kind_arrives_unchanged").await else {
        return;
    };
    let filler = "-- a line with \"quotes\", $(reboot), `x`, ü and \\ \n".repeat(400);
    let large = format!(
        "--version\n@@say understood\n{}\n\n",
        "0123456789abcde\n".repeat(65_536)
    );
    for prompt in [format!("--help\n@@say understood\n{filler}"), large] {
        theatre.stage.prompt(&prompt);
        let ended = theatre.stage.run().await;
        ended.check(0, "Completed", "").says("understood");
        let seen = theatre.model.requests().last().unwrap().request.prompt();
        assert!(seen == prompt, "{} bytes became {}", prompt.len(), seen.len());
    }
}

#[tokio::test]
async fn a_permission_that_nobody_can_give_is_refused_and_the_model_goes_on() {
    let Some(mut theatre) =
        theatre("a_permission_that_nobody_can_give_is_refused_and_the_model_goes_on").await
    else {
        return;
    };
    theatre.config["permission"] = json!({"bash": {"touch *": "ask"}});
    theatre.save();
    theatre
        .stage
        .variables
        .retain(|(name, _)| name != "OPENCODE_PERMISSION");
    theatre
        .stage
        .prompt("@@bash touch forbidden\n@@say I went without it");
    let ended = theatre.stage.run().await;
    ended.check(
        0,
        "Completed",
        "nobody was there to allow it: bash (touch forbidden)",
    );
    ended
        .says("? OpenCode asks for permission: bash (touch forbidden)")
        .says("I went without it");
    assert!(!theatre.stage.path("workspace/forbidden").exists());
}

#[tokio::test]
async fn large_outputs_stay_small_in_the_log() {
    let Some(theatre) = theatre("large_outputs_stay_small_in_the_log").await else {
        return;
    };
    theatre
        .stage
        .prompt("@@bash yes 0123456789abcdef | head -c 100000000\n@@big 20000000");
    let ended = theatre.stage.run().await;
    ended.check(0, "Completed", "").says("more lines");
    assert!(ended.log.len() < 2_000_000, "{}", ended.log.len());
}

#[tokio::test]
async fn a_killed_opencode_is_a_crash_and_not_a_success() {
    let Some(theatre) = theatre("a_killed_opencode_is_a_crash_and_not_a_success").await else {
        return;
    };
    theatre.stage.prompt("@@bash echo one\n@@hang");
    let mut running = theatre.stage.start();
    running.until("✓ bash").await;
    kill_process(theatre.stage.pid_of("opencode serve").unwrap(), Signal::KILL).unwrap();
    let ended = theatre.stage.end(running).await;
    ended.check(1, "OpenCodeCrashed", "SIGKILL");
    assert_eq!(ended.result.exit_code, Some(137));
    assert!(ended.result.session_id.is_some());
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up_in_the_end() {
    let Some(mut theatre) = theatre("a_provider_that_never_answers_is_given_up_in_the_end").await else {
        return;
    };
    theatre.stage.set("TASK_NO_PROGRESS_SECONDS", "3");
    theatre.stage.prompt("@@hang");
    theatre
        .stage
        .run()
        .await
        .check(1, "NoProgress", "waiting for the provider");
}

#[tokio::test]
async fn a_wrong_configuration_is_named_and_its_secrets_are_not() {
    let Some(mut theatre) = theatre("a_wrong_configuration_is_named_and_its_secrets_are_not").await else {
        return;
    };
    theatre.stage.prompt("@@say hi");
    theatre.config["model"] = json!("demo/no-such-model");
    theatre.save();
    theatre
        .stage
        .run()
        .await
        .check(1, "InvalidInput", "Model not found: demo/no-such-model");

    std::fs::write(
        theatre.stage.path("opencode.json"),
        "{\"apiKey\": \"sk-demo-hunter2hunter2\", broken",
    )
    .unwrap();
    let ended = theatre.stage.run().await;
    ended.check(1, "InvalidInput", "line 1");
    assert!(
        !ended.log.contains("hunter2") && !ended.message.contains("hunter2"),
        "{}",
        ended.log
    );
}

#[tokio::test]
async fn a_model_that_says_nothing_has_not_completed() {
    let Some(theatre) = theatre("a_model_that_says_nothing_has_not_completed").await else {
        return;
    };
    theatre.stage.prompt("@@say");
    theatre
        .stage
        .run()
        .await
        .check(1, "ProviderError", "answered nothing at all");
    theatre.stage.prompt("@@finish length half an ans");
    theatre
        .stage
        .run()
        .await
        .check(1, "ProviderError", "output limit");
}
