//! One Task with everything a Pod can carry, run by the real OpenCode in a real sandbox: contexts of every type, a
//! skill, a plugin, an MCP server, a file credential and one in the environment. What reached the agent is proved by
//! what the scripted model was told.

mod files;

use koc_model::{Options, RunningModel, ScriptedModel};
use serde_json::Value;

use self::files::{Files, MCP_SERVER, PLUGIN};
use crate::machine::{Machine, opencode};
use crate::registry::Registry;

fn manifest(model: &RunningModel, files: &Files, registry: &Registry) -> String {
    include_str!("everything/manifest.yaml")
        .replace("$MODEL", &model.base_url())
        .replace("$FILES", &files.url())
        .replace("$REGISTRY", &registry.url())
        .replace("$MCP_SERVER", &indented(MCP_SERVER))
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n        ")
}

#[test]
fn the_agent_sees_its_contexts_skill_plugin_mcp_server_and_credentials() {
    let machine = Machine::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    let (model, files, registry) = runtime.block_on(async {
        let model = ScriptedModel::start(Options::default()).await.unwrap();
        let files = Files::start(machine.path("served")).await;
        (model, files, Registry::start().await)
    });
    files.write("url-rules.txt", "the URL context\n");
    files.repository(
        "rules.git",
        &[("docs/rules.md", "the Git context\n"), ("README.md", "whole\n")],
    );
    files.repository(
        "skills.git",
        &[(
            "review/SKILL.md",
            "---\nname: review\ndescription: How this team reviews\n---\nthe skill's body\n",
        )],
    );
    registry.publish_with("witness", "1.0.0", r#""type": "module""#, PLUGIN);
    let path = machine.write("everything.yaml", &manifest(&model, &files, &registry));
    let output = machine
        .command(&["run", "--keep"])
        .arg(&path)
        .env("KUBEOPENCODE_OPENCODE", opencode())
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");

    let requests = model.requests();
    let bodies: Vec<String> = requests
        .iter()
        .map(|r| serde_json::to_string(&r.request).unwrap())
        .collect();
    let last = bodies.iter().max_by_key(|body| body.len()).unwrap();
    for (what, part) in [
        ("a Text context in context.md", "the Text context"),
        ("a ConfigMap's key in context.md", "the ConfigMap context"),
        ("the Runtime context", "TASK_NAMESPACE"),
        ("a mounted Text context", "the mounted context"),
        ("a whole ConfigMap as a directory", "a directory's file"),
        ("a Git context's file", "the Git context"),
        ("a URL context", "the URL context"),
        ("the skill's name in the system prompt", "How this team reviews"),
        ("the skill's body by the skill tool", "the skill's body"),
        ("the MCP server's answer", "ticket 7 is open"),
        ("what the plugin wrote", "the plugin ran"),
        ("a credential of the environment", "env-ok"),
        ("a credential's file", "file-ok"),
        ("a file outside the workspace", "outside-ok"),
    ] {
        assert!(
            last.contains(part),
            "{what} ({part:?}) did not reach the model:\n{last}\n{stdout}\n{stderr}"
        );
    }
    let told = format!("{stdout}{stderr}");
    for secret in ["env-hunter2hunter2", "file-hunter2hunter2"] {
        assert!(!told.contains(secret), "a secret is told: {told}");
    }
    let tools: Value = serde_json::from_str(last).unwrap();
    assert!(
        tools["tools"].to_string().contains("tickets_lookup"),
        "the MCP server's tool is offered"
    );
    drop(model);
    machine.wait_until_no_process_is_left();
}
