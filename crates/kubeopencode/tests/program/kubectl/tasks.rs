//! Our kinds: columns, documentation, refusals, changes, deletion.

use super::{Kubectl, TIMEOUT, says, words};
use crate::machine::shell_task;

/// Runs until it is told to stop, by a file in its workspace.
const LONG: &str = "echo working; until [ -e /workspace/stop ]; do sleep 0.05; done; echo done";
const TASK: &str = "apiVersion: kubeopencode.io/v1alpha1\nkind: Task\nmetadata: {name: x}\nspec: ";

#[test]
fn tasks_through_their_life() {
    let k = Kubectl::new();
    assert_eq!(
        k.feed(&["apply", "-f", "-"], &shell_task("long", LONG)),
        "agenttemplate.kubeopencode.io/long created\ntask.kubeopencode.io/long created"
    );
    assert_eq!(
        k.feed(&["apply", "-f", "-"], &shell_task("long", LONG)),
        "agenttemplate.kubeopencode.io/long unchanged\ntask.kubeopencode.io/long unchanged"
    );
    let mut watch = k.follow(&["get", "tk", "-w"]);
    assert_eq!(
        words(&watch.next().unwrap(), 0),
        ["NAME", "PHASE", "AGENT", "POD", "AGE"]
    );
    watch.until(&["long", "Running", "long-pod"]);
    k.run(&["wait", "--for=condition=Ready", "pod/long-pod", TIMEOUT]);

    columns(&k);
    documentation(&k);
    refusals(&k);
    changes(&k);
    described(&k);

    k.run(&["exec", "long-pod", "--", "touch", "/workspace/stop"]);
    k.run(&[
        "wait",
        "--for=jsonpath={.status.phase}=Completed",
        "tk/long",
        TIMEOUT,
    ]);
    watch.until(&["long", "Completed", "long-pod"]);
    let described = k.run(&["describe", "task", "long"]);
    says(
        &described,
        &["Phase: Completed", "Normal Completed", "task-controller"],
    );
    assert!(words(&k.run(&["get", "pods"]), 1).starts_with(&["long-pod", "0/1", "Completed", "0"]));
    k.stop();
}

fn columns(k: &Kubectl) {
    let table = k.run(&["get", "tasks", "-o", "wide"]);
    assert_eq!(
        words(&table, 0),
        ["NAME", "PHASE", "AGENT", "TEMPLATE", "POD", "AGE"]
    );
    assert_eq!(words(&table, 1)[..4], ["long", "Running", "long", "long-pod"]);
    let table = k.run(&["get", "agt"]);
    assert_eq!(words(&table, 0), ["NAME", "SERVICEACCOUNT", "AGE"]);
    let table = k.run(&["get", "agt", "-o", "wide"]);
    assert_eq!(
        words(&table, 0),
        ["NAME", "IMAGE", "WORKSPACEDIR", "SERVICEACCOUNT", "AGE"]
    );
    says(
        &k.run(&["get", "tk,agt,pods"]),
        &["task.kubeopencode.io/long", "pod/long-pod 1/1 Running 0"],
    );
    says(
        &k.run(&["api-resources", "--api-group=kubeopencode.io"]),
        &[
            "agents ag kubeopencode.io/v1alpha1 true Agent",
            "agenttemplates agt kubeopencode.io/v1alpha1 true AgentTemplate",
            "crontasks ct kubeopencode.io/v1alpha1 true CronTask",
            "kubeopencodeconfigs ktc kubeopencode.io/v1alpha1 false KubeOpenCodeConfig",
            "registries reg kubeopencode.io/v1alpha1 true Registry",
            "tasks tk kubeopencode.io/v1alpha1 true Task",
        ],
    );
    assert_eq!(
        k.run(&["auth", "can-i", "create", "tasks.kubeopencode.io"]),
        "yes"
    );
    assert_eq!(
        k.run(&["auth", "can-i", "get", "pods", "--subresource=log"]),
        "yes"
    );
}

fn documentation(k: &Kubectl) {
    says(
        &k.run(&["explain", "task.spec.templateRef"]),
        &[
            "GROUP: kubeopencode.io",
            "KIND: Task",
            "VERSION: v1alpha1",
            "FIELD: templateRef <Object>",
            "name <string> -required-",
        ],
    );
    says(
        &k.run(&["explain", "agt.spec"]),
        &["workspaceDir <string> -required-", "credentials <[]Object>"],
    );
    says(
        &k.run(&["explain", "tk.status.phase"]),
        &["FIELD: phase <string>", "Queued Running Completed"],
    );
}

fn refusals(k: &Kubectl) {
    let task = |spec: &str| format!("{TASK}{{{spec}}}\n");
    let apply: &[&str] = &["apply", "-f", "-"];
    let cases: &[(&[&str], &str, &[&str])] = &[
        (
            apply,
            "templateRef: {name: t}, descripton: x",
            &[
                "Error from server (BadRequest)",
                "strict decoding error: unknown field \"spec.descripton\"",
            ],
        ),
        (
            &["apply", "--server-side", "-f", "-"],
            "templateRef: {name: t}, descripton: x",
            &["strict decoding error: unknown field \"spec.descripton\""],
        ),
        (
            apply,
            "templateRef: {name: t}, agentRef: {name: a}",
            &[
                "The Task \"x\" is invalid: spec: Invalid value: \"object\": agentRef and templateRef exclude each other",
            ],
        ),
        (
            apply,
            "description: x",
            &["The Task \"x\" is invalid: spec: Invalid value: \"object\": nobody is named"],
        ),
        (
            apply,
            "templateRef: {name: t}, description: [x]",
            &[
                "The Task \"x\" is invalid: spec.description: Invalid value: \"array\": must be of type string",
            ],
        ),
        (
            apply,
            "templateRef: {}",
            &["The Task \"x\" is invalid: spec.templateRef.name: Required value"],
        ),
        (
            apply,
            "templateRef: {name: t}, timeout: soon",
            &["The Task \"x\" is invalid: spec.timeout: Invalid value: \"soon\""],
        ),
    ];
    for (args, spec, said) in cases {
        k.refused(args, &task(spec), said);
    }
    let unknown = task("").replace("kind: Task", "kind: Tusk");
    k.refused(
        apply,
        &unknown,
        &["no matches for kind \"Tusk\" in version \"kubeopencode.io/v1alpha1\""],
    );
    let warned = k.call(
        &["apply", "--validate=warn", "--dry-run=server", "-f", "-"],
        &task("templateRef: {name: t}, descripton: x"),
    );
    warned.check(0, &["Warning: unknown field \"spec.descripton\""]);
    k.refused(
        &["get", "tk", "x"],
        "",
        &["tasks.kubeopencode.io \"x\" not found"],
    );
}

fn changes(k: &Kubectl) {
    let fixed = "spec: Invalid value: \"object\": description is fixed once a Task exists";
    let other = r#"{"spec":{"description":"other"}}"#;
    k.refused(
        &["patch", "tk", "long", "--type=merge", "-p", other],
        "",
        &["The Task \"long\" is invalid", fixed],
    );
    let changed = shell_task("long", LONG).replace("description: none", "description: other");
    k.refused(
        &["apply", "-f", "-"],
        &changed,
        &["The Task \"long\" is invalid", fixed],
    );
    let refused = k.edit("task/long", "s/description: none/description: other/");
    refused.check(1, &["tasks.kubeopencode.io \"long\" is invalid"]);

    let timeout = || k.run(&["get", "tk", "long", "-o", "jsonpath={.spec.timeout}"]);
    k.edit("task/long", "s/^spec:/spec:\\n  timeout: 31m/")
        .check(0, &[]);
    assert_eq!(timeout(), "31m");
    k.run(&[
        "patch",
        "tk",
        "long",
        "--type=merge",
        "-p",
        r#"{"spec":{"timeout":"32m"}}"#,
    ]);
    assert_eq!(timeout(), "32m");
    let patch = r#"[{"op":"test","path":"/spec/timeout","value":"32m"},{"op":"replace","path":"/spec/timeout","value":"33m"}]"#;
    k.run(&["patch", "tk", "long", "--type=json", "-p", patch]);
    assert_eq!(timeout(), "33m");
    k.refused(
        &["patch", "tk", "long", "--type=strategic", "-p", "{}"],
        "",
        &["is not supported by kubeopencode.io/v1alpha1"],
    );
    k.refused(
        &[
            "patch",
            "tk",
            "long",
            "--subresource=status",
            "--type=merge",
            "-p",
            r#"{"status":{"phase":"Odd"}}"#,
        ],
        "",
        &["status.phase: Unsupported value: \"Odd\""],
    );

    k.run(&["label", "tk", "long", "team=a"]);
    k.run(&["annotate", "tk", "long", "note=why"]);
    assert_eq!(
        k.run(&["get", "tk", "-l", "team=a", "-o", "name"]),
        "task.kubeopencode.io/long"
    );
    let template = k.run(&["get", "agt", "long", "-o", "yaml"]);
    assert_eq!(
        k.feed(
            &["replace", "-f", "-"],
            &template.replace("workspaceDir: /workspace", "workspaceDir: /work")
        ),
        "agenttemplate.kubeopencode.io/long replaced"
    );
    k.refused(
        &["replace", "-f", "-"],
        &template.replace("workspaceDir: /workspace", "workspaceDir: /other"),
        &["the object has been modified"],
    );

    let template = "apiVersion: kubeopencode.io/v1alpha1\nkind: AgentTemplate\nmetadata: {name: s}\nspec: {workspaceDir: /a, serviceAccountName: default}\n";
    let server_side = &["apply", "--server-side", "-f", "-"];
    assert_eq!(
        k.feed(server_side, template),
        "agenttemplate.kubeopencode.io/s serverside-applied"
    );
    k.run(&[
        "patch",
        "agt",
        "s",
        "--type=merge",
        "-p",
        r#"{"spec":{"workspaceDir":"/b"}}"#,
    ]);
    k.refused(
        server_side,
        template,
        &["conflict with \"kubectl-patch\"", ".spec.workspaceDir"],
    );
    k.feed(
        &["apply", "--server-side", "--force-conflicts", "-f", "-"],
        template,
    );
    assert_eq!(
        k.run(&["get", "agt", "s", "-o", "jsonpath={.spec.workspaceDir}"]),
        "/a"
    );
}

fn described(k: &Kubectl) {
    says(
        &k.run(&["describe", "task", "long"]),
        &[
            "Kind: Task",
            "Template Ref: Name: long",
            "Phase: Running",
            "Pod Name: long-pod",
            "Type Reason Age From Message",
            "Normal PodCreated",
            "task-controller Pod long-pod was created",
        ],
    );
    says(
        &k.run(&["events", "--for", "task/long"]),
        &["Normal PodCreated Task/long Pod long-pod was created"],
    );
    says(
        &k.run(&[
            "get",
            "events",
            "-o",
            "wide",
            "--field-selector=involvedObject.kind=Task",
        ]),
        &["PodCreated task/long task-controller Pod long-pod was created"],
    );
}

#[test]
fn deleting_a_task_in_every_mode() {
    let k = Kubectl::new();
    for mode in ["background", "foreground", "orphan"] {
        k.feed(&["apply", "-f", "-"], &shell_task("d", LONG));
        k.run(&["wait", "--for=jsonpath={.status.phase}=Running", "tk/d", TIMEOUT]);
        k.run(&["wait", "--for=condition=Ready", "pod/d-pod", TIMEOUT]);
        let cascade = format!("--cascade={mode}");
        assert_eq!(
            k.run(&["delete", "task", "d", &cascade, "--wait", TIMEOUT]),
            "task.kubeopencode.io \"d\" deleted"
        );
        match mode {
            "background" => {
                k.run(&["wait", "--for=delete", "pod/d-pod", TIMEOUT]);
                k.run(&["wait", "--for=delete", "cm/d-context", TIMEOUT]);
            }
            "foreground" => assert_eq!(
                k.run(&["get", "pod,cm", "-o", "name", "-l", "kubeopencode.io/task=d"]),
                ""
            ),
            _ => {
                assert_eq!(
                    k.run(&[
                        "get",
                        "pod",
                        "d-pod",
                        "-o",
                        "jsonpath={.metadata.ownerReferences}"
                    ]),
                    ""
                );
                k.run(&["delete", "pod", "d-pod", "--now", TIMEOUT]);
            }
        }
    }
    k.stop();
}
