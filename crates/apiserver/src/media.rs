//! Content types: which form of an answer the client wants, and how to read the body it sent.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;

use crate::error::ApiError;
use crate::{protobuf, refusal};

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The object itself.
    Plain,
    /// `meta.k8s.io/v1` Table.
    Table,
    /// Metadata only.
    Metadata,
}

/// Chooses the first form of the Accept header this server knows. Clients that ask for protobuf alone get JSON,
/// which all of them read.
pub(crate) fn form(headers: &HeaderMap) -> Result<Form, ApiError> {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut answer = None;
    for entry in accept.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let mut parts = entry.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let mut wanted = "";
        let mut group_version = (String::new(), String::new());
        for part in parts {
            match part.split_once('=') {
                Some(("as", value)) => wanted = value,
                Some(("g", value)) => group_version.0 = value.into(),
                Some(("v", value)) => group_version.1 = value.into(),
                _ => {}
            }
        }
        let known = group_version.0 == "meta.k8s.io" && group_version.1 == "v1";
        let found = match (media, wanted) {
            ("application/json", "Table") if known => Some(Form::Table),
            ("application/json", "PartialObjectMetadata" | "PartialObjectMetadataList") if known => {
                Some(Form::Metadata)
            }
            ("application/json" | "application/*" | "*/*" | "application/vnd.kubernetes.protobuf", "") => {
                Some(Form::Plain)
            }
            _ => None,
        };
        if found.is_some() {
            answer = found;
            break;
        }
    }
    match answer {
        Some(form) => Ok(form),
        None if accept.is_empty() => Ok(Form::Plain),
        None => Err(ApiError::new(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json",
        )),
    }
}

/// The media type of the body, without parameters, in lower case.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// Reads a body into JSON, and lists keys that occur twice in it.
pub(crate) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Value, ApiError> {
    match content_type(headers).as_str() {
        "" | "application/json" | "*/*" => json(body),
        "application/yaml" | "application/x-yaml" | "text/yaml" => yaml(body),
        "application/vnd.kubernetes.protobuf" => protobuf::decode(body),
        _ => Err(refusal::unsupported_media_type(&[
            "application/json",
            "application/yaml",
            "application/vnd.kubernetes.protobuf",
        ])),
    }
}

/// JSON from bytes, with a refusal that says where it ends to make sense.
pub(crate) fn json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| refusal::bad_request(format!("the body of the request is no valid JSON: {error}")))
}

/// YAML (of which JSON is a part) from bytes.
pub(crate) fn yaml(body: &[u8]) -> Result<Value, ApiError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| refusal::bad_request(format!("the body of the request is no UTF-8: {error}")))?;
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    // Only `true` and `false` are booleans, as in the YAML Kubernetes reads: a label `y` stays a text.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| refusal::bad_request(format!("the body of the request is no valid YAML: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_form_of_the_accept_header_wins() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
        for (accept, expected) in [
            ("", Some(Form::Plain)),
            ("*/*", Some(Form::Plain)),
            ("application/json", Some(Form::Plain)),
            (table, Some(Form::Table)),
            (metadata, Some(Form::Metadata)),
            ("application/vnd.kubernetes.protobuf, */*", Some(Form::Plain)),
            ("text/html", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(form(&headers).ok(), expected, "{accept}");
        }
    }
}
