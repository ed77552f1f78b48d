//! `known.yaml`: differences that stay, each with its reason.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::case::{Case, directory, yaml};
use crate::difference::Difference;
use crate::normal::tokens;

/// A difference that is known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// The case's sentence; `*` for any.
    pub(crate) case: String,
    /// Counted from one; any if it is left out.
    pub(crate) step: Option<usize>,
    /// A pointer into the answer; `*` stands for one token.
    pub(crate) at: String,
    #[serde(default, deserialize_with = "present")]
    pub(crate) embedded: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) real: Option<Value>,
    /// Whatever the two values are: for messages that show more than they should.
    #[serde(default)]
    pub(crate) any: bool,
    pub(crate) reason: String,
}

/// Keeps a null apart from a missing field.
fn present<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(source).map(Some)
}

impl Known {
    /// Whether this is the difference that is known.
    pub(crate) fn is(&self, case: &Case, step: usize, found: &Difference) -> bool {
        let (wanted, at) = (tokens(&self.at), tokens(&found.at));
        (self.case == "*" || self.case == case.case)
            && self.step.is_none_or(|wanted| wanted == step)
            && wanted.len() == at.len()
            && wanted
                .iter()
                .zip(&at)
                .all(|(wanted, token)| wanted == "*" || wanted == token)
            && (self.any || (self.embedded == found.embedded && self.real == found.real))
    }

    fn side(&self, value: Option<&Value>) -> String {
        match value {
            _ if self.any => "any".to_owned(),
            None => "nothing".to_owned(),
            Some(value) => format!("`{value}`"),
        }
    }
}

/// The whole table.
pub(crate) fn load() -> anyhow::Result<Vec<Known>> {
    yaml(&directory().join("known.yaml"))
}

/// The table as a page for people.
pub(crate) fn page(table: &[Known]) -> String {
    let mut page = String::from(
        "# Differences from a real kube-apiserver\n\n\
         The differential tests send the same requests to the embedded API server and to a kube-apiserver and compare\n\
         the answers. These are all differences they know, made from `crates/testkit/tests/differential/known.yaml`.\n",
    );
    if table.is_empty() {
        page.push_str("\nThere are none.\n");
        return page;
    }
    page.push_str("\n| case | step | where | embedded | kube-apiserver | why |\n|---|---|---|---|---|---|\n");
    for known in table {
        let step = known
            .step
            .map_or_else(|| "any".to_owned(), |step| step.to_string());
        let case = if known.case == "*" { "any" } else { &known.case };
        let row = [
            case.to_owned(),
            step,
            format!("`{}`", known.at),
            known.side(known.embedded.as_ref()),
            known.side(known.real.as_ref()),
            known.reason.trim().to_owned(),
        ];
        page.push_str(&format!(
            "| {} |\n",
            row.map(|cell| cell.replace('|', "\\|")).join(" | ")
        ));
    }
    page
}
