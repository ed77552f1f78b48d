//! The protobuf bodies a JSON server cannot avoid: kubectl posts some reviews, TokenRequest, and most of what its
//! `create` subcommands make, in protobuf only. The decoder reads the Kubernetes envelope and maps field numbers
//! to JSON names by small tables; a field that is in no table refuses the body rather than being lost.

mod tables;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::refusal;

/// A message's fields by number.
type Table = [(u64, Field)];

/// How a protobuf field becomes JSON.
enum Field {
    Text(&'static str),
    Texts(&'static str),
    Number(&'static str),
    Flag(&'static str),
    Message(&'static str, &'static Table),
    Messages(&'static str, &'static Table),
    /// A map from strings to strings.
    Labels(&'static str),
    /// A map from strings to bytes, which JSON shows in base64.
    Blobs(&'static str),
    /// A number or a string.
    Port(&'static str),
    /// What the server sets itself, whatever the client says.
    Skip,
}

/// Reads a Kubernetes protobuf body of one of the known kinds.
pub(crate) fn decode(body: &[u8]) -> Result<Value, ApiError> {
    let broken = || {
        refusal::bad_request(
            "the protobuf body of the request is damaged, or holds a field this server reads from JSON only; send it as JSON",
        )
    };
    let envelope = body.strip_prefix(b"k8s\0").ok_or_else(broken)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    let mut reader = Reader(envelope);
    while let Some((number, wire)) = reader.next().ok_or_else(broken)? {
        match (number, wire) {
            (1, Wire::Bytes(type_meta)) => {
                let decoded = message(type_meta, tables::TYPE_META, 0).ok_or_else(broken)?;
                api_version = decoded["apiVersion"].as_str().unwrap_or_default().into();
                kind = decoded["kind"].as_str().unwrap_or_default().into();
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let unknown = || refusal::unsupported_media_type(&["application/json", "application/yaml"]);
    let table = tables::of(&kind).ok_or_else(unknown)?;
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

/// Reads a message; none when it is damaged or holds something no table knows.
fn message(bytes: &[u8], table: &Table, depth: u8) -> Option<Value> {
    if depth > 16 {
        return None;
    }
    let mut object = Map::new();
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.next()? {
        let Some((_, field)) = table.iter().find(|(n, _)| *n == number) else {
            if is_blank(&wire, depth) {
                continue;
            }
            return None;
        };
        put(&mut object, field, wire, depth)?;
    }
    Some(Value::Object(object))
}

/// Go writes empty strings, zeros and empty messages where JSON leaves the field out.
fn is_blank(wire: &Wire<'_>, depth: u8) -> bool {
    match wire {
        Wire::Number(number) => *number == 0,
        Wire::Bytes([]) => true,
        Wire::Bytes(bytes) => {
            depth < 16 && {
                let mut reader = Reader(bytes);
                loop {
                    match reader.next() {
                        Some(Some((_, wire))) if is_blank(&wire, depth + 1) => {}
                        Some(None) => break true,
                        _ => break false,
                    }
                }
            }
        }
    }
}

fn put(object: &mut Map<String, Value>, field: &Field, wire: Wire<'_>, depth: u8) -> Option<()> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let mut push = |name: &str, value: Value| {
        if let Value::Array(list) = object.entry(name).or_insert_with(|| json!([])) {
            list.push(value);
        }
    };
    match (field, wire) {
        (Field::Skip, _) => {}
        (Field::Text(name), Wire::Bytes(bytes)) => {
            let text = text(bytes)?;
            if !text.is_empty() {
                object.insert((*name).into(), text.into());
            }
        }
        (Field::Texts(name), Wire::Bytes(bytes)) => push(name, text(bytes)?.into()),
        (Field::Number(name), Wire::Number(number)) => {
            object.insert((*name).into(), number.cast_signed().into());
        }
        (Field::Flag(name), Wire::Number(number)) => {
            object.insert((*name).into(), (number != 0).into());
        }
        (Field::Message(name, table), Wire::Bytes(bytes)) => {
            object.insert((*name).into(), message(bytes, table, depth + 1)?);
        }
        (Field::Messages(name, table), Wire::Bytes(bytes)) => push(name, message(bytes, table, depth + 1)?),
        (Field::Labels(name) | Field::Blobs(name), Wire::Bytes(bytes)) => {
            let (mut key, mut value) = (String::new(), &[][..]);
            let mut reader = Reader(bytes);
            while let Some((number, wire)) = reader.next()? {
                match (number, wire) {
                    (1, Wire::Bytes(bytes)) => key = text(bytes)?,
                    (2, Wire::Bytes(bytes)) => value = bytes,
                    _ => return None,
                }
            }
            let value = if matches!(field, Field::Blobs(_)) {
                STANDARD.encode(value)
            } else {
                text(value)?
            };
            if let Value::Object(map) = object.entry(*name).or_insert_with(|| json!({})) {
                map.insert(key, value.into());
            }
        }
        (Field::Port(name), Wire::Bytes(bytes)) => {
            let parts = message(bytes, tables::INT_OR_STRING, depth + 1)?;
            let port = if parts["type"] == 1 {
                parts["text"].clone()
            } else {
                parts["number"].clone()
            };
            if !port.is_null() {
                object.insert((*name).into(), port);
            }
        }
        _ => return None,
    }
    Some(())
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
        let attributes = [
            field(1, b"default"),
            field(2, b"get"),
            field(3, b""),
            field(5, b"pods"),
        ]
        .concat();
        let body = envelope("SelfSubjectAccessReview", &field(2, &field(1, &attributes)));
        let expected = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}},
        });
        assert_eq!(decode(&body).unwrap(), expected);
    }

    #[test]
    fn what_no_table_knows_is_refused_and_not_lost() {
        let body = |raw: &[u8]| envelope("Namespace", raw);
        let named = field(1, &field(1, b"n"));
        assert_eq!(decode(&body(&named)).unwrap()["metadata"]["name"], "n");
        let blank = [
            named.clone(),
            field(9, b""),
            field(9, &field(1, b"")),
            vec![10 << 3, 0],
        ]
        .concat();
        assert_eq!(decode(&body(&blank)).unwrap()["metadata"]["name"], "n");
        let unknown = [named, field(9, &field(1, b"x"))].concat();
        assert_eq!(decode(&body(&unknown)).unwrap_err().code, 400);
    }

    #[test]
    fn maps_and_bytes_are_read() {
        let entry = [field(1, b"k"), field(2, b"v")].concat();
        let meta = [field(1, b"s"), field(11, &entry)].concat();
        let body = envelope(
            "Secret",
            &[field(1, &meta), field(2, &entry), field(3, b"Opaque")].concat(),
        );
        let secret = decode(&body).unwrap();
        assert_eq!(secret["metadata"]["labels"], json!({"k": "v"}));
        assert_eq!(
            (&secret["data"], &secret["type"]),
            (&json!({"k": "dg=="}), &json!("Opaque"))
        );
    }

    #[test]
    fn damage_is_refused_and_never_panics() {
        let body = envelope(
            "SelfSubjectAccessReview",
            &field(2, &field(1, &field(1, b"default"))),
        );
        for end in 0..body.len() {
            _ = decode(&body[..end]);
        }
        assert_eq!(decode(b"{}").unwrap_err().code, 400);
        assert_eq!(decode(&envelope("Gadget", b"")).unwrap_err().code, 415);
        assert_eq!(
            decode(b"k8s\0\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
                .unwrap_err()
                .code,
            400
        );
    }
}
