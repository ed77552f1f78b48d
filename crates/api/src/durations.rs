//! Durations as Go writes them.

use std::borrow::Cow;
use std::fmt;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::schema::patterns;

/// A duration such as `30m` or `1h30m`, kept as it was written.
///
/// Decoding never fails, whatever the field holds: a value that is no duration shows itself in [`Self::parsed`], so
/// one bad object cannot spoil a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct GoDuration(String);

impl GoDuration {
    /// Keeps `text` as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The duration meant.
    ///
    /// # Errors
    ///
    /// When the text is not what [`parse_duration`] accepts.
    pub fn parsed(&self) -> Result<SignedDuration, DurationError> {
        parse_duration(&self.0)
    }

    /// The duration meant, if it is longer than zero; `None` for `0s`, which stands for "use the default" in fields
    /// that have one.
    ///
    /// # Errors
    ///
    /// When the text is not what [`parse_duration`] accepts, or is below zero.
    pub fn positive(&self) -> Result<Option<SignedDuration>, DurationError> {
        let duration = self.parsed()?;
        if duration.is_negative() {
            return Err(DurationError::Negative {
                text: shortened(&self.0),
            });
        }
        Ok((!duration.is_zero()).then_some(duration))
    }
}

impl From<SignedDuration> for GoDuration {
    fn from(duration: SignedDuration) -> Self {
        Self(format_duration(duration))
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient)
    }
}

/// Takes whatever is there and keeps it as text.
struct Lenient;

impl<'de> Visitor<'de> for Lenient {
    type Value = GoDuration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as 30m")
    }

    fn visit_str<E>(self, text: &str) -> Result<GoDuration, E> {
        Ok(GoDuration::new(text))
    }

    fn visit_string<E>(self, text: String) -> Result<GoDuration, E> {
        Ok(GoDuration(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<GoDuration, E> {
        Ok(GoDuration(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<GoDuration, E> {
        Ok(GoDuration(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<GoDuration, E> {
        Ok(GoDuration(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<GoDuration, E> {
        Ok(GoDuration(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<GoDuration, E> {
        Ok(GoDuration::default())
    }

    fn visit_none<E>(self) -> Result<GoDuration, E> {
        Ok(GoDuration::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<GoDuration, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<GoDuration, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(GoDuration::new("[list]"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<GoDuration, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(GoDuration::new("{object}"))
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "GoDuration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": 64, "pattern": patterns::DURATION })
    }
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// There is nothing.
    #[error("the duration is empty: write a number with a unit, such as 30m or 1h30m")]
    Empty,
    /// A number has no unit behind it.
    #[error("the duration {text:?} lacks a unit: write for example 30s, 5m or 1h30m")]
    MissingUnit {
        /// What was written.
        text: String,
    },
    /// A unit Go does not know.
    #[error("the duration {text:?} has the unknown unit {unit:?}: use ns, us, ms, s, m or h")]
    UnknownUnit {
        /// What was written.
        text: String,
        /// The part that should be a unit.
        unit: String,
    },
    /// Something else than a number where a number belongs.
    #[error("{text:?} is no duration: write numbers with units, such as 30m or 1h30m")]
    NotANumber {
        /// What was written.
        text: String,
    },
    /// More than fits: about 292 years.
    #[error("the duration {text:?} is too long: the longest possible is 2562047h47m16s")]
    TooLong {
        /// What was written.
        text: String,
    },
    /// Below zero.
    #[error("the duration {text:?} is negative: write one that is not")]
    Negative {
        /// What was written.
        text: String,
    },
}

/// Reads a duration as Go's `time.ParseDuration` does: an optional sign, then numbers with optional fractions, each
/// with a unit of `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h`; a bare `0` is allowed.
///
/// # Errors
///
/// A [`DurationError`] that says what is wrong with the text.
pub fn parse_duration(text: &str) -> Result<SignedDuration, DurationError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if unsigned == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(DurationError::NotANumber {
            text: shortened(text),
        });
    }

    let mut nanoseconds: i128 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (part, after) = take_part(rest, text)?;
        nanoseconds += part;
        if nanoseconds > i128::from(i64::MAX) + i128::from(negative) {
            return Err(DurationError::TooLong {
                text: shortened(text),
            });
        }
        rest = after;
    }
    let signed = if negative { -nanoseconds } else { nanoseconds };
    let signed = i64::try_from(signed).map_err(|_| DurationError::TooLong {
        text: shortened(text),
    })?;
    Ok(SignedDuration::from_nanos(signed))
}

/// Reads one number with its unit from the front of `rest`; returns nanoseconds and what follows.
fn take_part<'a>(rest: &'a str, text: &str) -> Result<(i128, &'a str), DurationError> {
    let (whole, after_whole) = split_digits(rest);
    let (fraction, after_number) = match after_whole.strip_prefix('.') {
        Some(after_point) => split_digits(after_point),
        None => ("", after_whole),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::NotANumber {
            text: shortened(text),
        });
    }
    let unit_end = after_number
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(after_number.len());
    let (unit, after) = after_number.split_at(unit_end);
    let scale: i128 = match unit {
        "" => {
            return Err(DurationError::MissingUnit {
                text: shortened(text),
            });
        }
        "ns" => 1,
        // Both the micro sign and the Greek letter mu are in use.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        unknown => {
            return Err(DurationError::UnknownUnit {
                text: shortened(text),
                unit: shortened(unknown),
            });
        }
    };
    let too_long = || DurationError::TooLong {
        text: shortened(text),
    };
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| too_long())?
    };
    let whole = whole.checked_mul(scale).ok_or_else(too_long)?;
    // No unit holds more than 13 decimal digits of nanoseconds, so what follows cannot count.
    let fraction = &fraction[..fraction.len().min(18)];
    let fraction = match fraction.parse::<i128>() {
        Ok(digits) => digits * scale / 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(0)),
        Err(_) => 0,
    };
    Ok((whole + fraction, after))
}

/// The leading ASCII digits of `text`, and the rest.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// At most 64 characters of `text`: error texts end up in conditions and logs.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(64) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Writes a duration as Go prints it: `30m0s`, `1.5s`, `0s`.
pub fn format_duration(duration: SignedDuration) -> String {
    let nanoseconds = duration.as_nanos();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let nanoseconds = nanoseconds.unsigned_abs();
    match nanoseconds {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{nanoseconds}ns"),
        1_000..1_000_000 => format!("{sign}{}\u{b5}s", decimal(nanoseconds, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(nanoseconds, 1_000_000)),
        _ => {
            let minutes = nanoseconds / 60_000_000_000;
            let seconds = decimal(nanoseconds % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// `amount / unit` without trailing zeros.
fn decimal(amount: u128, unit: u128) -> String {
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", amount / unit, amount % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{DurationError, GoDuration, format_duration, parse_duration};

    /// Durations in nanoseconds, or the name of the error.
    fn check(text: &str, expected: Result<i128, &str>) {
        let found = parse_duration(text);
        match (&found, expected) {
            (Ok(duration), Ok(nanoseconds)) => assert_eq!(duration.as_nanos(), nanoseconds, "{text}"),
            (Err(error), Err(name)) => assert!(format!("{error:?}").starts_with(name), "{text}: {error:?}"),
            _ => panic!("{text}: expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn parses_what_go_parses() {
        const S: i128 = 1_000_000_000;
        for (text, expected) in [
            ("30m", Ok(1800 * S)),
            ("1h30m", Ok(5400 * S)),
            ("1.5h", Ok(5400 * S)),
            (".5s", Ok(S / 2)),
            ("1.s", Ok(S)),
            ("1m.5s", Ok(60 * S + S / 2)),
            ("0", Ok(0)),
            ("+0", Ok(0)),
            ("0s", Ok(0)),
            ("-5s", Ok(-5 * S)),
            ("+5s", Ok(5 * S)),
            ("10ns", Ok(10)),
            ("11us", Ok(11_000)),
            ("12\u{b5}s", Ok(12_000)),
            ("12\u{3bc}s", Ok(12_000)),
            ("13ms", Ok(13_000_000)),
            ("1h1h", Ok(7200 * S)),
            ("0.3333333333333333333h", Ok(1_199_999_999_999)),
            ("9223372036854775807ns", Ok(9_223_372_036_854_775_807)),
            ("-9223372036854775808ns", Ok(-9_223_372_036_854_775_808)),
            ("9223372036854775808ns", Err("TooLong")),
            ("99999999999999999999999999999999999999999999h", Err("TooLong")),
            ("3000000h", Err("TooLong")),
            ("", Err("Empty")),
            ("3", Err("MissingUnit")),
            ("1h3", Err("MissingUnit")),
            ("-", Err("NotANumber")),
            ("s", Err("NotANumber")),
            (".", Err("NotANumber")),
            (".s", Err("NotANumber")),
            ("ten minutes", Err("NotANumber")),
            ("--5s", Err("NotANumber")),
            (" 5s", Err("NotANumber")),
            ("5d", Err("UnknownUnit")),
            ("5 m", Err("UnknownUnit")),
            ("5m ", Err("UnknownUnit")),
            ("5M", Err("UnknownUnit")),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn prints_like_go() {
        for (text, printed) in [
            ("30m", "30m0s"),
            ("90m", "1h30m0s"),
            ("1h", "1h0m0s"),
            ("1500ms", "1.5s"),
            ("59.999s", "59.999s"),
            ("1100us", "1.1ms"),
            ("1500ns", "1.5\u{b5}s"),
            ("7ns", "7ns"),
            ("0", "0s"),
            ("-90s", "-1m30s"),
        ] {
            assert_eq!(parse_duration(text).map(format_duration), Ok(printed.to_owned()));
        }
    }

    #[test]
    fn decoding_never_fails() {
        for (json, kept) in [
            ("\"30m\"", "30m"),
            ("\"soon\"", "soon"),
            ("30", "30"),
            ("-1", "-1"),
            ("1.5", "1.5"),
            ("true", "true"),
            ("null", ""),
            ("[1, {\"a\": 2}]", "[list]"),
            ("{\"minutes\": 30}", "{object}"),
        ] {
            let duration: GoDuration = serde_json::from_str(json).unwrap();
            assert_eq!(duration.as_str(), kept, "{json}");
        }
    }

    #[test]
    fn positive_tells_zero_from_negative() {
        assert_eq!(GoDuration::new("0s").positive(), Ok(None));
        assert!(matches!(
            GoDuration::new("-1s").positive(),
            Err(DurationError::Negative { .. })
        ));
        assert!(matches!(GoDuration::new("5m").positive(), Ok(Some(_))));
    }
}
