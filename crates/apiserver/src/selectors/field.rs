//! Field selectors: `status.phase=Running,spec.nodeName!=a`.

use serde_json::Value;

use crate::error::ApiError;
use crate::kind::Kind;

/// A conjunction of requirements on fields; an empty one matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    field: String,
    equal: bool,
    value: String,
}

impl FieldSelector {
    /// Parses the text of a `fieldSelector` query parameter.
    ///
    /// # Errors
    ///
    /// 400 `BadRequest` that names the part that is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let mut requirements = Vec::new();
        for part in split(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let found = part.find("!=").map(|i| (i, 2, false)).or_else(|| {
                let at = part.find('=')?;
                Some((at, if part[at..].starts_with("==") { 2 } else { 1 }, true))
            });
            // "a=b!=c" is an equality whose value contains "!=".
            let found = match (found, part.find('=')) {
                (Some((i, _, false)), Some(first)) if first < i => {
                    Some((first, if part[first..].starts_with("==") { 2 } else { 1 }, true))
                }
                (found, _) => found,
            };
            let Some((at, width, equal)) = found else {
                let message = format!(
                    "unable to parse the field selector \"{text}\": \"{part}\" has none of =, == and !="
                );
                return Err(ApiError::new(400, "BadRequest", message));
            };
            requirements.push(Requirement {
                field: part[..at].trim().to_owned(),
                equal,
                value: unescape(&part[at + width..]),
            });
        }
        Ok(Self { requirements })
    }

    /// Refuses fields that objects of this kind cannot be selected by.
    ///
    /// # Errors
    ///
    /// 400 `BadRequest` that names the field and the ones that work.
    pub(crate) fn check(&self, kind: &Kind) -> Result<(), ApiError> {
        for Requirement { field, .. } in &self.requirements {
            let common = field == "metadata.name" || field == "metadata.namespace" && kind.namespaced;
            if !common && !kind.field_selectors.contains(field) {
                let mut known = vec!["metadata.name".to_owned()];
                if kind.namespaced {
                    known.push("metadata.namespace".to_owned());
                }
                known.extend(kind.field_selectors.iter().cloned());
                let message = format!(
                    "\"{field}\" is not a known field selector of {}: only {}",
                    kind.resource_key(),
                    known.join(", ")
                );
                return Err(ApiError::new(400, "BadRequest", message));
            }
        }
        Ok(())
    }

    /// Whether the object's fields meet every requirement. An absent field equals the empty text.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.requirements
            .iter()
            .all(|r| (read(object, &r.field) == r.value) == r.equal)
    }
}

impl std::fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, Requirement { field, equal, value }) in self.requirements.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let sign = if *equal { "=" } else { "!=" };
            let value = value
                .replace('\\', "\\\\")
                .replace(',', "\\,")
                .replace('=', "\\=");
            write!(f, "{comma}{field}{sign}{value}")?;
        }
        Ok(())
    }
}

/// Splits at commas that no backslash precedes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut escaped, mut start) = (false, 0);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' {
            chars.next().unwrap_or('\\')
        } else {
            c
        });
    }
    out
}

/// The field's value as text; lists and objects have none.
fn read(object: &Value, field: &str) -> String {
    let value = field.split('.').try_fold(object, |value, name| value.get(name));
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        // The one selectable field of `v1` events that stands for an object's member.
        Some(Value::Object(source)) if field == "source" => source
            .get("component")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        // Flags read as false where they are not set, as a typed object would hold them.
        None if matches!(field, "spec.unschedulable" | "spec.hostNetwork") => "false".to_owned(),
        _ => String::new(),
    }
}
