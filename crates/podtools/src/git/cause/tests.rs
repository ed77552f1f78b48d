use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Cause {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    Cause::read(&lines)
}

#[test]
fn what_git_prints_is_understood() {
    let text = |text: &str| text.to_owned();
    for (said, expected) in [
        (
            "fatal: couldn't find remote ref refs/heads/x",
            Cause::NoSuchReference,
        ),
        (
            "fatal: remote error: upload-pack: not our ref abc",
            Cause::CommitNotServed,
        ),
        (
            "error: Server does not allow request for unadvertised object abc",
            Cause::CommitNotServed,
        ),
        (
            "remote: Not here\nfatal: repository 'https://h/x/' not found",
            Cause::NoSuchRepository,
        ),
        (
            "fatal: '/x.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
            Cause::NoSuchRepository,
        ),
        (
            "ERROR: Repository not found.\nfatal: Could not read from remote repository.",
            Cause::NoSuchRepository,
        ),
        (
            "fatal: could not read Username for 'https://h:1': terminal prompts disabled",
            Cause::CredentialsWanted(text("https://h:1")),
        ),
        (
            "fatal: Authentication failed for 'https://h/x/'",
            Cause::CredentialsRefused,
        ),
        (
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make sure",
            Cause::CredentialsRefused,
        ),
        (
            "Load key \"/proc/1/fd/3\": error in libcrypto\ngit@h: Permission denied (publickey).",
            Cause::KeyUnusable,
        ),
        (
            "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.",
            Cause::HostKeyUnknown,
        ),
        (
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
            Cause::HostKeyChanged,
        ),
        (
            "fatal: unable to access 'https://h/x/': The requested URL returned error: 403",
            Cause::Forbidden,
        ),
        (
            "fatal: unable to access 'https://h/x/': The requested URL returned error: 503",
            Cause::Busy(text("The requested URL returned error: 503")),
        ),
        (
            "fatal: unable to access 'https://h/x/': The requested URL returned error: 429",
            Cause::Busy(text("The requested URL returned error: 429")),
        ),
        (
            "error: RPC failed; HTTP 302 curl 22 The requested URL returned error: 302",
            Cause::Redirected,
        ),
        (
            "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\nfatal: expected 'packfile'",
            Cause::Busy(text(
                "RPC failed; HTTP 502 curl 22 The requested URL returned error: 502",
            )),
        ),
        (
            "fatal: unable to access 'https://h/x/': Could not resolve host: h",
            Cause::Unreachable(text("Could not resolve host: h")),
        ),
        (
            "fatal: unable to access 'https://h/x/': Failed to connect to h port 1 after 0 ms: Couldn't connect to server",
            Cause::Unreachable(text(
                "Failed to connect to h port 1 after 0 ms: Couldn't connect to server",
            )),
        ),
        (
            "ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.",
            Cause::Unreachable(text("connect to host h port 22: Connection refused")),
        ),
        (
            "error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec\nfatal: early EOF",
            Cause::Unreachable(text(
                "RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec",
            )),
        ),
        (
            "fatal: unable to access 'https://h/x/': server certificate verification failed. CAfile: none CRLfile: none",
            Cause::Certificate(text(
                "server certificate verification failed. CAfile: none CRLfile: none",
            )),
        ),
        (
            "fatal: transport 'file' not allowed",
            Cause::TransportRefused(text("file")),
        ),
        (
            "error: cannot run ssh: No such file or directory\nfatal: unable to fork",
            Cause::NoSsh,
        ),
        (
            "fatal: write error: No space left on device\nfatal: early EOF",
            Cause::DiskFull,
        ),
        (
            "No user exists for uid 12345\nfatal: Could not read",
            Cause::NoUserEntry(text("No user exists for uid 12345")),
        ),
        ("fatal: something new", Cause::Other(text("something new"))),
        ("", Cause::Other(text("it said nothing"))),
    ] {
        assert_eq!(read(said), expected, "{said}");
    }
}

#[test]
fn only_what_may_pass_is_tried_again() {
    for (said, expected) in [
        ("The requested URL returned error: 500", true),
        ("The requested URL returned error: 429", true),
        ("Connection reset by peer", true),
        ("Operation timed out", true),
        ("The requested URL returned error: 404", false),
        ("Authentication failed for 'x'", false),
        ("couldn't find remote ref x", false),
        ("Host key verification failed.", false),
        ("server certificate verification failed", false),
        ("something new", false),
    ] {
        assert_eq!(read(said).is_transient(), expected, "{said}");
    }
}

#[test]
fn sentences_say_what_to_do() {
    let url: GitUrl = "https://h/x".parse().unwrap();
    let other: GitUrl = "https://other/x".parse().unwrap();
    let password = Access::Password {
        user: "u".to_owned(),
        password: "hunter2".to_owned(),
    };
    let key = Access::Key {
        key: "hunter2".to_owned(),
        known_hosts: String::new(),
    };
    let wanted = |place: &str| Cause::CredentialsWanted(place.to_owned());
    for (cause, url, home, access, expected) in [
        (wanted("https://h"), &url, &url, &Access::Public, "in secretRef"),
        (wanted("https://o"), &url, &url, &password, "https://o asks"),
        (
            wanted("https://other"),
            &other,
            &url,
            &password,
            "for https://h alone",
        ),
        (Cause::CredentialsRefused, &url, &url, &password, "expired"),
        (Cause::CredentialsRefused, &url, &url, &key, "ssh-privatekey"),
        (Cause::NoSuchRepository, &url, &url, &Access::Public, "secretRef"),
        (Cause::NoSuchRepository, &url, &url, &password, "check both"),
        (
            Cause::Certificate("x".to_owned()),
            &url,
            &url,
            &password,
            "caBundle",
        ),
        (Cause::HostKeyUnknown, &url, &url, &key, "ssh-known-hosts"),
        (Cause::HostKeyChanged, &url, &url, &key, "pretending"),
        (
            Cause::TransportRefused("file".to_owned()),
            &url,
            &url,
            &key,
            "\"file\"",
        ),
    ] {
        let sentence = cause.told(&Asked { url, home, access }).sentence;
        assert!(
            sentence.contains(expected) && !sentence.contains("hunter2"),
            "{cause:?}: {sentence}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_is_said_gives_a_sentence(lines in proptest::collection::vec(r"(fatal: |remote: |ssh: )?\PC{0,60}", 0..5)) {
        let url: GitUrl = "https://h/x".parse().unwrap();
        let asked = Asked { url: &url, home: &url, access: &Access::Public };
        prop_assert!(!Cause::read(&lines).told(&asked).sentence.is_empty());
    }
}
