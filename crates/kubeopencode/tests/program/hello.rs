//! The first run of a new user, with the real OpenCode.

use std::path::PathBuf;

use crate::machine::{Machine, opencode};

fn example() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello.yaml")
}

#[test]
fn the_example_runs_to_completed() {
    let machine = Machine::new();
    let mut command = machine.command(&["run", "--keep"]);
    let output = command
        .arg(example())
        .env("KUBEOPENCODE_OPENCODE", opencode())
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    for part in [
        "the scripted demo model is on",
        "Task hello Completed",
        "tokens ",
        "cost $",
    ] {
        assert!(stderr.contains(part), "standard error lacks {part:?}: {stderr}");
    }
    assert!(
        stdout.contains("scripted demo model"),
        "the log says who answered: {stdout}"
    );
    machine.wait_until_no_process_is_left();
}
