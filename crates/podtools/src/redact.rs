//! Keeping known secrets out of what is printed.
//!
//! The pod's credentials are in the environment and in OpenCode's configuration, and a provider's error, a tool's
//! output or the model itself may repeat them. What is known to be one is replaced before anything is written.

/// Words in the name of a variable or key that make its value a secret.
const SUSPICIOUS: [&str; 8] = [
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "CREDENTIAL",
    "AUTHORIZATION",
    "COOKIE",
];

/// Shorter values are words like `true`, whose replacement would make the log unreadable.
const MIN_LENGTH: usize = 8;

/// Replaces known secrets.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// Longest first, so that a secret that contains another is replaced as a whole.
    secrets: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Redactor")
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

impl Redactor {
    /// Knows the values of suspicious variables, and of suspicious keys in configuration texts.
    pub(crate) fn new(
        variables: impl IntoIterator<Item = (String, String)>,
        configurations: impl IntoIterator<Item = String>,
    ) -> Self {
        let from_variables = variables
            .into_iter()
            .filter(|(name, _)| is_suspicious(name))
            .map(|(_, value)| value);
        let from_configurations = configurations.into_iter().flat_map(|text| values_in(&text));
        let mut secrets: Vec<String> = from_variables
            .chain(from_configurations)
            .flat_map(|value| {
                // A secret of several lines, such as a private key, is printed line by line.
                value
                    .lines()
                    .map(|line| line.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|value| value.len() >= MIN_LENGTH && !is_path_or_reference(value))
            .collect();
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self { secrets }
    }

    /// Adds one more secret.
    pub(crate) fn add(&mut self, secret: &str) {
        self.secrets.insert(0, secret.to_owned());
    }

    /// The text without the secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.secrets {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), "[secret]");
            }
        }
        clean
    }
}

fn is_suspicious(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SUSPICIOUS.iter().any(|word| name.contains(word))
}

/// `GIT_SSH_KEY=/etc/key` and `{env:KEY}` say where a secret is, which is worth reading in a log.
fn is_path_or_reference(value: &str) -> bool {
    value.starts_with('/') || (value.starts_with('{') && value.ends_with('}'))
}

/// The strings that follow suspicious keys in JSON, in JSON with comments, and in JSON that is broken: a scan and not
/// a parse, because a configuration that does not parse is the one whose text ends up in an error.
fn values_in(text: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut strings = Strings { rest: text };
    let mut previous: Option<String> = None;
    while let Some((string, follows_colon)) = strings.next() {
        if follows_colon && previous.as_deref().is_some_and(is_suspicious) {
            values.push(string.clone());
        }
        previous = Some(string);
    }
    values
}

/// The quoted strings of a text, each with whether a colon stands between it and what came before.
struct Strings<'a> {
    rest: &'a str,
}

impl Strings<'_> {
    fn next(&mut self) -> Option<(String, bool)> {
        let start = self.rest.find('"')?;
        let follows_colon = self.rest[..start].trim() == ":";
        let body = &self.rest[start + 1..];
        let mut escaped = false;
        let end = body.char_indices().find_map(|(index, character)| {
            match (escaped, character) {
                (true, _) => escaped = false,
                (false, '\\') => escaped = true,
                (false, '"') => return Some(index),
                _ => {}
            }
            None
        });
        let end = end.unwrap_or(body.len());
        self.rest = body.get(end + 1..).unwrap_or_default();
        let raw = &body[..end];
        let unquoted = serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_else(|_| raw.to_owned());
        Some((unquoted, follows_colon))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(variables: &[(&str, &str)], configuration: &str) -> Redactor {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Redactor::new(variables, [configuration.to_owned()])
    }

    #[test]
    fn secrets_of_the_environment_are_replaced() {
        let redactor = redactor(
            &[
                ("ANTHROPIC_API_KEY", "sk-ant-0123456789"),
                ("GITHUB_TOKEN", "ghp_abcdefgh"),
                ("LONGER_TOKEN", "ghp_abcdefgh-and-more"),
                ("PATH", "/usr/bin:/usr/local/bin"),
                ("SSH_KEY_FILE", "/etc/keys/id"),
                ("USE_TOKEN", "true"),
                ("PRIVATE_KEY", "-----BEGIN-----\nMIIEvQIBADAN\n-----END KEY-----"),
            ],
            "",
        );
        let check = |text: &str, expected: &str| assert_eq!(redactor.clean(text), expected);
        check("key sk-ant-0123456789 is wrong", "key [secret] is wrong");
        check("ghp_abcdefgh-and-more ghp_abcdefgh", "[secret] [secret]");
        check(
            "/usr/bin:/usr/local/bin true /etc/keys/id",
            "/usr/bin:/usr/local/bin true /etc/keys/id",
        );
        check("MIIEvQIBADAN", "[secret]");
    }

    #[test]
    fn secrets_of_the_configuration_are_replaced_even_where_it_is_broken() {
        for configuration in [
            r#"{"provider":{"x":{"options":{"apiKey":"sk-in-config-1","baseURL":"http://host:1"}}}}"#,
            "{\n  // comment\n  \"apiKey\" : \"sk-in-config-1\", broken",
            r#"{"headers":{"Authorization":"sk-in-config-1"}"#,
            r#"{"apiKey":"sk-in-config-1"#,
        ] {
            let redactor = redactor(&[], configuration);
            assert_eq!(
                redactor.clean("a sk-in-config-1 b http://host:1"),
                "a [secret] b http://host:1"
            );
        }
        assert_eq!(
            redactor(&[], r#"{"apiKey":"{env:MY_API_KEY}"}"#).clean("{env:MY_API_KEY}"),
            "{env:MY_API_KEY}"
        );
    }

    #[test]
    fn a_redactor_does_not_print_its_secrets() {
        let redactor = redactor(&[("A_KEY", "hunter2hunter2")], "");
        assert!(!format!("{redactor:?}").contains("hunter2"));
    }
}
