//! `git-credential`: how `git` gets the password. `git-init` and `git-sync` name it as `git`'s credential helper.
//!
//! `git` starts it with the question on standard input and the credentials in the environment. It answers for the
//! repository's own host only, whatever `git` was redirected to and whatever a submodule asks for.

use std::io::{Read, Write};

use koc_api::{GitUrl, names::env};

use crate::git::args::GitCredentialArgs;

/// A question is a few lines.
const MAX_QUESTION: u64 = 64 * 1024;

/// Answers one question of `git`. What is not to be answered is passed over in silence, as the protocol wants it.
///
/// # Errors
///
/// When the question cannot be read or the answer not be written.
pub fn git_credential(args: &GitCredentialArgs) -> std::io::Result<()> {
    if args.operation != "get" {
        return Ok(());
    }
    let mut question = String::new();
    std::io::stdin()
        .take(MAX_QUESTION)
        .read_to_string(&mut question)?;
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    if is_about(&question, &variable(env::GIT_REPO)) {
        let answer = format!(
            "username={}\npassword={}\n",
            variable(env::GIT_USERNAME),
            variable(env::GIT_PASSWORD)
        );
        std::io::stdout().write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// True when the question is about the host of this repository, by the same protocol and port.
fn is_about(question: &str, repository: &str) -> bool {
    let value = |key: &str| {
        question
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| value)
            .next_back()
    };
    let (Some(protocol), Some(host)) = (value("protocol"), value("host")) else {
        return false;
    };
    // A path makes an address of it that can be compared.
    let asked: Result<GitUrl, _> = format!("{protocol}://{host}/x").parse();
    let own: Result<GitUrl, _> = repository.parse();
    matches!((asked, own), (Ok(asked), Ok(own)) if asked.same_origin(&own))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_about;

    #[test]
    fn only_the_repositorys_own_host_gets_the_password() {
        for (question, expected) in [
            ("protocol=https\nhost=h.example\n", true),
            (
                "capability[]=authtype\nprotocol=https\nhost=h.example:443\npath=a\nwwwauth[]=Basic realm=\"x=y\"\n",
                true,
            ),
            ("protocol=https\nhost=H.example\n", true),
            ("protocol=http\nhost=h.example\n", false),
            ("protocol=https\nhost=h.example:8443\n", false),
            ("protocol=https\nhost=h.example.evil\n", false),
            ("protocol=https\nhost=evil/h.example\n", false),
            ("protocol=https\nhost=evil\n\nhost=h.example", true),
            ("protocol=https\nhost=h.example\nhost=evil\n", false),
            ("host=h.example\n", false),
            ("", false),
        ] {
            assert_eq!(
                is_about(question, "https://h.example/a/b.git"),
                expected,
                "{question:?}"
            );
        }
        assert!(!is_about("protocol=https\nhost=h\n", ""));
    }

    proptest! {
        #[test]
        fn no_other_host_gets_an_answer(
            protocol in "https?|ssh|file",
            host in "[a-z@:/.?#%\\[\\]-]{0,4}(h\\.example)?[a-z@:/.?#%0-9-]{0,6}",
        ) {
            let question = format!("protocol={protocol}\nhost={host}\n");
            let port = host.strip_prefix("h.example:").map(|port| port.trim_start_matches('0'));
            let own = protocol == "https" && (host == "h.example" || port == Some("443"));
            prop_assert!(own || !is_about(&question, "https://h.example/x"), "{question:?}");
        }
    }
}
