//! What the API promises, tested from outside: schemas, rules, round trips, decoding.
#![expect(clippy::unwrap_used, reason = "test support fails the test by panicking")]

mod contract;
mod decoding;
mod definitions;
mod openapi;
mod round_trip;
mod rules;

use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// All definitions as JSON.
static CRDS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    koc_api::crds()
        .iter()
        .map(|crd| serde_json::to_value(crd).unwrap())
        .collect()
});

/// The definition of a kind.
fn definition(kind: &str) -> &'static Value {
    CRDS.iter()
        .find(|crd| crd["spec"]["names"]["kind"] == kind)
        .unwrap_or_else(|| panic!("no kind {kind}"))
}

/// The schema of a kind.
fn schema(kind: &str) -> &'static Value {
    &definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// Everything wrong with an object, by schema and by rule.
fn problems(kind: &str, object: &Value, old: Option<&Value>) -> Vec<String> {
    let defaulted = kube_cel_defaults(kind, object);
    let mut problems = openapi::problems(schema(kind), &defaulted);
    // Like the API server, ask rules only about objects of the right shape.
    if problems.is_empty()
        && let Err(errors) = kube_cel::Validator::new().validate(schema(kind), object, old)
    {
        problems.extend(errors.as_slice().iter().map(ToString::to_string));
    }
    problems
}

/// The object with the schema's defaults, as the API server sees it when it validates.
fn kube_cel_defaults(kind: &str, object: &Value) -> Value {
    kube_cel::apply_defaults(schema(kind), object)
}

/// Reads YAML.
fn yaml<T: DeserializeOwned>(text: &str) -> T {
    serde_saphyr::from_str(text).unwrap()
}
