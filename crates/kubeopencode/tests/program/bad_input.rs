//! Mistakes of the user: each told with its place and what to do, none leaving anything behind.

use crate::machine::{Machine, shell_task};

const TASK: &str = "apiVersion: kubeopencode.io/v1alpha1\nkind: Task\nmetadata: {name: a}\n";
const TEMPLATE: &str = "apiVersion: kubeopencode.io/v1alpha1\nkind: AgentTemplate\nmetadata: {name: t}\n";

#[test]
fn manifests_that_cannot_be_run() {
    let cases: &[(&str, i32, &[&str])] = &[
        ("a: [1\nb: 2\n", 2, &["error: m.yaml:2:2: this is not valid YAML"]),
        ("", 2, &["error: m.yaml holds no object"]),
        ("kind: Task\n", 2, &["error: m.yaml:1: apiVersion is missing"]),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
            2,
            &["error: m.yaml holds no Task"],
        ),
        (
            "apiVersion: kubeopencode.io/v9\nkind: Task\nmetadata: {name: a}\n",
            2,
            &["error: m.yaml:1: there is no kind Task in kubeopencode.io/v9 here"],
        ),
        (
            "SPECIAL spec: {description: x}\n",
            2,
            &["m.yaml:1: Task a was refused", "set agentRef", "or templateRef"],
        ),
        (
            "SPECIAL spec: {templateRef: {name: t}, description: [x]}\n",
            2,
            &["m.yaml:1: Task a was refused", "spec.description", "string"],
        ),
        (
            "SPECIAL spec: {templateRef: {name: nowhere}, descripton: x}\n",
            1,
            &[
                "warning: m.yaml:1: Task a: unknown field \"spec.descripton\"",
                "nowhere",
            ],
        ),
        (
            "SPECIAL spec: {templateRef: {name: nowhere}}\n",
            1,
            &["error: Task a Failed (AgentError)", "\"nowhere\""],
        ),
    ];
    for (text, code, expected) in cases {
        let machine = Machine::new();
        machine.write("m.yaml", &text.replace("SPECIAL ", TASK));
        machine.run(&["run", "m.yaml"]).check(*code, expected);
    }
}

#[test]
fn pods_that_cannot_start_end_the_run() {
    let cases = [
        (
            "credentials: [{name: k, secretRef: {name: my-key, key: k}, env: K}]",
            "error: Task a could not start: container agent waits: CreateContainerConfigError",
            "my-key",
        ),
        (
            "executorImage: 'debian:12'",
            "error: Task a could not start: container agent waits: ErrImagePull",
            "engine (Docker or Podman)",
        ),
    ];
    for (field, reason, name) in cases {
        let machine = Machine::new();
        let task = format!(
            "{TEMPLATE}spec: {{workspaceDir: /workspace, serviceAccountName: robot, {field}}}\n---\n\
             {TASK}spec: {{templateRef: {{name: t}}, description: x}}\n"
        );
        machine.write("m.yaml", &task);
        let finished = machine.run(&["run", "m.yaml"]);
        finished.check(
            1,
            &[reason, name, "ServiceAccount robot created, since it was missing"],
        );
        machine.wait_until_no_process_is_left();
    }
}

#[test]
fn command_lines_that_cannot_be_obeyed() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&["run"], 2, "<FILE>"),
        (
            &["run", "none.yaml"],
            2,
            "error: cannot read none.yaml: No such file",
        ),
        (
            &["run", "m.yaml", "--opencode", "none"],
            2,
            "error: --opencode none: No such file",
        ),
        (
            &["run", "m.yaml", "--opencode", "m.yaml"],
            2,
            "error: --opencode m.yaml: the file is not executable",
        ),
        (&["run", "m.yaml", "--timeout", "soon"], 2, "--timeout"),
        (
            &["run", "m.yaml", "--data-dir", "m.yaml/x"],
            1,
            "error: cannot use the data directory m.yaml/x",
        ),
        (
            &["up", "--data-dir", "m.yaml/x"],
            1,
            "error: cannot use the data directory m.yaml/x",
        ),
        (&["up", "--port", "70000"], 2, "70000"),
    ];
    for (args, code, expected) in cases {
        let machine = Machine::new();
        machine.write("m.yaml", &shell_task("a", "true"));
        machine.run(args).check(*code, &[expected]);
    }
}

#[test]
fn a_version_that_is_a_path_is_refused() {
    let machine = Machine::new();
    machine.write("m.yaml", &shell_task("a", "true"));
    let mut command = machine.command(&["run", "m.yaml", "--opencode-version", "../../x"]);
    let output = command.env_remove("KUBEOPENCODE_OPENCODE").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a version number"));
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let machine = Machine::new();
    for command in ["run", "up", "provision", "controller", "version", "completion"] {
        let help = machine.run(&[command, "--help"]);
        assert!(
            help.stdout
                .contains(&format!("Example:\n  kubeopencode {command}")),
            "{}",
            help.stdout
        );
    }
    assert!(machine.run(&["version"]).stdout.starts_with("kubeopencode "));
    assert!(
        machine
            .run(&["completion", "bash"])
            .stdout
            .contains("complete -F")
    );
}
