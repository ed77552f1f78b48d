//! OpenTelemetry: where traces go, with which headers, and under which attributes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector};
use koc_api::OpenTelemetry;
use koc_api::names::env as env_names;

use super::literal;

/// Who sends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    /// Name of the Task, unless an Agent's server sends.
    pub(super) task: Option<&'a str>,
    /// Name of the Agent or AgentTemplate.
    pub(super) agent: &'a str,
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
}

/// Whether anything is sent at all.
pub(super) fn is_active(telemetry: &OpenTelemetry) -> bool {
    telemetry.enabled && endpoint(telemetry).is_some()
}

fn endpoint(telemetry: &OpenTelemetry) -> Option<&str> {
    telemetry
        .endpoint
        .as_deref()
        .filter(|endpoint| !endpoint.is_empty())
}

/// The variables; none when nothing is sent.
pub(super) fn variables(telemetry: &OpenTelemetry, sender: Sender<'_>) -> Vec<EnvVar> {
    let (true, Some(endpoint)) = (telemetry.enabled, endpoint(telemetry)) else {
        return Vec::new();
    };
    let mut vars = vec![literal(env_names::OTEL_ENDPOINT, endpoint)];
    vars.extend(headers(telemetry));
    let attributes = attributes(telemetry, sender);
    vars.push(literal(env_names::OTEL_RESOURCE_ATTRIBUTES, &attributes));
    if telemetry.record_content == Some(true) {
        vars.push(literal(env_names::OTEL_CAPTURE_CONTENT, "true"));
    }
    vars
}

/// The headers' variable, after the helpers it refers to. A value from a Secret never stands in the Pod.
fn headers(telemetry: &OpenTelemetry) -> Vec<EnvVar> {
    let mut helpers = Vec::new();
    let mut pairs = Vec::new();
    let mut taken = BTreeSet::new();
    for (name, header) in telemetry.headers.iter().flatten() {
        let inline = header
            .value
            .as_ref()
            .map(koc_api::SecretText::expose)
            .filter(|v| !v.is_empty());
        if let Some(value) = inline {
            // Percent signs are left alone: v0.1.7's users encoded their values themselves.
            pairs.push(format!(
                "{}={}",
                encoded(name),
                dollars(&encoded_keeping_percent(value))
            ));
        } else if let Some(reference) = header.value_from.as_ref().and_then(|v| v.secret_key_ref.as_ref()) {
            let helper = helper_name(name, &mut taken);
            pairs.push(format!("{}=$({helper})", encoded(name)));
            helpers.push(EnvVar {
                name: helper,
                value: None,
                value_from: Some(EnvVarSource {
                    secret_key_ref: Some(SecretKeySelector {
                        // The Secret is looked for in each namespace that runs Tasks. Where it is missing, traces
                        // are lost; the work is not.
                        optional: Some(true),
                        ..reference.clone()
                    }),
                    ..EnvVarSource::default()
                }),
            });
        }
    }
    if !pairs.is_empty() {
        helpers.push(EnvVar {
            name: env_names::OTEL_HEADERS.to_owned(),
            value: Some(pairs.join(",")),
            value_from: None,
        });
    }
    helpers
}

/// `x-team` becomes `OTEL_HEADER_X_TEAM`, and `x.team` beside it `OTEL_HEADER_X_TEAM_2`.
fn helper_name(header: &str, taken: &mut BTreeSet<String>) -> String {
    let letters: String = header
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    let base = format!("{}{letters}", env_names::OTEL_HEADER_PREFIX);
    let mut name = base.clone();
    let mut count = 1;
    while !taken.insert(name.clone()) {
        count += 1;
        name = format!("{base}_{count}");
    }
    name
}

fn attributes(telemetry: &OpenTelemetry, sender: Sender<'_>) -> String {
    let own = [
        ("kubeopencode.task.name", sender.task),
        ("kubeopencode.task.namespace", Some(sender.namespace)),
        ("kubeopencode.agent.name", Some(sender.agent)),
        ("k8s.namespace.name", Some(sender.namespace)),
        ("k8s.pod.name", Some(sender.pod)),
    ];
    let empty = BTreeMap::new();
    let users = telemetry.resource_attributes.as_ref().unwrap_or(&empty);
    own.iter()
        .filter_map(|(key, value)| Some((*key, (*value)?)))
        .chain(users.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        .map(|(key, value)| format!("{}={}", encoded(key), encoded(value)))
        .collect::<Vec<_>>()
        .join(",")
}

/// Percent-encodes what the list format of OpenTelemetry's variables (W3C baggage) gives a meaning to.
fn encoded(text: &str) -> String {
    encode(text, |byte| byte == b'%')
}

fn encoded_keeping_percent(text: &str) -> String {
    encode(text, |_| false)
}

fn encode(text: &str, more: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain =
            byte.is_ascii_graphic() && !matches!(byte, b',' | b';' | b'=' | b'"' | b'\\') && !more(byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn dollars(text: &str) -> String {
    super::without_references(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(telemetry: serde_json::Value, expected: &[(&str, &str)]) {
        let telemetry: OpenTelemetry = serde_json::from_value(telemetry).unwrap();
        let sender = Sender {
            task: Some("t"),
            agent: "a",
            namespace: "n",
            pod: "t-pod",
        };
        let vars = variables(&telemetry, sender);
        let got: Vec<(&str, &str)> = vars
            .iter()
            .map(|var| (var.name.as_str(), var.value.as_deref().unwrap_or("(secret)")))
            .collect();
        assert_eq!(got, expected);
    }

    const OWN: &str = "kubeopencode.task.name=t,kubeopencode.task.namespace=n,kubeopencode.agent.name=a,\
                       k8s.namespace.name=n,k8s.pod.name=t-pod";

    #[test]
    fn nothing_is_sent_unless_switched_on() {
        check(json!({"enabled": false, "endpoint": "http://c:4318"}), &[]);
        check(json!({"enabled": true, "endpoint": ""}), &[]);
    }

    #[test]
    fn headers_that_look_alike_keep_their_own_secrets() {
        let secret = |key: &str| json!({"valueFrom": {"secretKeyRef": {"name": "s", "key": key}}});
        check(
            json!({"enabled": true, "endpoint": "http://c:4318", "headers": {
                "x-a": secret("1"), "x.a": secret("2"), "b": {"value": "c d,e=$(HOME)"}}}),
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
                ("OTEL_HEADER_X_A", "(secret)"),
                ("OTEL_HEADER_X_A_2", "(secret)"),
                (
                    "OTEL_EXPORTER_OTLP_HEADERS",
                    "b=c%20d%2Ce%3D$$(HOME),x-a=$(OTEL_HEADER_X_A),x.a=$(OTEL_HEADER_X_A_2)",
                ),
                ("OTEL_RESOURCE_ATTRIBUTES", OWN),
            ],
        );
    }

    #[test]
    fn attributes_are_escaped() {
        let attributes = format!("{OWN},team=a%2Cb%3Dc%2520d");
        check(
            json!({"enabled": true, "endpoint": "http://c", "recordContent": true,
                   "resourceAttributes": {"team": "a,b=c%20d"}}),
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
                ("OTEL_RESOURCE_ATTRIBUTES", &attributes),
                ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true"),
            ],
        );
    }
}
