//! Logs, exec, attach and port-forward of Pods in real sandboxes.
#![expect(clippy::unwrap_used, reason = "a failing step of a test should stop it there")]

#[path = "support/cluster.rs"]
#[expect(dead_code, reason = "shared by several test programs")]
mod cluster;
#[path = "support/sandboxes.rs"]
mod sandboxes;

use cluster::{Cluster, state, within};
use futures::{AsyncBufReadExt, TryStreamExt};
use kube::api::{AttachParams, LogParams, TerminalSize};
use sandboxes::{once, sandbox};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn logs_follow_and_select() {
    let cluster = Cluster::start(sandbox()).await;
    cluster
        .pod(
            "p",
            once("echo one; echo two; while ! test -e /tmp/go; do sleep 0.02; done; echo three"),
        )
        .await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    let follow = LogParams {
        follow: true,
        ..LogParams::default()
    };
    let mut lines = cluster.pods().log_stream("p", &follow).await.unwrap().lines();
    for expected in ["one", "two"] {
        assert_eq!(
            within(expected, lines.try_next()).await.unwrap().as_deref(),
            Some(expected)
        );
    }
    let tail = LogParams {
        tail_lines: Some(1),
        ..LogParams::default()
    };
    assert_eq!(cluster.pods().logs("p", &tail).await.unwrap(), "two\n");
    let mut process = cluster
        .pods()
        .exec("p", ["touch", "/tmp/go"], &AttachParams::default())
        .await
        .unwrap();
    within("touch", process.take_status().unwrap()).await.unwrap();
    assert_eq!(
        within("three", lines.try_next()).await.unwrap().as_deref(),
        Some("three")
    );
    assert_eq!(within("the end", lines.try_next()).await.unwrap(), None);
    let stamped = LogParams {
        timestamps: true,
        limit_bytes: Some(10),
        ..LogParams::default()
    };
    assert_eq!(cluster.pods().logs("p", &stamped).await.unwrap().len(), 10);
    assert!(
        cluster
            .pods()
            .logs(
                "p",
                &LogParams {
                    previous: true,
                    ..LogParams::default()
                }
            )
            .await
            .is_err()
    );
}

#[tokio::test]
async fn exec_without_a_terminal_has_separate_streams_and_a_code() {
    let cluster = Cluster::start(sandbox()).await;
    cluster.pod("p", once("sleep 1000")).await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    let params = AttachParams::default().stdin(true).stderr(true);
    let command = [
        "sh",
        "-c",
        "read line; echo got $line; echo bad >&2; hostname; exit 3",
    ];
    let mut process = cluster.pods().exec("p", command, &params).await.unwrap();
    let status = process.take_status().unwrap();
    let mut stdin = process.stdin().unwrap();
    stdin.write_all(b"input\n").await.unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    let mut stdout = process.stdout().unwrap();
    let mut stderr = process.stderr().unwrap();
    within("output", async {
        tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err))
    })
    .await
    .0
    .unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("got input\np\n", "bad\n"));
    let status = within("status", status).await.unwrap();
    assert_eq!(status.reason.as_deref(), Some("NonZeroExitCode"));
    assert_eq!(
        status.details.unwrap().causes.unwrap()[0].message.as_deref(),
        Some("3")
    );
}

#[tokio::test]
async fn exec_with_a_terminal_has_one_with_the_right_size() {
    let cluster = Cluster::start(sandbox()).await;
    cluster.pod("p", once("sleep 1000")).await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    let params = AttachParams::interactive_tty();
    let command = ["sh", "-c", "read go; test -t 0 && stty size; tty; exit 0"];
    let mut process = cluster.pods().exec("p", command, &params).await.unwrap();
    let status = process.take_status().unwrap();
    let mut sizes = process.terminal_size().unwrap();
    futures::SinkExt::send(
        &mut sizes,
        TerminalSize {
            width: 91,
            height: 33,
        },
    )
    .await
    .unwrap();
    let mut stdin = process.stdin().unwrap();
    stdin.write_all(b"go\n").await.unwrap();
    let mut out = String::new();
    within("output", process.stdout().unwrap().read_to_string(&mut out))
        .await
        .unwrap();
    assert!(out.contains("33 91"), "{out:?}");
    assert!(out.contains("/dev/pts/"), "{out:?}");
    assert_eq!(
        within("status", status).await.unwrap().status.as_deref(),
        Some("Success")
    );
}

#[tokio::test]
async fn an_exec_is_inside_the_same_walls() {
    let cluster = Cluster::start(sandbox()).await;
    cluster.pod("p", once("echo mine > /tmp/mark; sleep 1000")).await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    let script = "cat /tmp/mark; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status | tr -d '\\t'; ls /root /home | grep -v :";
    let mut process = cluster
        .pods()
        .exec("p", ["sh", "-c", script], &AttachParams::default())
        .await
        .unwrap();
    let mut out = String::new();
    within("output", process.stdout().unwrap().read_to_string(&mut out))
        .await
        .unwrap();
    let lines: Vec<&str> = out.lines().filter(|l| !l.is_empty()).collect();
    assert_eq!(
        lines,
        [
            "mine",
            "CapEff:0000000000000000",
            "CapBnd:0000000000000000",
            "NoNewPrivs:1"
        ]
    );
}

#[tokio::test]
async fn attach_sees_output_and_gives_input() {
    let cluster = Cluster::start(sandbox()).await;
    let mut spec = once("while read line; do echo got $line; done; echo over");
    spec["containers"][0]["stdin"] = json!(true);
    cluster.pod("p", spec).await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    let params = AttachParams::default().stdin(true).stdout(true).stderr(true);
    let mut process = cluster.pods().attach("p", &params).await.unwrap();
    let mut stdin = process.stdin().unwrap();
    stdin.write_all(b"one\n").await.unwrap();
    stdin.shutdown().await.unwrap();
    let mut out = String::new();
    within("output", process.stdout().unwrap().read_to_string(&mut out))
        .await
        .unwrap();
    assert_eq!(out, "got one\nover\n");
    cluster.phase("p", "Succeeded").await;
}

#[tokio::test]
async fn port_forward_reaches_a_port_of_the_pod() {
    let cluster = Cluster::start(sandbox()).await;
    cluster.pod("p", once("sleep 1000")).await;
    cluster
        .until("p", "running", |p| state(p, "c") == "running")
        .await;
    // Pods share the host's network, so a listener of this test stands in for one of the Pod.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut text = [0; 5];
        socket.read_exact(&mut text).await.unwrap();
        socket.write_all(&text).await.unwrap();
    });
    let mut forward = cluster.pods().portforward("p", &[port]).await.unwrap();
    let mut stream = forward.take_stream(port).unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    within("echo", stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"hello");
    echo.await.unwrap();
}
