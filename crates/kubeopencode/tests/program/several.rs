//! Tasks whose Pods run a shell script: what is shown, in which stream, in which form.

use crate::machine::{Machine, shell_task};

#[test]
fn logs_go_to_standard_output_and_the_rest_to_standard_error() {
    let machine = Machine::new();
    machine.write("m.yaml", &shell_task("a", "echo to you; echo and you >&2"));
    let finished = machine.run(&["run", "m.yaml"]);
    finished.check(0, &["Task a created", "context-init done", "Task a Completed"]);
    let mut lines: Vec<_> = finished.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["and you", "to you"]);
}

#[test]
fn several_tasks_are_told_apart_and_one_failure_fails_the_run() {
    let machine = Machine::new();
    machine.write("tasks/a.yaml", &shell_task("a", "echo hi"));
    machine.write("tasks/b.yml", &shell_task("b", "echo ho; exit 3"));
    machine.write("tasks/notes.txt", "not a manifest");
    let finished = machine.run(&["run", "tasks"]);
    finished.check(1, &["Task a Completed", "error: Task b Failed", "exit code 3"]);
    let mut lines: Vec<_> = finished.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a | hi", "b | ho"]);
}

#[test]
fn programs_get_one_json_line_for_each_task() {
    let machine = Machine::new();
    let finished = machine.run_with_stdin(&["run", "-", "-o", "json"], &shell_task("a", "echo hi; exit 4"));
    finished.check(1, &["hi"]);
    let outcome: serde_json::Value = serde_json::from_str(finished.stdout.trim()).unwrap();
    assert_eq!(outcome["name"], "a");
    assert_eq!(outcome["succeeded"], false);
    assert_eq!(outcome["phase"], "Failed");
    assert_eq!(outcome["exitCode"], 4);
}

#[test]
fn quiet_means_only_the_log() {
    let machine = Machine::new();
    machine.write("m.yaml", &shell_task("a", "echo hi"));
    let finished = machine.run(&["run", "--quiet", "m.yaml"]);
    finished.check(0, &[]);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("hi\n", ""));
}

#[test]
fn a_run_leaves_nothing_unless_asked_to_keep() {
    let machine = Machine::new();
    machine.write("m.yaml", &shell_task("a", "echo precious > result.txt"));
    let runs = machine.path(".local/share/kubeopencode/runs");
    machine.run(&["run", "m.yaml"]).check(0, &[]);
    assert_eq!(std::fs::read_dir(&runs).unwrap().count(), 0);

    machine
        .run(&["run", "--keep", "m.yaml"])
        .check(0, &["the files are kept in "]);
    assert!(find(&runs, "result.txt"), "the workspace is kept");
}

fn find(folder: &std::path::Path, name: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            find(&path, name)
        } else {
            path.ends_with(name)
        }
    })
}
