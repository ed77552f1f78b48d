//! OpenTelemetry export.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::SecretKeySelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::patterns;
use crate::secret_text::SecretText;

/// OpenTelemetry export from every Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!self.enabled || (has(self.endpoint) && size(self.endpoint) > 0)",
        "message": "openTelemetry is enabled but has nowhere to send to: set endpoint, or set enabled to false"
    }
]))]
pub struct OpenTelemetry {
    /// Whether anything is exported.
    pub enabled: bool,
    /// OTLP/HTTP endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = patterns::TELEMETRY_ENDPOINT))]
    pub endpoint: Option<String>,
    /// Headers of the exporter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 64))]
    pub headers: Option<BTreeMap<String, TelemetryHeader>>,
    /// Have OpenCode trace its calls to models. Default false.
    #[serde(rename = "enableLLMTraces", default, skip_serializing_if = "Option::is_none")]
    pub enable_llm_traces: Option<bool>,
    /// Record what is asked and answered. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_content: Option<bool>,
    /// More resource attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_attributes: Option<BTreeMap<String, String>>,
}

/// The value of a header, written out or from a Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "(has(self.value) && self.value != '') || (has(self.valueFrom) && has(self.valueFrom.secretKeyRef))",
        "message": "a header needs a value: set value to some text, or valueFrom.secretKeyRef"
    }
]))]
pub struct TelemetryHeader {
    /// The value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8192))]
    pub value: Option<SecretText>,
    /// Where to read it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<HeaderSecret>,
}

/// Where a header's value is read from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderSecret {
    /// A key of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeySelector>,
}
