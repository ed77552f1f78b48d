//! How tool calls look in the log, and what they changed.

use koc_opencode::{ToolPart, ToolStatus};
use serde_json::Value;

use crate::task_run::lines::{excerpt, first_line};

const SUMMARY_CHARS: usize = 160;

/// One line on what a tool was asked to do, such as `bash: ls -la`.
pub(super) fn summary(tool: &ToolPart) -> String {
    let input = &tool.state.input;
    // The argument that says most, for the tools that OpenCode brings along.
    let keys = [
        "command",
        "filePath",
        "pattern",
        "path",
        "url",
        "description",
        "name",
        "query",
    ];
    let told = keys.into_iter().find_map(|key| input.get(key)?.as_str());
    let text = match (tool.tool.as_str(), told) {
        ("todowrite", _) => {
            let items = input.get("todos").and_then(Value::as_array).map_or(0, Vec::len);
            format!("{items} items")
        }
        (_, Some(text)) => first_line(text, SUMMARY_CHARS),
        (_, None) if input.as_object().is_none_or(serde_json::Map::is_empty) => String::new(),
        (_, None) => first_line(&input.to_string(), SUMMARY_CHARS),
    };
    if text.is_empty() {
        tool.tool.clone()
    } else {
        format!("{}: {text}", tool.tool)
    }
}

/// The lines on how a tool call ended: what it printed, and whether it worked.
pub(super) fn ending(tool: &ToolPart) -> Vec<String> {
    let name = &tool.tool;
    if tool.state.status == ToolStatus::Error {
        return vec![format!(
            "✗ {name}: {}",
            first_line(&tool.state.error, SUMMARY_CHARS)
        )];
    }
    let mut lines = if shows_output(name) {
        excerpt(&tool.state.output)
    } else {
        Vec::new()
    };
    lines.push(match tool.state.metadata.get("exit").and_then(Value::as_i64) {
        None | Some(0) => format!("✓ {name}"),
        Some(code) => format!("✗ {name}: exit code {code}"),
    });
    lines
}

/// The content of files that were read, and confirmations of what was written, are noise in a log.
fn shows_output(tool: &str) -> bool {
    !matches!(
        tool,
        "read" | "write" | "edit" | "apply_patch" | "todowrite" | "todoread" | "skill"
    )
}

/// What a finished tool call changed, as far as it says: path, lines added, lines deleted.
pub(super) fn change(tool: &ToolPart) -> Option<(String, i64, i64)> {
    if tool.state.status != ToolStatus::Completed || !matches!(tool.tool.as_str(), "write" | "edit") {
        return None;
    }
    let state = &tool.state;
    let number = |pointer: &str| state.metadata.pointer(pointer).and_then(Value::as_i64);
    let path = state.input.get("filePath")?.as_str()?.to_owned();
    let created = state.metadata.get("exists").and_then(Value::as_bool) == Some(false);
    let written = state.input.get("content").and_then(Value::as_str);
    let added = match (number("/filediff/additions"), written) {
        (Some(number), _) => number,
        (None, Some(content)) if created => i64::try_from(content.lines().count()).unwrap_or(i64::MAX),
        _ => 0,
    };
    Some((path, added, number("/filediff/deletions").unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(name: &str, state: Value) -> ToolPart {
        serde_json::from_value(json!({"tool": name, "state": state})).unwrap()
    }

    #[test]
    fn a_call_is_told_in_one_line() {
        let check = |name: &str, input: Value, expected: &str| {
            assert_eq!(summary(&tool(name, json!({"input": input}))), expected);
        };
        check(
            "bash",
            json!({"command": "ls -la\nrm x", "description": "d"}),
            "bash: ls -la …",
        );
        check(
            "write",
            json!({"filePath": "/w/a", "content": "very long"}),
            "write: /w/a",
        );
        check("grep", json!({"pattern": "fn ", "path": "src"}), "grep: fn");
        check("todowrite", json!({"todos": [1, 2]}), "todowrite: 2 items");
        check("mcp_thing", json!({"x": 1}), "mcp_thing: {\"x\":1}");
        check("plan_exit", json!({}), "plan_exit");
        check("odd", json!(null), "odd");
    }

    #[test]
    fn an_ending_shows_output_and_success() {
        let check =
            |name: &str, state: Value, expected: &[&str]| assert_eq!(ending(&tool(name, state)), expected);
        check(
            "bash",
            json!({"status": "completed", "output": "a\nb\n", "metadata": {"exit": 0}}),
            &["    a", "    b", "✓ bash"],
        );
        check(
            "bash",
            json!({"status": "completed", "output": "", "metadata": {"exit": 3}}),
            &["✗ bash: exit code 3"],
        );
        check(
            "read",
            json!({"status": "completed", "output": "secret file"}),
            &["✓ read"],
        );
        check(
            "edit",
            json!({"status": "error", "error": "no such text\nmore"}),
            &["✗ edit: no such text …"],
        );
    }

    #[test]
    fn changes_are_read_from_what_tools_say() {
        let check = |name: &str, state: Value, expected: Option<(&str, i64, i64)>| {
            let expected = expected.map(|(path, added, deleted)| (path.to_owned(), added, deleted));
            assert_eq!(change(&tool(name, state)), expected);
        };
        check(
            "write",
            json!({"status": "completed", "input": {"filePath": "/a", "content": "1\n2"}, "metadata": {"exists": false}}),
            Some(("/a", 2, 0)),
        );
        check(
            "edit",
            json!({"status": "completed", "input": {"filePath": "/a"}, "metadata": {"filediff": {"additions": 2, "deletions": 1}}}),
            Some(("/a", 2, 1)),
        );
        check(
            "edit",
            json!({"status": "error", "input": {"filePath": "/a"}}),
            None,
        );
        check(
            "bash",
            json!({"status": "completed", "input": {"command": "x"}}),
            None,
        );
    }
}
