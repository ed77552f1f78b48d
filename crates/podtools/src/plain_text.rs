//! Text for people, safe to print.

use std::time::Duration;

/// The text with control characters made harmless; tabs stay.
pub(crate) fn printable(text: &str) -> String {
    let harmless = |character: char| match character {
        '\t' => '\t',
        // Direction overrides can make a line read as something that it is not.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        character if character.is_control() => '\u{fffd}',
        character => character,
    };
    text.chars().map(harmless).collect()
}

/// At most `limit` characters, with a mark where something is missing.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A duration for a person: `0.4 s`, `12 s`, `3 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{} min", (seconds / 60.0).round())
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: i64, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_escape_in_a_tools_output_cannot_reach_the_terminal() {
        assert_eq!(
            printable("a\x1b[2Jb\x07\tc\rd"),
            "a\u{fffd}[2Jb\u{fffd}\tc\u{fffd}d"
        );
        assert_eq!(printable("x\u{202e}y"), "x\u{fffd}y");
        assert_eq!(printable("grüße ✓"), "grüße ✓");
    }

    #[test]
    fn durations_and_counts_read_well() {
        for (millis, expected) in [
            (0, "0.0 s"),
            (6_840, "6.8 s"),
            (9_960, "10 s"),
            (68_200, "68 s"),
            (119_000, "119 s"),
            (180_000, "3 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
        assert_eq!(
            (count(1, "file").as_str(), count(0, "file").as_str()),
            ("1 file", "0 files")
        );
    }
}
