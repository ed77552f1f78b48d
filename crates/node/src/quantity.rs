//! Kubernetes quantities, as far as the downward API needs them.

/// A quantity in thousandths of its base unit (bytes, cores…). `None` when the text is no quantity.
pub(crate) fn milli(text: &str) -> Option<i128> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-' || c == '+'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (numerator, denominator): (i128, i128) = match suffix {
        "" => (1000, 1),
        "n" => (1, 1_000_000),
        "u" => (1, 1000),
        "m" => (1, 1),
        "k" => (1000 * 1000, 1),
        "M" => (1000 * 1000_i128.pow(2), 1),
        "G" => (1000 * 1000_i128.pow(3), 1),
        "T" => (1000 * 1000_i128.pow(4), 1),
        "P" => (1000 * 1000_i128.pow(5), 1),
        "E" => (1000 * 1000_i128.pow(6), 1),
        "Ki" => (1000 * 1024, 1),
        "Mi" => (1000 * 1024_i128.pow(2), 1),
        "Gi" => (1000 * 1024_i128.pow(3), 1),
        "Ti" => (1000 * 1024_i128.pow(4), 1),
        "Pi" => (1000 * 1024_i128.pow(5), 1),
        "Ei" => (1000 * 1024_i128.pow(6), 1),
        other => {
            let exponent: u32 = other
                .strip_prefix(['e', 'E'])?
                .parse()
                .ok()
                .filter(|e| *e <= 18)?;
            (1000 * 10_i128.pow(exponent), 1)
        }
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 18 || whole.len() > 20 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some(digits.checked_mul(numerator)? / (scale * denominator))
}

/// `quantity` counted in units of `divisor`, rounded up, as the downward API prints it.
pub(crate) fn in_units(quantity: i128, divisor: i128) -> String {
    let divisor = if divisor <= 0 { 1000 } else { divisor };
    (quantity.div_euclid(divisor) + i128::from(quantity.rem_euclid(divisor) != 0)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        let cases = [
            ("1", Some(1000)),
            ("100m", Some(100)),
            ("1.5", Some(1500)),
            ("4Gi", Some(4 * 1000 * (1 << 30))),
            ("1e3", Some(1_000_000)),
            ("500Mi", Some(500 * 1000 * (1 << 20))),
            ("0.5Ki", Some(512_000)),
            ("", None),
            ("Gi", None),
            ("5x", None),
            ("1e99", None),
        ];
        for (text, expected) in cases {
            assert_eq!(milli(text), expected, "{text}");
        }
        assert_eq!(in_units(1500, 1000), "2");
        assert_eq!(in_units(1500, 1), "1500");
        assert_eq!(in_units(4 * 1000 * (1 << 30), 1000 << 20), "4096");
    }
}
