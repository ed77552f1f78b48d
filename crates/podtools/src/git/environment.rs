//! The environment of `git`: nothing of the user's own configuration, little of ours. Pure.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::Path,
};

use koc_api::{
    GitTransport, GitUrl,
    names::{containers::programs, env},
};

/// The variables of a process.
pub(super) type Variables = BTreeMap<OsString, OsString>;

/// Variables of git that say how to use the network and nothing else. What else begins with `GIT_` could make it work
/// in another place or start another program.
const KEPT: [&str; 3] = ["GIT_HTTP_", "GIT_PROXY_SSL_", "GIT_SSL_"];

/// Settings for every git. They come by the environment, so they are in no file and win over those of the clone.
const SETTINGS: [(&str, &str); 13] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.sharedRepository", "group"),
    // Else git looks for references in whatever repository a clone names as its alternate.
    ("core.alternateRefsCommand", "true"),
    ("diff.ignoreSubmodules", "all"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("http.followRedirects", "initial"),
    // Less than a byte a second for a minute is a connection that is dead; a server that counts objects sends more.
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
    // Whose directory it is says nothing within a Pod: the volume's owner is root, or an earlier container's user.
    ("safe.directory", "*"),
];

/// For everything that `git` does here: no home directory, no configuration of system or user, no question to a person,
/// no secrets.
pub(super) fn local(own: &Variables) -> Variables {
    let mut variables: Variables = own
        .iter()
        .filter(|(name, _)| is_harmless(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut set = |name: &str, value: &str| variables.insert(name.into(), value.into());
    // What git says is read, and must be in the language it is read in.
    set("LC_ALL", "C");
    set("HOME", "/nonexistent");
    set("GIT_CONFIG_NOSYSTEM", "1");
    set("GIT_CONFIG_GLOBAL", "/dev/null");
    set("GIT_ATTR_NOSYSTEM", "1");
    set("GIT_TEMPLATE_DIR", "");
    set("GIT_TERMINAL_PROMPT", "0");
    // Empty means that nobody is asked; absent would mean that SSH_ASKPASS is.
    set("GIT_ASKPASS", "");
    set("GIT_ALLOW_PROTOCOL", "");
    set("GIT_NO_REPLACE_OBJECTS", "1");
    set("GIT_OPTIONAL_LOCKS", "0");
    set("GIT_LITERAL_PATHSPECS", "1");
    set("GIT_PAGER", "cat");
    set("GIT_EDITOR", "false");
    let settings: Vec<(String, String)> = administrators(own)
        .into_iter()
        .chain(SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned())))
        .collect();
    configure(&mut variables, &settings);
    variables
}

/// How the repository is reached.
#[derive(Debug)]
pub(super) struct Network<'a> {
    pub url: &'a GitUrl,
    /// User and password for HTTP.
    pub password: Option<(&'a str, &'a str)>,
    /// This program, as `git` starts it for the password.
    pub helper: &'a Path,
    /// What `ssh` is told.
    pub ssh_config: &'a Path,
    /// Certificate authorities, where there are custom ones.
    pub authorities: Option<&'a Path>,
}

/// For a `git` that speaks to the repository: like [`local`], with the credentials and the ways that are allowed.
pub(super) fn network(own: &Variables, network: &Network<'_>) -> Variables {
    let mut variables = local(own);
    let mut set = |name: &str, value: &OsStr| variables.insert(name.into(), value.into());
    // A redirect or a submodule must not lead from an encrypted way to one that is not.
    let protocols = match network.url.transport() {
        GitTransport::Http => "https:ssh:http",
        GitTransport::Https | GitTransport::Ssh => "https:ssh",
    };
    set("GIT_ALLOW_PROTOCOL", protocols.as_ref());
    let mut command = OsString::from("ssh -F ");
    command.push(network.ssh_config);
    set("GIT_SSH_COMMAND", &command);
    set("GIT_SSH_VARIANT", "ssh".as_ref());
    if let Some(authorities) = network.authorities {
        set(env::GIT_SSL_CAINFO, authorities.as_ref());
    }
    if let Some((user, password)) = network.password {
        set(env::GIT_REPO, network.url.as_str().as_ref());
        set(env::GIT_USERNAME, user.as_ref());
        set(env::GIT_PASSWORD, password.as_ref());
        let helper = format!(
            "!{} {}",
            quoted(&network.helper.to_string_lossy()),
            programs::GIT_CREDENTIAL
        );
        let key = format!("credential.{}.helper", network.url.origin());
        configure(
            &mut variables,
            &[("credential.helper".to_owned(), String::new()), (key, helper)],
        );
    }
    variables
}

/// Adds settings behind those that are there.
fn configure(variables: &mut Variables, settings: &[(String, String)]) {
    let count = OsStr::new("GIT_CONFIG_COUNT");
    let first: usize = variables
        .get(count)
        .and_then(|count| count.to_str()?.parse().ok())
        .unwrap_or(0);
    for (index, (key, value)) in (first..).zip(settings) {
        variables.insert(format!("GIT_CONFIG_KEY_{index}").into(), key.into());
        variables.insert(format!("GIT_CONFIG_VALUE_{index}").into(), value.into());
    }
    variables.insert(count.to_owned(), (first + settings.len()).to_string().into());
}

/// The `http.*` settings that whoever wrote the container gave git by its environment, such as `http.proxy`.
fn administrators(own: &Variables) -> Vec<(String, String)> {
    let read = |name: &str| own.get(OsStr::new(name)).and_then(|value| value.to_str());
    let count: usize = read("GIT_CONFIG_COUNT")
        .and_then(|count| count.parse().ok())
        .unwrap_or(0);
    (0..count.min(1000))
        .filter_map(|index| {
            let key = read(&format!("GIT_CONFIG_KEY_{index}"))?;
            let value = read(&format!("GIT_CONFIG_VALUE_{index}"))?;
            let ours = key.to_ascii_lowercase().starts_with("http.");
            ours.then(|| (key.to_owned(), value.to_owned()))
        })
        .collect()
}

fn is_harmless(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    if name.starts_with("GIT_") {
        return name != "GIT_SSL_NO_VERIFY" && KEPT.iter().any(|front| name.starts_with(front));
    }
    !name.starts_with("SSH_") && !matches!(name, "HOME" | "XDG_CONFIG_HOME" | "LANGUAGE" | "DISPLAY")
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[(&str, &str)]) -> Variables {
        list.iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    /// The settings that git reads from these variables, in their order.
    fn settings(variables: &Variables) -> Vec<(String, String)> {
        let read = |name: &str| variables[OsStr::new(name)].to_str().unwrap().to_owned();
        (0..read("GIT_CONFIG_COUNT").parse().unwrap())
            .map(|index: usize| {
                (
                    read(&format!("GIT_CONFIG_KEY_{index}")),
                    read(&format!("GIT_CONFIG_VALUE_{index}")),
                )
            })
            .collect()
    }

    fn of(url: &str, own: &[(&str, &str)]) -> Variables {
        let network = Network {
            url: &url.parse().unwrap(),
            password: Some(("me", "hunter2")),
            helper: Path::new("/it's here/kubeopencode"),
            ssh_config: Path::new("/proc/1/fd/5"),
            authorities: None,
        };
        super::network(&variables(own), &network)
    }

    #[test]
    fn what_the_user_or_the_system_configured_for_git_has_no_influence() {
        let own = [
            ("GIT_DIR", "/x"),
            ("GIT_CONFIG_GLOBAL", "/x"),
            ("GIT_SSH_COMMAND", "touch /x"),
            ("GIT_EXTERNAL_DIFF", "x"),
            ("GIT_SSL_NO_VERIFY", "1"),
            ("GIT_PASSWORD", "hunter2"),
            ("GIT_SSH_KEY", "hunter2"),
            ("SSH_ASKPASS", "/x"),
            ("HOME", "/root"),
            ("XDG_CONFIG_HOME", "/x"),
            ("GIT_CONFIG_COUNT", "3"),
            ("GIT_CONFIG_KEY_0", "core.sshCommand"),
            ("GIT_CONFIG_VALUE_0", "touch /x"),
            ("GIT_CONFIG_KEY_1", "http.proxy"),
            ("GIT_CONFIG_VALUE_1", "http://proxy:1"),
            ("GIT_CONFIG_KEY_2", "HTTP.followRedirects"),
            ("GIT_CONFIG_VALUE_2", "true"),
            ("GIT_SSL_CAINFO", "/ca"),
            ("HTTPS_PROXY", "http://proxy:2"),
            ("PATH", "/bin"),
        ];
        let found = local(&variables(&own));
        for gone in [
            "GIT_DIR",
            "GIT_SSH_COMMAND",
            "GIT_EXTERNAL_DIFF",
            "GIT_SSL_NO_VERIFY",
            "SSH_ASKPASS",
            "XDG_CONFIG_HOME",
            "GIT_PASSWORD",
            "GIT_SSH_KEY",
        ] {
            assert!(!found.contains_key(OsStr::new(gone)), "{gone}");
        }
        for (name, value) in [
            ("GIT_SSL_CAINFO", "/ca"),
            ("HTTPS_PROXY", "http://proxy:2"),
            ("PATH", "/bin"),
            ("HOME", "/nonexistent"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("LC_ALL", "C"),
        ] {
            assert_eq!(found[OsStr::new(name)], value, "{name}");
        }
        let settings = settings(&found);
        assert_eq!(
            settings[0],
            ("http.proxy".to_owned(), "http://proxy:1".to_owned())
        );
        assert!(!settings.iter().any(|(key, _)| key == "core.sshCommand"));
        // Of two settings the later one counts.
        let last = settings
            .iter()
            .rfind(|(key, _)| key.eq_ignore_ascii_case("http.followRedirects"));
        assert_eq!(last.unwrap().1, "initial");
    }

    #[test]
    fn only_encrypted_ways_are_allowed_unless_the_address_is_plain_itself() {
        for (url, expected) in [
            ("https://h/x", "https:ssh"),
            ("git@h:x", "https:ssh"),
            ("http://h/x", "https:ssh:http"),
        ] {
            assert_eq!(of(url, &[])[OsStr::new("GIT_ALLOW_PROTOCOL")], expected);
        }
        assert_eq!(local(&Variables::new())[OsStr::new("GIT_ALLOW_PROTOCOL")], "");
    }

    #[test]
    fn the_password_is_in_no_setting_and_its_helper_is_for_one_host() {
        let found = of("https://h:8443/x", &[]);
        assert_eq!(found[OsStr::new("GIT_PASSWORD")], "hunter2");
        let settings = settings(&found);
        assert!(
            settings
                .iter()
                .all(|(key, value)| !key.contains("hunter2") && !value.contains("hunter2"))
        );
        let helpers: Vec<_> = settings
            .iter()
            .filter(|(key, _)| key.starts_with("credential."))
            .collect();
        assert_eq!(helpers[0], &("credential.helper".to_owned(), String::new()));
        assert_eq!(
            helpers[1],
            &(
                "credential.https://h:8443.helper".to_owned(),
                r"!'/it'\''s here/kubeopencode' git-credential".to_owned()
            )
        );
        assert_eq!(helpers.len(), 2);
    }
}
