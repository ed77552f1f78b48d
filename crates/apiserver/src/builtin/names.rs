//! Names, labels and the rest of an object's metadata.

use serde_json::{Map, Value};

use crate::error::Cause;
use crate::violation;

/// Keys and values of all annotations together may not weigh more bytes than this.
const ANNOTATION_BYTES: usize = 256 * 1024;

const SUBDOMAIN_WHY: &str = "must be a DNS subdomain: lower case letters, digits, '-' and '.', with a letter or digit \
    at both ends of each part, such as example.com";
const LABEL_WHY: &str = "must be a DNS label: lower case letters, digits and '-', with a letter or digit at both ends, \
    such as my-name";

/// What an object's name may look like; it differs by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameRule {
    /// RFC 1123 subdomain, at most 253 characters.
    Subdomain,
    /// RFC 1123 label, at most 63 characters.
    Label,
    /// A label that starts with a letter: Services.
    LeadingLetter,
    /// Anything that can stand in a URL path: RBAC kinds.
    PathSegment,
}

fn lower_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// RFC 1123 label: `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63 characters.
pub(crate) fn is_dns_label(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(lower_alphanumeric)
        && text.ends_with(lower_alphanumeric)
        && text.chars().all(|c| lower_alphanumeric(c) || c == '-')
}

/// RFC 1123 subdomain: labels joined by dots, at most 253 characters.
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    // Labels within a subdomain have no length limit of their own in Kubernetes.
    let part = |part: &str| {
        part.starts_with(lower_alphanumeric)
            && part.ends_with(lower_alphanumeric)
            && part.chars().all(|c| lower_alphanumeric(c) || c == '-')
    };
    !text.is_empty() && text.len() <= 253 && text.split('.').all(part)
}

/// A name without prefix: `[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?`, at most 63 characters.
fn is_plain_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// A plain name with an optional DNS prefix: keys of labels and annotations, finalizers.
pub(crate) fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_plain_name(name),
        None => is_plain_name(text),
    }
}

/// A label's value: empty, or a plain name.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_plain_name(text)
}

impl NameRule {
    fn fault(self, name: &str) -> Option<String> {
        let (good, why) = match self {
            Self::Subdomain => (is_dns_subdomain(name), SUBDOMAIN_WHY),
            Self::Label => (is_dns_label(name), LABEL_WHY),
            Self::LeadingLetter => (
                is_dns_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()),
                "must be a DNS label that starts with a letter: lower case letters, digits and '-', such as my-name",
            ),
            Self::PathSegment => (
                !matches!(name, "." | "..") && !name.contains(['/', '%']),
                "may not be '.' or '..' and may not contain '/' or '%'",
            ),
        };
        if good {
            return None;
        }
        let limit = if matches!(self, Self::Label | Self::LeadingLetter) {
            63
        } else {
            253
        };
        Some(if name.len() > limit {
            format!("must be no more than {limit} characters")
        } else {
            why.to_owned()
        })
    }
}

/// Checks metadata as for any kind whose names are subdomains, custom kinds among them.
pub(crate) fn metadata_causes(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    check(value, old, NameRule::Subdomain)
}

/// Checks `metadata`: name, labels, annotations, owners, finalizers, and what may not change.
pub(super) fn check(value: &Value, old: Option<&Value>, rule: NameRule) -> Vec<Cause> {
    let mut causes = Vec::new();
    let empty = Map::new();
    let metadata = value.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
    name(metadata, rule, &mut causes);
    labels(metadata.get("labels"), "metadata.labels", &mut causes);
    annotations(metadata.get("annotations"), &mut causes);
    owners(metadata, &mut causes);
    for (i, finalizer) in list(metadata, "finalizers").iter().enumerate() {
        if !finalizer.as_str().is_some_and(is_qualified_name) {
            let why = "a finalizer is a qualified name such as example.com/cleanup";
            causes.push(violation::invalid(
                format!("metadata.finalizers[{i}]"),
                finalizer,
                why,
            ));
        }
    }
    if let Some(before) = old.and_then(|o| o.get("metadata")) {
        for field in ["name", "namespace", "uid", "creationTimestamp"] {
            let now = metadata.get(field).filter(|v| !v.is_null());
            if let (Some(now), Some(before)) = (now, before.get(field).filter(|v| !v.is_null()))
                && now != before
            {
                causes.push(violation::invalid(
                    format!("metadata.{field}"),
                    now,
                    "field is immutable",
                ));
            }
        }
    }
    causes
}

fn name(metadata: &Map<String, Value>, rule: NameRule, causes: &mut Vec<Cause>) {
    let text = |field: &str| {
        metadata
            .get(field)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
    };
    let Some(name) = text("name") else {
        match text("generateName") {
            None => causes.push(violation::required(
                "metadata.name",
                "an object needs a name, or a generateName to make one from",
            )),
            Some(prefix) => {
                // The generated part is alphanumeric, so the prefix may end in what a name may not.
                let sample = format!("{}x", prefix);
                if let Some(why) = rule.fault(&sample) {
                    causes.push(violation::invalid("metadata.generateName", &prefix.into(), why));
                }
            }
        }
        return;
    };
    if let Some(why) = rule.fault(name) {
        causes.push(violation::invalid("metadata.name", &name.into(), why));
    }
    if let Some(namespace) = text("namespace").filter(|n| !is_dns_label(n)) {
        causes.push(violation::invalid(
            "metadata.namespace",
            &namespace.into(),
            LABEL_WHY,
        ));
    }
}

/// Checks a map of labels at any place of an object.
pub(super) fn labels(labels: Option<&Value>, field: &str, causes: &mut Vec<Cause>) {
    for (key, value) in labels.and_then(Value::as_object).into_iter().flatten() {
        if !is_qualified_name(key) {
            causes.push(violation::invalid(field, &key.as_str().into(), KEY_WHY));
        }
        if !value.as_str().is_some_and(is_label_value) {
            let why = "a label value is empty, or at most 63 alphanumeric characters, '-', '_' or '.', and starts \
                       and ends with an alphanumeric character";
            causes.push(violation::invalid(format!("{field}[{key}]"), value, why));
        }
    }
}

const KEY_WHY: &str = "a key is a name of at most 63 alphanumeric characters, '-', '_' or '.', that starts and ends \
    with an alphanumeric character, after an optional DNS prefix and '/' (e.g. 'example.com/my-name')";

fn annotations(annotations: Option<&Value>, causes: &mut Vec<Cause>) {
    let mut bytes = 0;
    for (key, value) in annotations.and_then(Value::as_object).into_iter().flatten() {
        bytes += key.len() + value.as_str().map_or(0, str::len);
        // Upper case is tolerated in the prefix of annotation keys.
        if !is_qualified_name(&key.to_lowercase()) {
            causes.push(violation::invalid(
                "metadata.annotations",
                &key.as_str().into(),
                KEY_WHY,
            ));
        }
        if !value.is_string() {
            causes.push(violation::wrong_type(
                format!("metadata.annotations[{key}]"),
                value,
                "string",
            ));
        }
    }
    if bytes > ANNOTATION_BYTES {
        causes.push(violation::too_long(
            "metadata.annotations",
            ANNOTATION_BYTES as u64,
            "bytes",
        ));
    }
}

fn owners(metadata: &Map<String, Value>, causes: &mut Vec<Cause>) {
    let mut controllers = 0;
    for (i, owner) in list(metadata, "ownerReferences").iter().enumerate() {
        let at = format!("metadata.ownerReferences[{i}]");
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
                causes.push(violation::required(
                    format!("{at}.{field}"),
                    "an owner is named by all four of its fields",
                ));
            }
        }
        controllers += usize::from(owner.get("controller") == Some(&Value::Bool(true)));
    }
    if controllers > 1 {
        let value = metadata.get("ownerReferences").cloned().unwrap_or_default();
        let why = "only one owner can be the controller";
        causes.push(violation::invalid("metadata.ownerReferences", &value, why));
    }
}

fn list<'a>(metadata: &'a Map<String, Value>, field: &str) -> &'a [Value] {
    metadata
        .get(field)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule_of_their_kind() {
        let long_label = "a".repeat(64);
        for (rule, name, good) in [
            (NameRule::Subdomain, "a.b-c.1", true),
            (NameRule::Subdomain, long_label.as_str(), true),
            (NameRule::Subdomain, "A", false),
            (NameRule::Subdomain, "a..b", false),
            (NameRule::Subdomain, "a_b", false),
            (NameRule::Subdomain, "-a", false),
            (NameRule::Label, "1a", true),
            (NameRule::Label, "a.b", false),
            (NameRule::Label, long_label.as_str(), false),
            (NameRule::LeadingLetter, "1a", false),
            (NameRule::LeadingLetter, "a1", true),
            (NameRule::PathSegment, "system:node", true),
            (NameRule::PathSegment, "a/b", false),
            (NameRule::PathSegment, "..", false),
        ] {
            assert_eq!(rule.fault(name).is_none(), good, "{rule:?} {name}");
        }
    }

    #[test]
    fn qualified_names_have_an_optional_dns_prefix() {
        for (name, good) in [
            ("app", true),
            ("example.com/App_1", true),
            ("kubernetes.io/metadata.name", true),
            ("", false),
            ("/a", false),
            ("a/b/c", false),
            ("Example.com/a", false),
            ("-a", false),
        ] {
            assert_eq!(is_qualified_name(name), good, "{name}");
        }
    }
}
