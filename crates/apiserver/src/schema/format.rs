//! The `format` keyword: the formats the Kubernetes API server knows; any other is ignored, as it does.

use base64::Engine as _;
use serde_json::Value;

/// A known format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Int32,
    Int64,
    DateTime,
    Date,
    Duration,
    Byte,
    Uuid,
    Ipv4,
    Ipv6,
    Cidr,
    Hostname,
    Uri,
    Email,
}

impl Format {
    /// Looks a format up by its name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "date-time" | "datetime" => Self::DateTime,
            "date" => Self::Date,
            "duration" => Self::Duration,
            "byte" => Self::Byte,
            "uuid" | "uuid3" | "uuid4" | "uuid5" => Self::Uuid,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "cidr" => Self::Cidr,
            "hostname" => Self::Hostname,
            "uri" => Self::Uri,
            "email" => Self::Email,
            _ => return None,
        })
    }

    /// What is wrong with the value, if it is of the format's type and breaks it.
    pub(crate) fn fault(self, value: &Value) -> Option<&'static str> {
        match (self, value) {
            (Self::Int32, Value::Number(_)) => {
                let fits = value
                    .as_f64()
                    .is_some_and(|f| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&f));
                (!fits).then_some("must fit in a signed 32-bit integer")
            }
            (Self::Int64, Value::Number(n)) => {
                let fits = n.as_i64().is_some()
                    || (n.is_f64() && n.as_f64().is_some_and(|f| f.abs() < 9_223_372_036_854_775_808.0));
                (!fits).then_some("must fit in a signed 64-bit integer")
            }
            (_, Value::String(text)) => self.text_fault(text),
            _ => None,
        }
    }

    fn text_fault(self, text: &str) -> Option<&'static str> {
        let (good, wanted) = match self {
            Self::Int32 | Self::Int64 => return None,
            Self::DateTime => (
                text.contains(['T', 't', ' ']) && text.parse::<jiff::Timestamp>().is_ok(),
                "must be an RFC 3339 time such as 2006-01-02T15:04:05Z",
            ),
            Self::Date => (
                text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
                "must be a date such as 2006-01-02",
            ),
            Self::Duration => (
                go_duration_seconds(text).is_some(),
                "must be a duration such as 30s, 5m or 1h30m",
            ),
            Self::Byte => (
                base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
                "must be base64 text",
            ),
            Self::Uuid => (is_uuid(text), "must be a UUID"),
            Self::Ipv4 => (
                text.parse::<std::net::Ipv4Addr>().is_ok(),
                "must be an IPv4 address",
            ),
            Self::Ipv6 => (
                text.parse::<std::net::Ipv6Addr>().is_ok(),
                "must be an IPv6 address",
            ),
            Self::Cidr => (is_cidr(text), "must be an address range such as 10.0.0.0/16"),
            Self::Hostname => (is_hostname(text), "must be a host name"),
            Self::Uri => (
                text.parse::<http::Uri>().is_ok() && text.contains(':') || text.starts_with('/'),
                "must be a URI",
            ),
            Self::Email => (
                text.split_once('@')
                    .is_some_and(|(user, host)| !user.is_empty() && is_hostname(host)),
                "must be an e-mail address",
            ),
        };
        (!good).then_some(wanted)
    }
}

/// Reads a duration as Go writes it (`1h30m`, `250ms`, `-5s`, `0`); the result is in seconds.
fn go_duration_seconds(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        seconds += number
            * match &rest[..end] {
                "ns" => 1e-9,
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    Some(sign * seconds)
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok()
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    match (address.parse::<std::net::IpAddr>(), bits.parse::<u8>()) {
        (Ok(std::net::IpAddr::V4(_)), Ok(bits)) => bits <= 32,
        (Ok(std::net::IpAddr::V6(_)), Ok(bits)) => bits <= 128,
        _ => false,
    }
}

fn is_hostname(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        })
}
