use proptest::prelude::*;

use super::{GitTransport, GitUrl, GitUrlError};

fn parse(text: &str) -> Result<GitUrl, GitUrlError> {
    text.parse()
}

#[test]
fn addresses_are_read() {
    use GitTransport::{Http, Https, Ssh};
    for (text, expected, transport, user, host, port) in [
        ("https://h/x", "https://h/x", Https, None, "h", 443),
        (
            "HTTPS://Git.Example:8443/a/b.git",
            "https://git.example:8443/a/b.git",
            Https,
            None,
            "git.example",
            8443,
        ),
        (
            "http://git.ns.svc:3000/a",
            "http://git.ns.svc:3000/a",
            Http,
            None,
            "git.ns.svc",
            3000,
        ),
        (
            "https://[2001:DB8::1]/x",
            "https://[2001:db8::1]/x",
            Https,
            None,
            "2001:db8::1",
            443,
        ),
        (
            "https://h/a%20b/größe@2",
            "https://h/a%20b/größe@2",
            Https,
            None,
            "h",
            443,
        ),
        ("ssh://h/x", "ssh://h/x", Ssh, None, "h", 22),
        (
            "ssh://git@H:2222/~me/x",
            "ssh://git@h:2222/~me/x",
            Ssh,
            Some("git"),
            "h",
            2222,
        ),
        (
            "git@GitHub.com:org/x.git",
            "git@github.com:org/x.git",
            Ssh,
            Some("git"),
            "github.com",
            22,
        ),
        ("git@[::1]:x", "git@[::1]:x", Ssh, Some("git"), "::1", 22),
        ("org-1@h:/abs/x", "org-1@h:/abs/x", Ssh, Some("org-1"), "h", 22),
    ] {
        let url = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let found = (
            url.as_str(),
            url.transport(),
            url.user(),
            url.host(),
            url.effective_port(),
        );
        assert_eq!(found, (expected, transport, user, host, port), "{text}");
        assert_eq!(parse(url.as_str()).as_ref(), Ok(&url), "{text}");
    }
}

#[test]
fn other_transports_and_local_paths_are_refused() {
    for text in [
        "file:///etc",
        "FILE:///etc",
        "git://h/x",
        "ftp://h/x",
        "ext::sh -c x",
        "ext::sh",
        "ext::https://h/x",
        "fd::17",
        "/etc",
        "./x",
        "../x",
        "x",
        "host:path",
        "C:\\x",
        "/a@h:b",
        "://h/x",
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            matches!(error, GitUrlError::Transport | GitUrlError::Character),
            "{text}: {error}"
        );
    }
}

#[test]
fn what_could_be_an_option_is_refused() {
    for text in [
        "-x",
        "--upload-pack=touch /tmp/x",
        "https://-x/y",
        "ssh://-oProxyCommand=x/y",
        "ssh://git@-oProxyCommand/y",
        "ssh://-x@h/y",
        "git@-h:x",
        "git@h:-x",
        "-u@h:x",
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            matches!(error, GitUrlError::Dash | GitUrlError::User | GitUrlError::Host),
            "{text}: {error}"
        );
    }
}

#[test]
fn control_characters_are_refused_even_when_encoded() {
    for text in [
        "https://h/a\nb",
        "https://h/a b",
        "https://h/%0aHost=x",
        "https://h/%00",
        "https://h/%7F",
        "git@h:a\tb",
    ] {
        assert_eq!(parse(text), Err(GitUrlError::Character), "{text:?}");
    }
}

#[test]
fn credentials_in_an_address_are_refused_without_being_repeated() {
    for text in [
        "https://user:hunter2@h/x",
        "https://hunter2@h/x",
        "http://user:hunter2@h/x",
        "https://a@hunter2@h/x",
        "https://user:hunter2?@h/x",
        "https://:hunter2@h",
        "ssh://git:hunter2@h/x",
        "user:hunter2@h:x",
        "https://h/x?token=hunter2",
        "https://h/x#hunter2",
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(
            error.contains("secretRef") && !error.contains("hunter2"),
            "{text}: {error}"
        );
    }
}

#[test]
fn incomplete_addresses_are_refused() {
    use GitUrlError::{Empty, Host, Path, Port, TooLong, User};
    for (text, expected) in [
        ("", Empty),
        ("https://", Host),
        ("https:///x", Host),
        ("https://h", Path),
        ("https://h//", Path),
        ("https://ö.example/x", Host),
        ("https://a..b/x", Host),
        ("https://[::1/x", Host),
        ("https://[::1]a/x", Host),
        ("https://h:/x", Port),
        ("https://h:0/x", Port),
        ("https://h:65536/x", Port),
        ("https://h:+1/x", Port),
        ("ssh://h", Path),
        ("ssh://a b@h/x", GitUrlError::Character),
        ("ssh://$x@h/x", User),
        ("git@h", Path),
        ("git@h:", Path),
        ("git@h::x", Path),
        ("git@:x", Host),
    ] {
        assert_eq!(parse(text), Err(expected), "{text}");
    }
    assert_eq!(parse(&format!("https://h/{}", "a".repeat(2048))), Err(TooLong));
}

#[test]
fn submodules_are_found_beside_their_repository() {
    for (base, text, expected) in [
        ("https://h/a/b.git", "../c.git", Ok("https://h/a/c.git")),
        ("https://h/a/b.git/", "../c.git", Ok("https://h/a/c.git")),
        ("https://h/a/b.git", "./c.git", Ok("https://h/a/b.git/c.git")),
        ("https://h/a/b.git", "../../c", Ok("https://h/c")),
        ("https://h/a/b.git", "../../../c", Err(GitUrlError::AboveHost)),
        ("https://h:1/b.git", "https://other/x", Ok("https://other/x")),
        ("ssh://git@h/a/b", "../c", Ok("ssh://git@h/a/c")),
        ("git@h:a/b", "../c", Ok("git@h:a/c")),
        ("git@h:a/b", "../../c", Ok("git@h:c")),
        ("git@h:a/b", "../../../c", Err(GitUrlError::AboveHost)),
        ("https://h/a/b", "../-c", Ok("https://h/a/-c")),
        ("git@h:a", "../-c", Err(GitUrlError::Dash)),
        ("https://h/a/b", "file:///etc", Err(GitUrlError::Transport)),
        ("https://h/a/b", "/etc", Err(GitUrlError::Transport)),
        ("https://h/a/b", "ext::x", Err(GitUrlError::Transport)),
        ("https://h/a/b", "../c?x", Err(GitUrlError::Query)),
    ] {
        let found = parse(base).unwrap().submodule(text);
        assert_eq!(
            found.as_ref().map(GitUrl::as_str),
            expected.as_ref().map(|url| *url),
            "{base} {text}"
        );
    }
}

#[test]
fn credentials_belong_to_way_host_and_port() {
    for (a, b, expected) in [
        ("https://h/x", "https://h:443/y", true),
        ("https://H/x", "https://h/y", true),
        ("https://h/x", "http://h/x", false),
        ("https://h/x", "https://h:8443/x", false),
        ("https://h/x", "https://h.evil/x", false),
        ("ssh://git@h/x", "git@h:y", true),
    ] {
        assert_eq!(
            parse(a).unwrap().same_origin(&parse(b).unwrap()),
            expected,
            "{a} {b}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_harmless(text in r"\PC{0,40}|(https|http|ssh|file)://[-a-z0-9@:/\[\].%?#]{0,40}|[-a-z@:/\[\]]{0,20}") {
        if let Ok(url) = text.parse::<GitUrl>() {
            let shown = url.as_str();
            prop_assert!(!shown.starts_with('-'));
            prop_assert!(!url.host().starts_with('-') && !url.host().is_empty());
            prop_assert!(!shown.contains(|c: char| c.is_control() || c.is_whitespace()));
            prop_assert!(url.transport() == GitTransport::Ssh || url.user().is_none());
            prop_assert_eq!(shown.parse::<GitUrl>(), Ok(url.clone()));
        }
    }
}
