//! What `npm install` can be asked for, as far as plugins may ask for it.
//!
//! The grammar is that of npm's own command line (its "package spec" page): a package of the registry with a version,
//! range or tag, an alias of one, a tarball, or a Git repository. Paths of the file system are left out on purpose:
//! they would name files of a container that holds none of the user's.

use std::fmt;

/// Longest specifier we take; npm's own limit for a name alone is 214.
const MAX_LENGTH: usize = 1024;
/// npm's limit for a name with its scope.
const MAX_NAME_LENGTH: usize = 214;

/// Prefixes by which npm knows a forge.
const FORGES: [&str; 4] = ["github:", "gitlab:", "bitbucket:", "gist:"];
/// Git over transports that prove who the other side is, or that at least npm offers.
const GIT_SCHEMES: [&str; 4] = ["git+https://", "git+ssh://", "git+http://", "ssh://"];
/// What would read files of the container or connect without any check.
const REFUSED_SCHEMES: [&str; 6] = ["file:", "link:", "workspace:", "git+file:", "git://", "git+git:"];

/// One thing to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpmSpecifier {
    /// The name before the `@`, or one made up for a source that tells none.
    name: String,
    source: NpmSource,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NpmSource {
    /// The registry; a version, a range or a tag, empty for the latest.
    Registry(String),
    /// Another package of the registry, under this one's name: `npm:target@1`.
    Alias(String),
    /// A tarball's address.
    Tarball(String),
    /// A Git repository, in any of npm's spellings.
    Git(String),
}

/// Why a text names nothing that can be installed. The text itself is only shown where it can hold no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NpmSpecifierError {
    /// Nothing, or too much.
    #[error("it must have 1 to {MAX_LENGTH} characters")]
    Length,
    /// White space at an end, a control character, a quote.
    #[error(
        "it has a character that no npm specifier has; write it as `name`, `name@version` or `@scope/name@version`"
    )]
    Character,
    /// It would be read as an option.
    #[error("{0:?} begins with a dash and would be an option of npm; write a package name")]
    Option(String),
    /// Not a name by npm's rules.
    #[error("{0:?} is no npm package name; names are like `name` or `@scope/name`")]
    Name(String),
    /// Not a version, range or tag.
    #[error("{0:?} is no version, range or tag, such as `1.2.3`, `^1` or `latest`")]
    Range(String),
    /// A path, or a scheme that is not taken.
    #[error(
        "{0:?} names files or an unprotected connection; use a package of the registry, an https:// tarball or git+https://"
    )]
    Source(String),
    /// Credentials in plain sight.
    #[error("its address holds a password; give it to npm as a credential instead, such as an .npmrc file")]
    Password,
    /// An address without a host.
    #[error("its address names no host")]
    Host,
}

impl NpmSpecifier {
    /// Reads a specifier.
    ///
    /// # Errors
    /// When npm could not install it, or when it would mean something else than a package from elsewhere.
    pub fn parse(text: &str) -> Result<Self, NpmSpecifierError> {
        use NpmSpecifierError as Error;
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(Error::Length);
        }
        let strange = |c: char| c.is_control() || matches!(c, '"' | '\'' | '`' | '\\') || !c.is_ascii();
        if text != text.trim() || text.contains(strange) {
            return Err(Error::Character);
        }
        if text.starts_with('-') {
            return Err(Error::Option(text.to_owned()));
        }
        if let Some(source) = elsewhere(text)? {
            return Ok(Self {
                name: format!("plugin-{:016x}", fingerprint(text)),
                source,
            });
        }
        let (name, rest) = split_name(text);
        if !is_name(name) {
            return Err(Error::Name(name.to_owned()));
        }
        let source = if let Some(target) = rest.strip_prefix("npm:") {
            let (target_name, range) = split_name(target);
            if !is_name(target_name) {
                return Err(Error::Name(target_name.to_owned()));
            }
            NpmSource::Alias(with_range(target_name, &check_range(range)?))
        } else if let Some(source) = elsewhere(rest)? {
            source
        } else {
            NpmSource::Registry(check_range(rest)?)
        };
        Ok(Self {
            name: name.to_owned(),
            source,
        })
    }

    /// The directory below `node_modules`; two specifiers with the same one can't be installed side by side.
    pub fn directory(&self) -> &str {
        &self.name
    }

    /// Where it comes from.
    pub fn source(&self) -> &NpmSource {
        &self.source
    }
}

/// The argument for `npm install`; it always names the directory.
impl fmt::Display for NpmSpecifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            NpmSource::Registry(range) => f.write_str(&with_range(&self.name, range)),
            NpmSource::Alias(target) => write!(f, "{}@npm:{target}", self.name),
            NpmSource::Tarball(source) | NpmSource::Git(source) => write!(f, "{}@{source}", self.name),
        }
    }
}

fn with_range(name: &str, range: &str) -> String {
    if range.is_empty() {
        name.to_owned()
    } else {
        format!("{name}@{range}")
    }
}

/// A source that is not the registry, if the text is one.
fn elsewhere(text: &str) -> Result<Option<NpmSource>, NpmSpecifierError> {
    use NpmSpecifierError as Error;
    let lower = text.to_ascii_lowercase();
    let begins = |prefix: &str| lower.starts_with(prefix);
    let is_path = text.starts_with(['.', '/', '~']) && !is_tilde_range(text);
    if is_path || REFUSED_SCHEMES.iter().any(|s| begins(s)) {
        return Err(Error::Source(shown(text)));
    }
    if let Some(scheme) = ["https://", "http://"].iter().find(|s| begins(s)) {
        check_address(&text[scheme.len()..])?;
        // npm tells the two apart by the same rule.
        let path = text.split(['#', '?']).next().unwrap_or_default();
        return Ok(Some(if path.ends_with(".git") {
            NpmSource::Git(format!("git+{text}"))
        } else {
            NpmSource::Tarball(text.to_owned())
        }));
    }
    if let Some(scheme) = GIT_SCHEMES.iter().find(|s| begins(s)) {
        check_address(&text[scheme.len()..])?;
        return Ok(Some(NpmSource::Git(text.to_owned())));
    }
    if let Some(forge) = FORGES.iter().find(|s| begins(s)) {
        let repository = text[forge.len()..].split('#').next().unwrap_or_default();
        if repository.contains(':') && repository.contains('@') {
            return Err(Error::Password);
        }
        return if is_repository(repository, *forge == "gist:") {
            Ok(Some(NpmSource::Git(text.to_owned())))
        } else {
            Err(Error::Source(shown(text)))
        };
    }
    if lower.contains("://") && !lower.starts_with('@') && scheme_comes_first(&lower) {
        return Err(Error::Source(shown(text)));
    }
    if let Some((host, path)) = text.strip_prefix("git@").and_then(|rest| rest.split_once(':')) {
        if host.is_empty() || path.is_empty() {
            return Err(Error::Host);
        }
        return Ok(Some(NpmSource::Git(text.to_owned())));
    }
    // `user/repository`, npm's short form for GitHub. A scope begins with an @.
    let repository = text.split('#').next().unwrap_or_default();
    if !text.starts_with('@') && !repository.contains('@') && is_repository(repository, false) {
        return Ok(Some(NpmSource::Git(format!("github:{text}"))));
    }
    Ok(None)
}

/// `~1.2` is a range, `~/x` a path.
fn is_tilde_range(text: &str) -> bool {
    text.strip_prefix('~')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a scheme stands before any `@`: `x@ftp://…` has a name first.
fn scheme_comes_first(lower: &str) -> bool {
    let scheme = lower.find("://").unwrap_or(usize::MAX);
    lower.find('@').is_none_or(|at| scheme < at)
}

/// Checks what follows a scheme: a host, and no password.
fn check_address(rest: &str) -> Result<(), NpmSpecifierError> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        return Err(NpmSpecifierError::Password);
    }
    if host.is_empty() || host.starts_with([':', '-']) || rest.contains(' ') {
        return Err(NpmSpecifierError::Host);
    }
    Ok(())
}

fn is_repository(text: &str, one_part_is_enough: bool) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let enough = parts.len() >= if one_part_is_enough { 1 } else { 2 };
    let legal = |part: &&str| {
        !part.is_empty()
            && !part.starts_with(['-', '.'])
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
    };
    enough && parts.iter().all(legal)
}

/// The name and what follows its `@`. A scope's own `@` is part of the name.
fn split_name(text: &str) -> (&str, &str) {
    let scope = usize::from(text.starts_with('@'));
    match text[scope..].find('@') {
        Some(at) => (&text[..scope + at], &text[scope + at + 1..]),
        None => (text, ""),
    }
}

fn is_name(name: &str) -> bool {
    let legal = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~'))
    };
    if name.len() > MAX_NAME_LENGTH || name.eq_ignore_ascii_case("node_modules") {
        return false;
    }
    match name.strip_prefix('@') {
        Some(scoped) => scoped
            .split_once('/')
            .is_some_and(|(scope, name)| legal(scope) && legal(name)),
        None => legal(name),
    }
}

/// A version, a range or a tag; the registry decides whether there is such a one.
fn check_range(range: &str) -> Result<String, NpmSpecifierError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || ".-+~^<>=*|_ ".contains(c);
    if range.starts_with('-') || !range.chars().all(legal) {
        return Err(NpmSpecifierError::Range(shown(range)));
    }
    Ok(range.to_owned())
}

/// A text for an error, without what might be a password.
fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, after)) if before.contains(':') => format!("…@{after}"),
        _ => text.to_owned(),
    }
}

/// 64 bits of FNV-1a: the same source always gets the same directory.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, directory: &str, install: &str) {
        let specifier = NpmSpecifier::parse(text).unwrap();
        assert_eq!(
            (specifier.directory(), specifier.to_string().as_str()),
            (directory, install),
            "{text}"
        );
        // What we hand to npm means the same when it is read again.
        assert_eq!(NpmSpecifier::parse(install), Ok(specifier), "{text}");
    }

    #[test]
    fn packages_of_the_registry() {
        check("pkg", "pkg", "pkg");
        check("pkg@", "pkg", "pkg");
        check("pkg@1.2.3", "pkg", "pkg@1.2.3");
        check("pkg@^1", "pkg", "pkg@^1");
        check("pkg@~1.2", "pkg", "pkg@~1.2");
        check("pkg@>=1 <2 || 3.x", "pkg", "pkg@>=1 <2 || 3.x");
        check("pkg@next", "pkg", "pkg@next");
        check("pkg@1.0.0-rc.1+build", "pkg", "pkg@1.0.0-rc.1+build");
        check("@scope/pkg", "@scope/pkg", "@scope/pkg");
        check("@scope/pkg@^1", "@scope/pkg", "@scope/pkg@^1");
        check("lodash.merge@4", "lodash.merge", "lodash.merge@4");
    }

    #[test]
    fn aliases_live_under_their_own_name() {
        check("short@npm:@scope/long@2", "short", "short@npm:@scope/long@2");
        check("short@npm:long", "short", "short@npm:long");
        check("@me/short@npm:long@^1", "@me/short", "@me/short@npm:long@^1");
    }

    #[test]
    fn tarballs_and_repositories_with_a_name() {
        check("p@https://host/x.tgz", "p", "p@https://host/x.tgz");
        check(
            "@s/p@https://host:8443/x.tgz?a=b",
            "@s/p",
            "@s/p@https://host:8443/x.tgz?a=b",
        );
        check("p@git+https://host/x.git#v1", "p", "p@git+https://host/x.git#v1");
        check("p@https://host/x.git#v1", "p", "p@git+https://host/x.git#v1");
        check("p@git+ssh://git@host/x.git", "p", "p@git+ssh://git@host/x.git");
        check("p@git@host:team/x.git", "p", "p@git@host:team/x.git");
        check(
            "p@github:user/repo#semver:^1",
            "p",
            "p@github:user/repo#semver:^1",
        );
        check("p@user/repo", "p", "p@github:user/repo");
    }

    #[test]
    fn nameless_sources_get_a_directory_of_their_own() {
        for text in [
            "https://host/x.tgz",
            "git+https://host/x.git",
            "git@host:team/x.git",
            "github:user/repo",
            "user/repo#main",
            "gist:0123456789abcdef",
        ] {
            let specifier = NpmSpecifier::parse(text).unwrap();
            assert!(specifier.directory().starts_with("plugin-"), "{text}");
            assert_eq!(NpmSpecifier::parse(text), Ok(specifier.clone()));
            assert!(specifier.to_string().starts_with(specifier.directory()));
        }
        let one = NpmSpecifier::parse("https://host/x.tgz").unwrap();
        let other = NpmSpecifier::parse("https://host/y.tgz").unwrap();
        assert_ne!(one.directory(), other.directory());
    }

    #[test]
    fn option_injection_is_impossible() {
        for text in ["-g", "--registry=http://evil", "--", "p@-x", "p@npm:-x"] {
            assert!(NpmSpecifier::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_package_from_elsewhere_is_refused() {
        for text in [
            "",
            " pkg",
            "pkg ",
            "a b",
            "p@a\nb",
            "./x",
            "../x",
            "/x",
            "~/x",
            "~",
            "file:x",
            "p@file:../x",
            "link:x",
            "workspace:*",
            "git://host/x.git",
            "git+file:///x",
            "ftp://host/x.tgz",
            "p@ftp://host/x",
            "@scope",
            "@scope/",
            "@/x",
            "@scope/a/b",
            ".hidden",
            "_x",
            "node_modules",
            "https://",
            "p@https://",
            "p@git@:x",
            "github:",
            "github:user",
            "user//repo",
            "p@$(id)",
            "p;id",
            "p@1;id",
            "päckchen",
            "p@\"1\"",
            "git+ssh://-oProxyCommand=x/y",
        ] {
            assert!(NpmSpecifier::parse(text).is_err(), "{text:?} was taken");
        }
        assert!(NpmSpecifier::parse(&"x".repeat(215)).is_err());
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_told() {
        for text in [
            "https://user:hunter2@host/x.tgz",
            "p@git+https://user:hunter2@host/x.git",
            "p@github:user:hunter2@org/repo",
            "ftp://user:hunter2@host/x",
        ] {
            let error = NpmSpecifier::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
