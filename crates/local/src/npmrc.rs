//! What the user's npm configuration says: which registry, through which proxy, with which credentials.
//!
//! Sources, strongest first, as npm ranks them: `npm_config_*` environment variables, the user's file
//! (`NPM_CONFIG_USERCONFIG` or `~/.npmrc`), the global file (`NPM_CONFIG_GLOBALCONFIG` or `etc/npmrc` beside the
//! installed node). The working directory's `.npmrc` is left out on purpose: what is fetched here goes into a cache
//! that every later Task of the user runs, and a repository one happens to stand in must not choose its origin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

/// Where packages come from when the user's npm configuration names no other place: the npm client's own default.
pub(crate) const DEFAULT_REGISTRY: &str = concat!("https://registry.", "npmjs", ".org/");

/// A value that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// An `.npmrc` value that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NpmrcError {
    /// Not an `http` or `https` address. The address itself is not repeated: it may carry a password.
    #[error(
        "the npm setting `{setting}` is no http(s) address; see it with `npm config get {setting}` and correct it"
    )]
    NotAnAddress {
        /// The setting's name.
        setting: &'static str,
    },
}

/// The part of npm's configuration that matters for fetching one package.
#[derive(Clone, Debug)]
pub(crate) struct NpmConfig {
    /// The registry's base address, ending in a slash.
    pub(crate) registry: Url,
    /// File with certificates to trust besides the system's.
    pub(crate) cafile: Option<PathBuf>,
    /// Proxy for https, where npm's own setting names one.
    pub(crate) https_proxy: Option<Secret>,
    /// Proxy for http, where npm's own setting names one.
    pub(crate) http_proxy: Option<Secret>,
    /// Hosts to reach without a proxy, comma separated.
    pub(crate) noproxy: Option<String>,
    /// Whether `strict-ssl=false` was asked for, which is not obeyed.
    pub(crate) wanted_lax_tls: bool,
    /// `Authorization` header values by the address prefix (`//host/path/`) they are meant for.
    credentials: BTreeMap<String, Secret>,
}

impl NpmConfig {
    /// Reads this process's environment and the user's files.
    ///
    /// # Errors
    /// Fails when a setting that is needed is malformed. A missing or unreadable file counts as empty, as with npm.
    pub(crate) fn from_system() -> Result<Self, NpmrcError> {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let files: Vec<String> = config_files(&env)
            .into_iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        Self::resolve(&env, &files)
    }

    /// Resolves `env` and the texts of configuration files, weakest file first.
    pub(crate) fn resolve(env: &BTreeMap<String, String>, files: &[&str]) -> Result<Self, NpmrcError> {
        let mut settings = BTreeMap::new();
        for text in files {
            settings.extend(parse(text, env));
        }
        for (key, value) in env {
            // npm takes the prefix in any case, and `_` in place of `-`.
            if key.len() > 11 && key[..11].eq_ignore_ascii_case("npm_config_") && !value.is_empty() {
                let name = key[11..].to_ascii_lowercase().replace('_', "-");
                settings.insert(name, value.clone());
            }
        }
        let registry = match settings.get("registry") {
            Some(text) => base_address(text).ok_or(NpmrcError::NotAnAddress { setting: "registry" })?,
            None => base_address(DEFAULT_REGISTRY).ok_or(NpmrcError::NotAnAddress { setting: "registry" })?,
        };
        let set = |name: &str| {
            settings
                .get(name)
                .filter(|value| !value.is_empty() && *value != "null")
                .cloned()
        };
        Ok(Self {
            registry,
            cafile: set("cafile").map(PathBuf::from),
            https_proxy: set("https-proxy").or_else(|| set("proxy")).map(Secret),
            http_proxy: set("proxy").map(Secret),
            noproxy: set("noproxy"),
            wanted_lax_tls: set("strict-ssl").is_some_and(|value| value == "false"),
            credentials: credentials(&settings),
        })
    }

    /// The `Authorization` header value for a request to `url`: that of the longest matching address prefix, so that
    /// a token never goes to a host, port or path it was not written for.
    pub(crate) fn authorization(&self, url: &Url) -> Option<&Secret> {
        let host = url.host_str()?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let mut path = url.path().to_owned();
        loop {
            path.truncate(path.rfind('/')? + 1);
            if let Some(secret) = self.credentials.get(&format!("//{host}{port}{path}")) {
                return Some(secret);
            }
            path.pop();
        }
    }
}

/// Existing and possible configuration files, weakest first.
fn config_files(env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let by_env = |name: &str| {
        env.iter()
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| PathBuf::from(value))
    };
    let global = by_env("npm_config_globalconfig").or_else(|| {
        let path = env.get("PATH")?;
        let node = std::env::split_paths(path)
            .map(|dir| dir.join("node"))
            .find(|node| node.is_file())?;
        Some(node.parent()?.parent()?.join("etc/npmrc"))
    });
    let user = by_env("npm_config_userconfig")
        .or_else(|| env.get("HOME").map(|home| Path::new(home).join(".npmrc")));
    global.into_iter().chain(user).collect()
}

/// `key = value` lines; comments start with `;` or `#`; `${NAME}` stands for an environment variable.
fn parse(text: &str, env: &BTreeMap<String, String>) -> Vec<(String, String)> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with([';', '#', '[']))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (expand(unquote(key), env), expand(unquote(value), env)))
        .collect()
}

fn unquote(text: &str) -> &str {
    let text = text.trim();
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}

/// Replaces `${NAME}`; like npm, leaves it as it stands when the variable is not set.
fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        out.push_str(&rest[..start]);
        let reference = &rest[start..=start + length];
        match env.get(&reference[2..reference.len() - 1]) {
            Some(value) => out.push_str(value),
            None => out.push_str(reference),
        }
        rest = &rest[start + length + 1..];
    }
    out + rest
}

fn base_address(text: &str) -> Option<Url> {
    let mut url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Some(url)
}

/// Collects `//prefix:_authToken`, `//prefix:_auth` and `//prefix:username` + `:_password`, strongest form first.
fn credentials(settings: &BTreeMap<String, String>) -> BTreeMap<String, Secret> {
    let mut found = BTreeMap::new();
    for key in settings.keys().filter(|key| key.starts_with("//")) {
        let Some((prefix, _)) = key.rsplit_once(':') else {
            continue;
        };
        let get = |name: &str| settings.get(&format!("{prefix}:{name}"));
        let value = if let Some(token) = get("_authToken") {
            format!("Bearer {token}")
        } else if let Some(pair) = get("_auth") {
            format!("Basic {pair}")
        } else if let (Some(user), Some(password)) = (get("username"), get("_password")) {
            let Ok(password) = STANDARD.decode(password) else {
                continue;
            };
            let pair = [user.as_bytes(), b":", &password].concat();
            format!("Basic {}", STANDARD.encode(pair))
        } else {
            continue;
        };
        let prefix = if prefix.ends_with('/') {
            prefix.to_owned()
        } else {
            format!("{prefix}/")
        };
        found.insert(prefix, Secret(value));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(env: &[(&str, &str)], files: &[&str]) -> NpmConfig {
        let env = env
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        NpmConfig::resolve(&env, files).unwrap()
    }

    #[test]
    fn the_strongest_source_names_the_registry() {
        type Case = (
            &'static [(&'static str, &'static str)],
            &'static [&'static str],
            &'static str,
        );
        let cases: &[Case] = &[
            (&[], &[], DEFAULT_REGISTRY),
            (&[], &["registry=https://a.example/npm"], "https://a.example/npm/"),
            (
                &[],
                &[
                    "registry=https://a.example",
                    " registry = \"https://b.example/\" ",
                ],
                "https://b.example/",
            ),
            (
                &[("NPM_CONFIG_REGISTRY", "http://c.example")],
                &["registry=https://a.example"],
                "http://c.example/",
            ),
            (
                &[("npm_config_registry", "http://c.example/x/")],
                &[],
                "http://c.example/x/",
            ),
            (
                &[("npm_config_registry", "")],
                &["registry=https://a.example/"],
                "https://a.example/",
            ),
            (
                &[("HOST", "d.example")],
                &["; registry=no\n#registry=no\nregistry=https://${HOST}/"],
                "https://d.example/",
            ),
            (
                &[],
                &["registry=https://x.example/${UNSET"],
                "https://x.example/$%7BUNSET/",
            ),
        ];
        for (env, files, expected) in cases {
            assert_eq!(
                config(env, files).registry.as_str(),
                *expected,
                "{env:?} {files:?}"
            );
        }
    }

    #[test]
    fn a_malformed_registry_is_named_without_its_text() {
        for text in ["registry=ftp://u:pw@x/", "registry=nonsense"] {
            let error = NpmConfig::resolve(&BTreeMap::new(), &[text]).unwrap_err();
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn a_token_goes_only_where_it_was_written_for() {
        let rc = "//r.example/:_authToken=t1\n//r.example:8443/team/:_authToken=${T2}\n\
                  //basic.example/:_auth=dTpw\n//pair.example/:username=u\n//pair.example/:_password=cHc=\n";
        let config = config(&[("T2", "t2")], &[rc]);
        let cases = [
            ("https://r.example/opencode", Some("Bearer t1")),
            ("https://r.example/a/b/c.tgz", Some("Bearer t1")),
            ("https://r.example:8443/team/x", Some("Bearer t2")),
            ("https://r.example:8443/teammate/x", None),
            ("https://r.example:8443/other", None),
            ("https://evil.example/r.example/", None),
            ("https://r.example.evil.example/x", None),
            ("https://basic.example/x", Some("Basic dTpw")),
            ("https://pair.example/x", Some("Basic dTpwdw==")),
        ];
        for (url, expected) in cases {
            let url = Url::parse(url).unwrap();
            assert_eq!(config.authorization(&url).map(Secret::reveal), expected, "{url}");
        }
    }

    #[test]
    fn credentials_are_never_printed() {
        let config = config(
            &[],
            &["//r.example/:_authToken=hunter2\nhttps-proxy=http://u:hunter2@p.example"],
        );
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn proxies_and_certificates_are_read() {
        let config = config(
            &[("npm_config_https_proxy", "http://p:1")],
            &["cafile=/c.pem\nnoproxy=a,b\nstrict-ssl=false"],
        );
        assert_eq!(
            config.https_proxy.as_ref().map(Secret::reveal),
            Some("http://p:1")
        );
        assert_eq!(config.http_proxy, None);
        assert_eq!(config.cafile.as_deref(), Some(Path::new("/c.pem")));
        assert_eq!(config.noproxy.as_deref(), Some("a,b"));
        assert!(config.wanted_lax_tls);
    }

    #[test]
    fn a_repository_cannot_name_the_registry() {
        let env = BTreeMap::from([
            ("HOME".to_owned(), "/home/u".to_owned()),
            ("PATH".to_owned(), String::new()),
        ]);
        assert_eq!(config_files(&env), [PathBuf::from("/home/u/.npmrc")]);
    }
}
