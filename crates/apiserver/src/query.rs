//! Query strings and percent-encoding.

/// The decoded pairs of a query string, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))
        });
        Self(pairs.collect())
    }

    /// The first value of a key; absent and empty are the same.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let value = self
            .0
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// Every value of a key.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// A boolean as Kubernetes reads it: `0` and `false` are false, any other text is true, absent is false.
    pub(crate) fn flag(&self, key: &str) -> bool {
        match self.0.iter().find(|(k, _)| k == key) {
            Some((_, value)) => !matches!(value.as_str(), "0" | "false"),
            None => false,
        }
    }

    /// A number, if there is one.
    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.parse().ok()
    }
}

/// Undoes percent-encoding; what is no valid escape stays as it is, what is no UTF-8 becomes the replacement sign.
pub(crate) fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |offset: usize| bytes.get(at + offset).and_then(|b| (*b as char).to_digit(16));
        match (bytes[at], digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_nonsense_is_kept() {
        for (input, expected) in [
            ("a%2Fb", "a/b"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%e4", "\u{fffd}"),
            ("", ""),
        ] {
            assert_eq!(decode(input), expected);
        }
    }

    #[test]
    fn flags_are_read_as_kubernetes_reads_them() {
        for (input, expected) in [
            ("watch", true),
            ("watch=1", true),
            ("watch=false", false),
            ("", false),
            ("watch=0", false),
        ] {
            assert_eq!(Query::parse(input).flag("watch"), expected, "{input}");
        }
    }
}
