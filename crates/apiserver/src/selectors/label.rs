//! Label selectors: `app=web,tier in (a, b),!canary`.

use serde_json::{Map, Value};

use crate::builtin::{is_label_value, is_qualified_name};
use crate::error::ApiError;

/// A conjunction of requirements on labels; an empty one matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    /// Parses the text of a `labelSelector` query parameter.
    ///
    /// # Errors
    ///
    /// 400 `BadRequest` that names the part that is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let bad = |why: String| {
            ApiError::new(
                400,
                "BadRequest",
                format!("unable to parse the label selector \"{text}\": {why}"),
            )
        };
        let mut requirements = Vec::new();
        for part in split(text) {
            let part = part.trim();
            if part.is_empty() {
                if text.trim().is_empty() {
                    continue;
                }
                return Err(bad("a requirement is missing next to a comma".to_owned()));
            }
            requirements.push(requirement(part).map_err(&bad)?);
        }
        Ok(Self { requirements })
    }

    /// Reads the object form, `matchLabels` and `matchExpressions`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub(crate) fn from_object(selector: &Value) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for (key, value) in selector
            .get("matchLabels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let value = value
                .as_str()
                .ok_or_else(|| format!("the value of label {key} must be text"))?;
            requirements.push(checked(key, Test::In(vec![value.to_owned()]))?);
        }
        for entry in selector
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let key = entry.get("key").and_then(Value::as_str).unwrap_or_default();
            let values: Vec<String> = entry
                .get("values")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            let test = match (
                entry.get("operator").and_then(Value::as_str).unwrap_or_default(),
                values.is_empty(),
            ) {
                ("In", false) => Test::In(values),
                ("NotIn", false) => Test::NotIn(values),
                ("Exists", true) => Test::Exists,
                ("DoesNotExist", true) => Test::Absent,
                ("In" | "NotIn", true) => return Err(format!("the expression for {key} needs values")),
                ("Exists" | "DoesNotExist", false) => {
                    return Err(format!("the expression for {key} takes no values"));
                }
                (other, _) => {
                    return Err(format!(
                        "operator \"{other}\" is none of In, NotIn, Exists, DoesNotExist"
                    ));
                }
            };
            requirements.push(checked(key, test)?);
        }
        Ok(Self { requirements })
    }

    /// Whether every object matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether the object's labels meet every requirement.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.is_empty() || self.matches_labels(object.pointer("/metadata/labels").and_then(Value::as_object))
    }

    /// Whether these labels meet every requirement.
    pub(crate) fn matches_labels(&self, labels: Option<&Map<String, Value>>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels
                .and_then(|l| l.get(&requirement.key))
                .and_then(Value::as_str);
            let among = |list: &[String]| value.is_some_and(|v| list.iter().any(|l| l == v));
            let number = || value.and_then(|v| v.parse::<i64>().ok());
            match &requirement.test {
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::In(list) => among(list),
                Test::NotIn(list) => !among(list),
                Test::Above(bound) => number().is_some_and(|n| n > *bound),
                Test::Below(bound) => number().is_some_and(|n| n < *bound),
            }
        })
    }
}

impl std::fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, Requirement { key, test }) in self.requirements.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            match test {
                Test::Exists => f.write_str(key)?,
                Test::Absent => write!(f, "!{key}")?,
                Test::In(list) if list.len() == 1 => write!(f, "{key}={}", list[0])?,
                Test::In(list) => write!(f, "{key} in ({})", list.join(","))?,
                Test::NotIn(list) if list.len() == 1 => write!(f, "{key}!={}", list[0])?,
                Test::NotIn(list) => write!(f, "{key} notin ({})", list.join(","))?,
                Test::Above(bound) => write!(f, "{key}>{bound}")?,
                Test::Below(bound) => write!(f, "{key}<{bound}")?,
            }
        }
        Ok(())
    }
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn requirement(part: &str) -> Result<Requirement, String> {
    if let Some(key) = part.strip_prefix('!') {
        return checked(key.trim(), Test::Absent);
    }
    // The key ends at the first character that no key may have.
    let end = part
        .find(|c: char| c.is_whitespace() || "=!<>(".contains(c))
        .unwrap_or(part.len());
    let (key, rest) = (&part[..end], part[end..].trim());
    let one = |value: &str| vec![value.trim().to_owned()];
    if rest.is_empty() {
        return checked(key, Test::Exists);
    }
    if let Some(value) = rest.strip_prefix("!=") {
        return checked(key, Test::NotIn(one(value)));
    }
    if let Some(value) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
        return checked(key, Test::In(one(value)));
    }
    for (sign, test) in [('>', Test::Above as fn(i64) -> Test), ('<', Test::Below)] {
        if let Some(value) = rest.strip_prefix(sign) {
            let bound = value
                .trim()
                .parse()
                .map_err(|_| format!("\"{}\" is no whole number", value.trim()))?;
            return checked(key, test(bound));
        }
    }
    if let Some(list) = rest.strip_prefix("notin") {
        return checked(key, Test::NotIn(values(list)?));
    }
    if let Some(list) = rest.strip_prefix("in") {
        return checked(key, Test::In(values(list)?));
    }
    Err(format!(
        "\"{rest}\" is none of =, ==, !=, in (…), notin (…), < and >"
    ))
}

fn values(list: &str) -> Result<Vec<String>, String> {
    let inner = list.trim().strip_prefix('(').and_then(|l| l.strip_suffix(')'));
    let inner =
        inner.ok_or_else(|| format!("\"{}\" must be a list of values in parentheses", list.trim()))?;
    Ok(inner.split(',').map(|v| v.trim().to_owned()).collect())
}

fn checked(key: &str, test: Test) -> Result<Requirement, String> {
    if !is_qualified_name(key) {
        return Err(format!("\"{key}\" is no label key"));
    }
    if let Test::In(list) | Test::NotIn(list) = &test
        && let Some(bad) = list.iter().find(|v| !is_label_value(v))
    {
        return Err(format!("\"{bad}\" is no label value"));
    }
    Ok(Requirement {
        key: key.to_owned(),
        test,
    })
}
