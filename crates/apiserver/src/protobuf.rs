//! The few protobuf bodies a JSON server cannot avoid: kubectl posts SelfSubjectAccessReview and TokenRequest in
//! protobuf only, and so do some clients with DeleteOptions and reviews. The decoder reads the Kubernetes
//! envelope and maps field numbers to JSON names by small tables.

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::refusal;

/// How a protobuf field becomes JSON.
enum Field {
    Text(&'static str),
    Texts(&'static str),
    Number(&'static str),
    Flag(&'static str),
    Message(&'static str, &'static [(u64, Field)]),
}

use Field::{Flag, Message, Number, Text, Texts};

const META: &[(u64, Field)] =
    &[(1, Text("name")), (2, Text("generateName")), (3, Text("namespace")), (5, Text("uid")), (6, Text("resourceVersion"))];
const RESOURCE: &[(u64, Field)] = &[
    (1, Text("namespace")),
    (2, Text("verb")),
    (3, Text("group")),
    (4, Text("version")),
    (5, Text("resource")),
    (6, Text("subresource")),
    (7, Text("name")),
];
const NON_RESOURCE: &[(u64, Field)] = &[(1, Text("path")), (2, Text("verb"))];
const SELF_ACCESS: &[(u64, Field)] = &[
    (1, Message("metadata", META)),
    (
        2,
        Message(
            "spec",
            &[(1, Message("resourceAttributes", RESOURCE)), (2, Message("nonResourceAttributes", NON_RESOURCE))],
        ),
    ),
];
const ACCESS: &[(u64, Field)] = &[
    (1, Message("metadata", META)),
    (
        2,
        Message(
            "spec",
            &[
                (1, Message("resourceAttributes", RESOURCE)),
                (2, Message("nonResourceAttributes", NON_RESOURCE)),
                (3, Text("user")),
                (4, Texts("groups")),
                (6, Text("uid")),
            ],
        ),
    ),
];
const SELF_RULES: &[(u64, Field)] = &[(1, Message("metadata", META)), (2, Message("spec", &[(1, Text("namespace"))]))];
const SELF_REVIEW: &[(u64, Field)] = &[(1, Message("metadata", META))];
const BOUND: &[(u64, Field)] = &[(1, Text("kind")), (2, Text("apiVersion")), (3, Text("name")), (4, Text("uid"))];
const TOKEN: &[(u64, Field)] = &[
    (1, Message("metadata", META)),
    (
        2,
        Message(
            "spec",
            &[(1, Texts("audiences")), (3, Message("boundObjectRef", BOUND)), (4, Number("expirationSeconds"))],
        ),
    ),
];
const TOKEN_REVIEW: &[(u64, Field)] =
    &[(1, Message("metadata", META)), (2, Message("spec", &[(1, Text("token")), (2, Texts("audiences"))]))];
const DELETE: &[(u64, Field)] = &[
    (1, Number("gracePeriodSeconds")),
    (2, Message("preconditions", &[(1, Text("uid")), (2, Text("resourceVersion"))])),
    (3, Flag("orphanDependents")),
    (4, Text("propagationPolicy")),
    (5, Texts("dryRun")),
];

/// Reads a Kubernetes protobuf body of one of the known kinds.
pub(crate) fn decode(body: &[u8]) -> Result<Value, ApiError> {
    let broken = || refusal::bad_request("the protobuf body of the request is cut off or damaged");
    let envelope = body.strip_prefix(b"k8s\0").ok_or_else(broken)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    let mut reader = Reader(envelope);
    while let Some((number, wire)) = reader.next().ok_or_else(broken)? {
        match (number, wire) {
            (1, Wire::Bytes(type_meta)) => {
                let decoded = message(type_meta, &[(1, Text("apiVersion")), (2, Text("kind"))], 0).ok_or_else(broken)?;
                api_version = decoded["apiVersion"].as_str().unwrap_or_default().into();
                kind = decoded["kind"].as_str().unwrap_or_default().into();
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let table = match kind.as_str() {
        "SelfSubjectAccessReview" => SELF_ACCESS,
        "SubjectAccessReview" | "LocalSubjectAccessReview" => ACCESS,
        "SelfSubjectRulesReview" => SELF_RULES,
        "SelfSubjectReview" => SELF_REVIEW,
        "TokenRequest" => TOKEN,
        "TokenReview" => TOKEN_REVIEW,
        "DeleteOptions" => DELETE,
        _ => return Err(refusal::unsupported_media_type(&["application/json", "application/yaml"])),
    };
    let mut object = message(raw, table, 0).ok_or_else(broken)?;
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    Ok(object)
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next field; the inner none is the end, the outer none is damage.
    fn next(&mut self) -> Option<Option<(u64, Wire<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Bytes(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Bytes(self.take(4)?),
            _ => return None,
        };
        Some(Some((tag >> 3, wire)))
    }
}

fn message(bytes: &[u8], table: &[(u64, Field)], depth: u8) -> Option<Value> {
    if depth > 8 {
        return None;
    }
    let mut object = Map::new();
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.next()? {
        let Some((_, field)) = table.iter().find(|(n, _)| *n == number) else { continue };
        match (field, wire) {
            (Text(name), Wire::Bytes(bytes)) => {
                let text = std::str::from_utf8(bytes).ok()?;
                // Kubernetes' protobuf writes empty strings where JSON leaves the field out.
                if !text.is_empty() {
                    object.insert((*name).into(), text.into());
                }
            }
            (Texts(name), Wire::Bytes(bytes)) => {
                let text = std::str::from_utf8(bytes).ok()?;
                if let Value::Array(list) = object.entry(*name).or_insert_with(|| json!([])) {
                    list.push(text.into());
                }
            }
            (Number(name), Wire::Number(number)) => {
                object.insert((*name).into(), number.cast_signed().into());
            }
            (Flag(name), Wire::Number(number)) => {
                object.insert((*name).into(), (number != 0).into());
            }
            (Message(name, table), Wire::Bytes(bytes)) => {
                object.insert((*name).into(), message(bytes, table, depth + 1)?);
            }
            _ => return None,
        }
    }
    Some(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, content.len() as u8];
        out.extend_from_slice(content);
        out
    }

    fn envelope(kind: &str, raw: &[u8]) -> Vec<u8> {
        let type_meta = [field(1, b"authorization.k8s.io/v1"), field(2, kind.as_bytes())].concat();
        [b"k8s\0".to_vec(), field(1, &type_meta), field(2, raw)].concat()
    }

    #[test]
    fn an_access_review_is_read() {
        let attributes = [field(1, b"default"), field(2, b"get"), field(3, b""), field(5, b"pods")].concat();
        let body = envelope("SelfSubjectAccessReview", &field(2, &field(1, &attributes)));
        let expected = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}},
        });
        assert_eq!(decode(&body).unwrap(), expected);
    }

    #[test]
    fn damage_is_refused_and_never_panics() {
        let body = envelope("SelfSubjectAccessReview", &field(2, &field(1, &field(1, b"default"))));
        for end in 0..body.len() {
            _ = decode(&body[..end]);
        }
        assert_eq!(decode(b"{}").unwrap_err().code, 400);
        assert_eq!(decode(&envelope("Pod", b"")).unwrap_err().code, 415);
        assert_eq!(decode(b"k8s\0\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").unwrap_err().code, 400);
    }
}
