//! One request to a resource, and the options that come with it.

use std::sync::Arc;

use http::HeaderMap;
use http::header::USER_AGENT;

use crate::api::Api;
use crate::error::{ApiError, Cause};
use crate::kind::Kind;
use crate::media::Form;
use crate::present::Look;
use crate::query::Query;
use crate::refusal;
use crate::table::IncludeObject;

/// Who is asking. In process it is the system itself; over TCP it is the holder of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: &'static str,
    pub(crate) groups: &'static [&'static str],
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            user: "system:apiserver",
            groups: &["system:masters", "system:authenticated"],
        }
    }
}

/// Everything a verb needs to know of the request.
pub(crate) struct Call {
    pub(crate) api: Api,
    pub(crate) kind: Arc<Kind>,
    /// Empty for cluster-scoped kinds and for requests over all namespaces.
    pub(crate) namespace: String,
    /// Empty for collections.
    pub(crate) name: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) form: Form,
    /// Sentences for `Warning` headers.
    pub(crate) warnings: Vec<String>,
}

/// What to do about fields the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// Options of every write.
#[derive(Debug, Clone)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    pub(crate) validation: FieldValidation,
    pub(crate) manager: String,
}

impl Call {
    /// The form of the answer.
    pub(crate) fn look(&self) -> Look {
        let include = match self.query.get("includeObject") {
            Some("None") => IncludeObject::None,
            Some("Object") => IncludeObject::Object,
            _ => IncludeObject::Metadata,
        };
        Look {
            form: self.form,
            include,
        }
    }

    /// The namespace to list in; none means all.
    pub(crate) fn scope(&self) -> Option<&str> {
        (!self.namespace.is_empty()).then_some(self.namespace.as_str())
    }

    /// Reads the options of a write; `options` is how error texts name them, such as `CreateOptions`.
    pub(crate) fn write_options(&self, options: &str) -> Result<WriteOptions, ApiError> {
        let mut causes = Vec::new();
        let dry_run = dry_run(self.query.all("dryRun"), &mut causes);
        let validation = match self.query.get("fieldValidation") {
            None | Some("Warn") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                causes.push(unsupported(
                    "fieldValidation",
                    other,
                    "\"Ignore\", \"Warn\", \"Strict\"",
                ));
                FieldValidation::Warn
            }
        };
        let manager = match self.query.get("fieldManager") {
            Some(manager) => manager.to_owned(),
            None => self.agent(),
        };
        if manager.len() > 128 {
            causes.push(Cause::invalid(
                "fieldManager",
                "Too long: may not be more than 128 bytes",
            ));
        }
        if causes.is_empty() {
            Ok(WriteOptions {
                dry_run,
                validation,
                manager,
            })
        } else {
            Err(refusal::bad_options(options, causes))
        }
    }

    /// The program's name from the User-Agent header, which is the default field manager.
    fn agent(&self) -> String {
        let agent = self
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let program: String = agent
            .split('/')
            .next()
            .unwrap_or_default()
            .chars()
            .take(128)
            .collect();
        if program.is_empty() {
            "unknown".into()
        } else {
            program
        }
    }
}

/// `dryRun` may only be `All`.
pub(crate) fn dry_run<'a>(values: impl Iterator<Item = &'a str>, causes: &mut Vec<Cause>) -> bool {
    let mut dry_run = false;
    for value in values.filter(|value| !value.is_empty()) {
        if value == "All" {
            dry_run = true;
        } else {
            causes.push(unsupported("dryRun", value, "\"All\""));
        }
    }
    dry_run
}

/// A cause for a value that is none of the allowed ones.
pub(crate) fn unsupported(field: &str, value: &str, supported: &str) -> Cause {
    Cause {
        reason: "FieldValueNotSupported",
        field: field.into(),
        message: format!("Unsupported value: \"{value}\": supported values: {supported}"),
    }
}
