//! The script of the first run: write a file, show it, answer.

use serde_json::json;

use crate::{chat::ChatRequest, reply::Reply};

/// The model name under which the demo introduces itself; any other name is served too.
pub const DEMO_MODEL: &str = "scripted-demo";

const FILE: &str = "hello-from-opencode.md";

/// The demo's answer number `step` to this request.
pub(crate) fn reply(request: &ChatRequest, step: usize) -> Reply {
    let file = format!(
        "{}/{FILE}",
        working_directory(&request.system()).trim_end_matches('/')
    );
    // A caller that offers no tools still gets an answer, only a shorter script.
    let script = [
        (
            request.offers("write"),
            Reply::tool("write", json!({"filePath": file, "content": document(request)})),
        ),
        (
            request.offers("bash"),
            Reply::tool(
                "bash",
                json!({
                    "command": format!("ls -l {0} && cat {0}", quoted(&file)),
                    "description": "Shows the file that was just written",
                }),
            ),
        ),
    ];
    let mut possible = script
        .into_iter()
        .filter_map(|(offered, reply)| offered.then_some(reply));
    possible
        .nth(step)
        .unwrap_or_else(|| Reply::text(farewell(&file, request.offers("write"))))
}

fn document(request: &ChatRequest) -> String {
    let prompt = request.prompt();
    let task: Vec<String> = prompt
        .trim()
        .lines()
        .take(20)
        .map(|line| format!("> {line}"))
        .collect();
    format!(
        "# Hello from OpenCode\n\nOpenCode wrote this file with its own `write` tool, inside the pod of a Task.\n\
         The task was:\n\n{}\n",
        task.join("\n")
    )
}

fn farewell(file: &str, wrote: bool) -> String {
    let did = if wrote {
        format!("OpenCode really wrote {file} and showed it with a shell command")
    } else {
        "You offered me no tools, so nothing was done".to_owned()
    };
    format!(
        "I am the scripted demo model of KubeOpenCode: a fixed script, not an AI, and no key was needed. {did}. \
         Point the `model` of the OpenCode configuration at a real provider to get real work done."
    )
}

/// OpenCode tells the model where it works in a line of its system prompt.
fn working_directory(system: &str) -> &str {
    system
        .lines()
        .find_map(|line| line.trim().strip_prefix("Working directory:"))
        .map(str::trim)
        .filter(|directory| directory.starts_with('/'))
        .unwrap_or("/workspace")
}

/// A path inside single quotes for the shell; the directory's name is not ours.
fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_directory_comes_from_the_system_prompt() {
        let check =
            |system: &str, expected: &str| assert_eq!(working_directory(system), expected, "{system}");
        check("<env>\n  Working directory: /w/x y\n  Platform: linux", "/w/x y");
        check("no such line", "/workspace");
        check("Working directory: relative", "/workspace");
    }

    #[test]
    fn a_path_cannot_leave_its_quotes() {
        assert_eq!(quoted("/a'; rm -rf b"), "'/a'\\''; rm -rf b'");
    }
}
