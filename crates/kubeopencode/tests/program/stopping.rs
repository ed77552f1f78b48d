//! Ends before the end: Ctrl-C, the timeout, SIGKILL.

use crate::machine::{Machine, shell_task};

const ENDLESS: &str = "echo started; sleep 100000 & wait";

#[test]
fn ctrl_c_stops_the_task_and_every_process() {
    let machine = Machine::new();
    machine.write("m.yaml", &shell_task("a", ENDLESS));
    let running = machine.start(&["run", "m.yaml"]);
    assert_eq!(running.first_line, "started\n");
    assert!(
        machine.processes() > 1,
        "the Pod's processes can be seen, so that their end can be"
    );
    running.interrupt();
    running
        .finish()
        .check(130, &["stopping", "did not finish (UserStopped)"]);
    machine.wait_until_no_process_is_left();
    let runs = machine.path(".local/share/kubeopencode/runs");
    assert_eq!(std::fs::read_dir(runs).unwrap().count(), 0);
}

#[test]
fn the_time_limit_fails_the_run() {
    let machine = Machine::new();
    machine.write("m.yaml", &shell_task("a", ENDLESS));
    let finished = machine.run(&["run", "m.yaml", "--timeout", "1s"]);
    finished.check(1, &["the time given with --timeout is over"]);
    machine.wait_until_no_process_is_left();
}

#[test]
fn a_killed_run_leaves_no_process_and_the_next_sweeps_its_files() {
    let machine = Machine::new();
    machine.write("m.yaml", &shell_task("a", ENDLESS));
    machine.start(&["run", "m.yaml"]).kill();
    machine.wait_until_no_process_is_left();
    machine.write("m.yaml", &shell_task("a", "true"));
    machine.run(&["run", "m.yaml"]).check(0, &[]);
    let runs = machine.path(".local/share/kubeopencode/runs");
    assert_eq!(std::fs::read_dir(runs).unwrap().count(), 0);
}
