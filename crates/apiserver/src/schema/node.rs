//! One place of a compiled schema.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use regex::Regex;
use serde_json::Value;

pub(crate) use super::format::Format;
use super::rule::Rule;

/// What a place may hold. Descriptions are not kept: they are most of a schema's weight, and only the
/// OpenAPI document needs them.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) kind: Type,
    pub(crate) nullable: bool,
    /// Unknown fields stay (`x-kubernetes-preserve-unknown-fields`).
    pub(crate) preserve: bool,
    /// The value is a whole object with apiVersion, kind and metadata (`x-kubernetes-embedded-resource`).
    pub(crate) embedded: bool,
    /// The value is a secret: no message may show it.
    pub(crate) sensitive: bool,
    pub(crate) properties: BTreeMap<Box<str>, Arc<Node>>,
    /// What keys that are no property hold (`additionalProperties`).
    pub(crate) additional: Option<Arc<Node>>,
    pub(crate) items: Option<Arc<Node>>,
    pub(crate) list: ListType,
    /// The object is replaced as a whole by server-side apply (`x-kubernetes-map-type: atomic`).
    pub(crate) atomic: bool,
    pub(crate) default: Option<Box<Value>>,
    pub(crate) checks: Option<Box<Checks>>,
    pub(crate) rules: Vec<Rule>,
    /// What lies in this subtree, so that walks skip what cannot matter.
    pub(crate) below: Below,
}

/// Facts about a node and everything under it.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Below {
    pub(crate) rules: bool,
    pub(crate) transitions: bool,
}

/// JSON types as a structural schema names them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
    /// A resource quantity: text, or a bare number as YAML authors write it.
    Quantity,
}

impl Type {
    /// The word a message uses.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::IntOrString => "integer or string",
            Self::Quantity => "quantity",
        }
    }

    /// Whether a value is of this type; `null` never is, except of `Any`.
    pub(crate) fn admits(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Integer => is_integer(value),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::IntOrString => value.is_string() || is_integer(value),
            Self::Quantity => value.is_string() || value.is_number(),
        }
    }
}

/// JSON has one number type, so `1.0` counts as an integer too.
fn is_integer(value: &Value) -> bool {
    match value {
        Value::Number(n) => n.is_i64() || n.is_u64() || n.as_f64().is_some_and(|f| f.fract() == 0.0),
        _ => false,
    }
}

/// How list items are told apart.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

/// Value checks beyond the type. Boxed in [`Node`], since most places have none.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) required: Vec<Box<str>>,
    pub(crate) allowed: Vec<Value>,
    pub(crate) format: Option<Format>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
    pub(crate) exclusive_minimum: bool,
    pub(crate) exclusive_maximum: bool,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) min_properties: Option<u64>,
    pub(crate) max_properties: Option<u64>,
    pub(crate) unique: bool,
    pub(crate) all_of: Vec<Arc<Node>>,
    pub(crate) any_of: Vec<Arc<Node>>,
    pub(crate) one_of: Vec<Arc<Node>>,
    pub(crate) not: Option<Arc<Node>>,
}

/// A regular expression that was checked when the schema was compiled and is built on first use: most
/// patterns of most schemas are never needed, and a built one is many times its text.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) text: Box<str>,
    built: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Checks the expression's syntax.
    pub(crate) fn new(text: &str) -> Result<Self, regex::Error> {
        Regex::new(text)?;
        Ok(Self {
            text: text.into(),
            built: OnceLock::new(),
        })
    }

    /// Whether the expression matches anywhere in the text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.built
            .get_or_init(|| Regex::new(&self.text).ok())
            .as_ref()
            .is_some_and(|r| r.is_match(text))
    }
}
