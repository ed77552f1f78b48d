//! The file system a sandbox sees.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::runtime::ContainerSpec;

/// Directories that hold programs and libraries; a link to one of them is shown as a link.
const PROGRAMS: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// Parts of `/etc` that programs need and that hold nothing private.
const ETC_DIRS: [&str; 10] = [
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "fonts",
    "ld.so.conf.d",
    "pki/ca-trust",
    "pki/tls/certs",
    "python3",
    "ssl/certs",
    "terminfo",
];
const ETC_FILES: [&str; 16] = [
    "ca-certificates.conf",
    "debian_version",
    "gai.conf",
    "host.conf",
    "ld.so.cache",
    "ld.so.conf",
    "locale.conf",
    "localtime",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/openssl.cnf",
];
/// Name of the first process's program inside.
pub(crate) const INIT: &str = "/.sandbox-init";

/// Host paths shown read-only, by their place inside, sorted so that outer places come first.
pub(crate) type Binds = BTreeMap<PathBuf, PathBuf>;

/// A root directory on disk and what is mounted over it.
pub(crate) struct Root {
    pub(crate) dir: PathBuf,
    pub(crate) binds: Binds,
}

/// Where an attempt's root directory is.
pub(crate) fn place(spec: &ContainerSpec) -> PathBuf {
    spec.state_dir.join(format!("root.{}", spec.attempt))
}

/// Makes the root directory of one attempt.
pub(crate) fn build(spec: &ContainerSpec, init: &Path, extra: &[PathBuf]) -> io::Result<Root> {
    let dir = place(spec);
    crate::sweep::remove(&dir);
    fs::create_dir_all(&dir)?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
    for open in ["tmp", "var/tmp", "home", "run"] {
        fs::create_dir_all(dir.join(open))?;
        fs::set_permissions(dir.join(open), fs::Permissions::from_mode(0o1777))?;
    }
    symlink("../run", dir.join("var/run"))?;
    let mut binds = Binds::new();
    for place in PROGRAMS {
        show(&dir, Path::new(place), Path::new(place), &mut binds)?;
    }
    for place in extra {
        binds.insert(place.clone(), place.clone());
    }
    etc(spec, &dir, &mut binds)?;
    for (host, place) in &spec.image.binds {
        binds.insert(PathBuf::from(place), host.clone());
    }
    binds.insert(PathBuf::from(INIT), init.to_owned());
    for mount in &spec.mounts {
        make_room(&dir, Path::new(&mount.container), &mut binds)?;
    }
    Ok(Root { dir, binds })
}

/// Shows a host path at `place`: links as links, anything else as a bind.
fn show(dir: &Path, host: &Path, place: &Path, binds: &mut Binds) -> io::Result<()> {
    let Ok(meta) = fs::symlink_metadata(host) else {
        return Ok(());
    };
    let Ok(relative) = place.strip_prefix("/") else {
        return Ok(());
    };
    if meta.is_symlink() {
        let link = dir.join(relative);
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        return symlink(fs::read_link(host)?, link);
    }
    binds.insert(place.to_owned(), host.to_owned());
    Ok(())
}

fn etc(spec: &ContainerSpec, dir: &Path, binds: &mut Binds) -> io::Result<()> {
    let etc = dir.join("etc");
    fs::create_dir_all(&etc)?;
    for name in ETC_DIRS {
        let host = Path::new("/etc").join(name);
        if host.is_dir() {
            binds.insert(host.clone(), host);
        }
    }
    for name in ETC_FILES {
        let target = etc.join(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        // A copy: many small mounts would cost more than many small files.
        if let Ok(content) = fs::read(Path::new("/etc").join(name)) {
            fs::write(target, content)?;
        }
    }
    let (user, group) = ids(spec);
    let home = home(spec);
    let mut passwd = String::new();
    let mut groups = String::new();
    for (name, id, gid, place) in [
        ("root", 0, 0, "/root"),
        ("user", user, group, home.as_str()),
        ("nobody", 65534, 65534, "/nonexistent"),
    ] {
        // The first entry for a number is the one that counts, and it must be the container's own.
        if name == "user" || id != user {
            passwd.push_str(&format!("{name}:x:{id}:{gid}:{name}:{place}:/bin/sh\n"));
        }
        if name == "user" || gid != group {
            groups.push_str(&format!(
                "{}:x:{gid}:\n",
                if name == "nobody" { "nogroup" } else { name }
            ));
        }
    }
    fs::write(etc.join("passwd"), passwd)?;
    fs::write(etc.join("group"), groups)?;
    fs::write(etc.join("hostname"), format!("{}\n", spec.hostname))?;
    fs::write(
        etc.join("hosts"),
        format!("127.0.0.1\tlocalhost {0}\n::1\tlocalhost {0}\n", spec.hostname),
    )
}

/// User and group inside: what was asked for, or an ordinary user in the root group, as images for
/// arbitrary user ids expect.
pub(crate) fn ids(spec: &ContainerSpec) -> (u32, u32) {
    (spec.user.unwrap_or(1000), spec.group.unwrap_or(0))
}

/// The home directory the environment names, or a place anybody can write to.
pub(crate) fn home(spec: &ContainerSpec) -> String {
    let home = spec
        .env
        .get("HOME")
        .filter(|h| h.starts_with('/') && !h.contains([':', '\n']));
    home.cloned().unwrap_or_else(|| "/tmp".to_owned())
}

/// A place to mount at that lies inside a read-only host directory and does not exist there: shows that
/// directory's entries one by one instead, so that the place can be made beside them.
fn make_room(dir: &Path, place: &Path, binds: &mut Binds) -> io::Result<()> {
    loop {
        let outer = binds
            .range::<PathBuf, _>(..place.to_owned())
            .rev()
            .map(|(p, _)| p)
            .find(|p| place.starts_with(p));
        let Some(outer) = outer.cloned() else {
            return Ok(());
        };
        let Some(host) = binds.get(&outer).cloned() else {
            return Ok(());
        };
        let Ok(rest) = place.strip_prefix(&outer) else {
            return Ok(());
        };
        if rest.as_os_str().is_empty() || host.join(rest).exists() {
            return Ok(());
        }
        binds.remove(&outer);
        if let Ok(relative) = outer.strip_prefix("/") {
            fs::create_dir_all(dir.join(relative))?;
        }
        for entry in fs::read_dir(&host)?.flatten() {
            show(dir, &entry.path(), &outer.join(entry.file_name()), binds)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_beside_the_hosts_entries() {
        let host = tempfile::tempdir().unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(host.path().join("certs/deep")).unwrap();
        fs::write(host.path().join("certs/a.pem"), "").unwrap();
        fs::write(host.path().join("conf"), "").unwrap();
        symlink("a.pem", host.path().join("certs/link")).unwrap();
        let mut binds = Binds::from([(PathBuf::from("/etc/x"), host.path().to_owned())]);
        make_room(dir.path(), Path::new("/etc/x/certs"), &mut binds).unwrap();
        assert_eq!(binds.len(), 1, "an existing place needs no room");
        make_room(dir.path(), Path::new("/etc/x/certs/custom/more"), &mut binds).unwrap();
        let places: Vec<&str> = binds.keys().filter_map(|p| p.to_str()).collect();
        assert_eq!(places, ["/etc/x/certs/a.pem", "/etc/x/certs/deep", "/etc/x/conf"]);
        assert!(dir.path().join("etc/x/certs/link").is_symlink());
    }
}
