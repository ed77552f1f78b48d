//! The part of JSONPath that printer columns use.

use jiff::Timestamp;
use serde_json::Value;

use super::age;

/// A parsed path, such as `.status.conditions[?(@.type=="Ready")].status`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    /// Items whose member compares so with a literal.
    Filter {
        path: Vec<String>,
        operator: Operator,
        literal: Value,
    },
    /// Items that have the member.
    Has(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl JsonPath {
    /// Parses a path; braces around it and a leading `$` are optional.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        if let Some(inner) = rest.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            rest = inner.trim();
        }
        rest = rest.strip_prefix('$').unwrap_or(rest);
        if !rest.starts_with(['.', '[']) {
            return Err("must be a JSON path that starts with a dot, such as .status.phase".to_owned());
        }
        let mut steps = Vec::new();
        while !rest.is_empty() {
            rest = if let Some(after) = rest.strip_prefix('.') {
                field(after, &mut steps)?
            } else if let Some(after) = rest.strip_prefix('[') {
                bracket(after, &mut steps)?
            } else {
                return Err(format!("\"{rest}\" should start with '.' or '['"));
            };
        }
        Ok(Self { steps })
    }

    /// Everything the path leads to.
    pub(crate) fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.follow(value)).collect();
        }
        found
    }

    /// The cell of a column of this type: the first value found, typed as the column says.
    pub(super) fn cell(&self, item: &Value, kind: &str, now: Timestamp) -> Value {
        let found = self.find(item);
        let Some(first) = found.first().filter(|v| !v.is_null()) else {
            return Value::Null;
        };
        match kind {
            "integer" => match first {
                Value::Number(n) if n.is_i64() || n.is_u64() => (*first).clone(),
                // A whole number that was written with a fraction of zero.
                Value::Number(n) => n
                    .as_f64()
                    .filter(|f| f.abs() < 9e15)
                    .map_or(Value::Null, |f| (f as i64).into()),
                Value::String(s) => s.parse::<i64>().map_or(Value::Null, Value::from),
                _ => Value::Null,
            },
            "number" => match first {
                Value::Number(_) => (*first).clone(),
                Value::String(s) => s.parse::<f64>().map_or(Value::Null, Value::from),
                _ => Value::Null,
            },
            "boolean" => {
                if first.is_boolean() {
                    (*first).clone()
                } else {
                    Value::Null
                }
            }
            "date" => {
                if first.is_string() {
                    age::since(Some(first), now).into()
                } else {
                    Value::Null
                }
            }
            _ => Value::String(text(first)),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

impl Step {
    fn follow<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => {
                let Some(items) = value.as_array() else {
                    return Vec::new();
                };
                let at = if *index < 0 {
                    index + items.len() as i64
                } else {
                    *index
                };
                usize::try_from(at)
                    .ok()
                    .and_then(|at| items.get(at))
                    .into_iter()
                    .collect()
            }
            Self::All => match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(fields) => fields.values().collect(),
                _ => Vec::new(),
            },
            Self::Has(path) => items(value).filter(|item| member(item, path).is_some()).collect(),
            Self::Filter {
                path,
                operator,
                literal,
            } => items(value)
                .filter(|item| member(item, path).is_some_and(|m| operator.holds(m, literal)))
                .collect(),
        }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn member<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

impl Operator {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::Number(a), Value::Number(b)) => {
                a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b))
            }
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        };
        let Some(order) = order else {
            return self == Self::NotEqual;
        };
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Reads a field name after a dot. A backslash lets a name contain a dot, as in `.labels.example\.com/x`.
fn field<'t>(text: &'t str, steps: &mut Vec<Step>) -> Result<&'t str, String> {
    if text.starts_with('[') {
        return Ok(text);
    }
    let mut name = String::new();
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => {
                end = i;
                break;
            }
            c => name.push(c),
        }
    }
    if name.is_empty() {
        return Err("a field name is missing after a dot".to_owned());
    }
    steps.push(if name == "*" { Step::All } else { Step::Field(name) });
    Ok(&text[end..])
}

/// Reads what stands in brackets.
fn bracket<'t>(text: &'t str, steps: &mut Vec<Step>) -> Result<&'t str, String> {
    let end = closing(text).ok_or_else(|| "a bracket is not closed".to_owned())?;
    let (inner, rest) = (text[..end].trim(), &text[end + 1..]);
    let quoted = |q: char| inner.strip_prefix(q).and_then(|t| t.strip_suffix(q));
    steps.push(if let Some(name) = quoted('\'').or_else(|| quoted('"')) {
        Step::Field(name.to_owned())
    } else if inner == "*" || inner == ":" {
        Step::All
    } else if let Some(condition) = inner.strip_prefix("?(").and_then(|t| t.strip_suffix(')')) {
        filter(condition.trim())?
    } else {
        Step::Index(
            inner
                .parse()
                .map_err(|_| format!("\"[{inner}]\" is neither an index nor a filter"))?,
        )
    });
    Ok(rest)
}

/// Where the bracket closes, quotes regarded.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ']') => return Some(i),
            _ => {}
        }
    }
    None
}

fn filter(condition: &str) -> Result<Step, String> {
    let found = OPERATORS
        .iter()
        .filter_map(|(sign, operator)| Some((condition.find(sign)?, *sign, *operator)))
        .min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())));
    let Some((at, sign, operator)) = found else {
        return Ok(Step::Has(names(condition)?));
    };
    let literal = condition[at + sign.len()..].trim();
    let quoted = |q: char| literal.strip_prefix(q).and_then(|t| t.strip_suffix(q));
    let literal = match quoted('\'').or_else(|| quoted('"')) {
        Some(text) => Value::String(text.to_owned()),
        None => serde_json::from_str(literal)
            .map_err(|_| format!("\"{literal}\" is neither quoted text, a number, true nor false"))?,
    };
    Ok(Step::Filter {
        path: names(condition[..at].trim())?,
        operator,
        literal,
    })
}

/// The member names of `@.a.b`.
fn names(text: &str) -> Result<Vec<String>, String> {
    let path = text
        .strip_prefix('@')
        .ok_or_else(|| format!("\"{text}\" should start with '@'"))?;
    Ok(path
        .split('.')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}
