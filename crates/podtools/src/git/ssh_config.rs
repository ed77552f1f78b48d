//! What `ssh` is told: whom to trust and with which key. Pure.

use std::path::Path;

/// A configuration that lets `ssh` use the key for one host only, so that a submodule on another host does not get to
/// see who we are, and that trusts the known hosts alone.
pub(super) fn text(key: Option<(&str, &Path)>, known_hosts: &Path) -> String {
    let mut text = String::new();
    if let Some((host, key)) = key {
        // A host here holds nothing that ssh takes for a pattern; `GitUrl` has seen to that.
        text += &format!("Host {host}\n  IdentityFile {}\n", key.display());
    }
    // Without `none`, a host without a key would be offered those of the home directory.
    text += &format!(
        "Host *\n  \
           IdentityFile none\n  \
           IdentitiesOnly yes\n  \
           IdentityAgent none\n  \
           BatchMode yes\n  \
           StrictHostKeyChecking yes\n  \
           UserKnownHostsFile {}\n  \
           GlobalKnownHostsFile /dev/null\n  \
           UpdateHostKeys no\n  \
           ForwardAgent no\n  \
           ForwardX11 no\n  \
           ClearAllForwardings yes\n  \
           ControlMaster no\n  \
           PermitLocalCommand no\n  \
           ConnectTimeout 30\n  \
           ServerAliveInterval 15\n  \
           ServerAliveCountMax 4\n  \
           LogLevel ERROR\n",
        known_hosts.display()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_its_host_alone() {
        let text = text(
            Some(("git.example", Path::new("/proc/1/fd/3"))),
            Path::new("/proc/1/fd/4"),
        );
        let (own, all) = text.split_once("Host *").unwrap();
        assert_eq!(own, "Host git.example\n  IdentityFile /proc/1/fd/3\n");
        assert!(!all.contains("/proc/1/fd/3") && all.contains("UserKnownHostsFile /proc/1/fd/4"));
    }

    #[test]
    fn an_unknown_host_is_never_trusted() {
        for key in [None, Some(("h", Path::new("/k")))] {
            let text = text(key, Path::new("/known"));
            assert!(
                text.contains("StrictHostKeyChecking yes") && text.contains("GlobalKnownHostsFile /dev/null")
            );
        }
    }
}
