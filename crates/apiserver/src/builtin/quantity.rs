//! Resource quantities: `500m`, `1.5Gi`, `2e3`.

use serde_json::Value;

/// Reads a quantity; `None` if it is none.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let digits_end = text
        .char_indices()
        .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && (*c == '+' || *c == '-'))))
        .map_or(text.len(), |(i, _)| i);
    let (number, suffix) = text.split_at(digits_end);
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    Some(number * factor(suffix)?)
}

fn factor(suffix: &str) -> Option<f64> {
    Some(match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024_f64,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            let power: i32 = digits.parse().ok().filter(|p: &i32| p.abs() < 100)?;
            10_f64.powi(power)
        }
    })
}

/// Quantities are stored as text; YAML authors write `cpu: 1` and `memory: 1e9` as numbers.
pub(super) fn make_text(value: &mut Value) {
    if let Value::Number(number) = value {
        *value = number.to_string().into();
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quantities_parse_with_every_suffix() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("1", Some(1.0)),
            ("500m", Some(0.5)),
            ("-1", Some(-1.0)),
            ("1.5Gi", Some(1.5 * 1024.0 * 1024.0 * 1024.0)),
            ("2e3", Some(2000.0)),
            ("2E", Some(2e18)),
            ("128974848", Some(128_974_848.0)),
            (".5", Some(0.5)),
            ("", None),
            ("Mi", None),
            ("1 Gi", None),
            ("1gb", None),
            ("1.2.3", None),
            ("e5", None),
            ("1e", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
