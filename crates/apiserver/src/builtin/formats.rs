//! Texts that must have a certain form, and what is said of those that do not have it.

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
    and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
    must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
    character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
    start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation \
    is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
    'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', \
    regex used for validation is '[0-9]+%')";
const HEADER: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used \
    for validation is '[-A-Za-z0-9]+')";
const VARIABLE: &str = "a valid environment variable name must consist only of printable ASCII characters other than '='";

/// What is wrong with a text; nothing if nothing is.
pub(crate) type Faults = Vec<String>;

fn too_long(limit: usize) -> String {
    format!("must be no more than {limit} characters")
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_label_like(text: &str) -> bool {
    text.starts_with(lower) && text.ends_with(lower) && text.chars().all(|c| lower(c) || c == '-')
}

/// A label of a host name: at most 63 characters.
pub(crate) fn dns_label(text: &str) -> Faults {
    let mut faults = Vec::new();
    if text.len() > 63 {
        faults.push(too_long(63));
    }
    if !is_label_like(text) {
        // Dots alone are told apart, since they are the common mistake.
        faults.push(if subdomain_like(text) {
            "must not contain dots".to_owned()
        } else {
            LABEL.to_owned()
        });
    }
    faults
}

/// Labels within a subdomain have no length limit of their own.
fn subdomain_like(text: &str) -> bool {
    text.split('.').all(is_label_like)
}

/// Labels joined by dots: at most 253 characters.
pub(crate) fn dns_subdomain(text: &str) -> Faults {
    let mut faults = Vec::new();
    if text.len() > 253 {
        faults.push(too_long(253));
    }
    if !subdomain_like(text) {
        faults.push(SUBDOMAIN.to_owned());
    }
    faults
}

/// Anything that can stand in a URL path.
pub(crate) fn path_segment(text: &str) -> Faults {
    match text {
        "." | ".." => vec![format!("may not be '{text}'")],
        _ => ["/", "%"]
            .into_iter()
            .filter(|sign| text.contains(sign))
            .map(|sign| format!("may not contain '{sign}'"))
            .collect(),
    }
}

fn is_key(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(ends)
        && text.ends_with(ends)
        && text.chars().all(|c| ends(c) || "-_.".contains(c))
}

/// A name with an optional DNS prefix: keys of labels and annotations, finalizers.
pub(crate) fn label_key(text: &str) -> Faults {
    let mut faults = Vec::new();
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                let of_prefix = dns_subdomain(prefix);
                faults.extend(of_prefix.into_iter().map(|fault| format!("prefix part {fault}")));
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push(format!("name part {}", too_long(63)));
    }
    if !is_key(name) {
        faults.push(format!("name part {KEY}"));
    }
    faults
}

/// A label's value.
pub(crate) fn label_value(text: &str) -> Faults {
    let mut faults = Vec::new();
    if text.len() > 63 {
        faults.push(too_long(63));
    }
    if !text.is_empty() && !is_key(text) {
        faults.push(VALUE.to_owned());
    }
    faults
}

/// A key of a ConfigMap or Secret, which becomes a file's name.
pub(crate) fn config_key(text: &str) -> Faults {
    let mut faults = Vec::new();
    if text.len() > 253 {
        faults.push(too_long(253));
    }
    let good = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if text.is_empty() || !text.chars().all(good) {
        faults.push(CONFIG_KEY.to_owned());
    }
    faults.extend(leads_up(text));
    faults
}

fn leads_up(text: &str) -> Option<String> {
    match text {
        "." | ".." => Some(format!("must not be '{text}'")),
        _ => text
            .starts_with("..")
            .then(|| "must not start with '..'".to_owned()),
    }
}

/// The name of an environment variable.
pub(crate) fn variable_name(text: &str) -> Faults {
    if text.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    let bad = |c: char| !(' '..='~').contains(&c) || c == '=';
    text.contains(bad).then(|| VARIABLE.to_owned()).into_iter().collect()
}

/// The name of a port.
pub(crate) fn port_name(text: &str) -> Faults {
    let mut faults = Vec::new();
    if text.len() > 15 {
        faults.push(too_long(15));
    }
    if text.is_empty() || !text.chars().all(|c| lower(c) || c == '-') {
        faults.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !text.contains(|c: char| c.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        faults.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        faults.push("must not begin or end with a hyphen".to_owned());
    }
    faults
}

/// A number of a port.
pub(crate) fn port_number(number: i64) -> Option<&'static str> {
    (!(1..=65535).contains(&number)).then_some("must be between 1 and 65535, inclusive")
}

/// A percentage as text.
pub(crate) fn percent(text: &str) -> Option<&'static str> {
    let digits = text.strip_suffix('%').unwrap_or_default();
    let good = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (!good).then_some(PERCENT)
}

/// The name of an HTTP header.
pub(crate) fn header_name(text: &str) -> Option<&'static str> {
    let good = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (!good).then_some(HEADER)
}

/// Whether a text is an RFC 1123 label.
pub(crate) fn is_dns_label(text: &str) -> bool {
    dns_label(text).is_empty()
}

/// Whether a text is an RFC 1123 subdomain.
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    dns_subdomain(text).is_empty()
}

/// Whether a text is a key of a label.
pub(crate) fn is_qualified_name(text: &str) -> bool {
    label_key(text).is_empty()
}

/// Whether a text is a value of a label.
pub(crate) fn is_label_value(text: &str) -> bool {
    label_value(text).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule_of_their_kind() {
        let long = "a".repeat(64);
        for (rule, name, good) in [
            (dns_subdomain as fn(&str) -> Faults, "a.b-c.1", true),
            (dns_subdomain, long.as_str(), true),
            (dns_subdomain, "A", false),
            (dns_subdomain, "a..b", false),
            (dns_subdomain, "a_b", false),
            (dns_subdomain, "-a", false),
            (dns_subdomain, "", false),
            (dns_label, "1a", true),
            (dns_label, "a.b", false),
            (dns_label, long.as_str(), false),
            (path_segment, "system:node", true),
            (path_segment, "a/b", false),
            (path_segment, "..", false),
            (label_key, "app", true),
            (label_key, "example.com/App_1", true),
            (label_key, "", false),
            (label_key, "/a", false),
            (label_key, "a/b/c", false),
            (label_key, "Example.com/a", false),
            (label_value, "", true),
            (label_value, "a b", false),
            (config_key, ".hidden", true),
            (config_key, "..", false),
            (config_key, "a/b", false),
            (variable_name, "a b", true),
            (variable_name, "a=b", false),
            (port_name, "http-2", true),
            (port_name, "80", false),
        ] {
            assert_eq!(rule(name).is_empty(), good, "{name}");
        }
    }
}
