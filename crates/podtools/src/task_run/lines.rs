//! How things look in the log. Pure text work.

use std::time::Duration;

/// How much of a tool's output is shown.
const HEAD_LINES: usize = 8;
const TAIL_LINES: usize = 4;
const LINE_CHARS: usize = 200;

/// How much of an answer is shown; far more than any answer has.
const TEXT_BYTES: usize = 1024 * 1024;

/// The text with control characters made harmless; tabs stay.
pub(super) fn printable(text: &str) -> String {
    let harmless = |character: char| match character {
        '\t' => '\t',
        // Direction overrides can make a line read as something that it is not.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        character if character.is_control() => '\u{fffd}',
        character => character,
    };
    text.chars().map(harmless).collect()
}

/// The first line, without surrounding blanks, of at most `limit` characters.
pub(super) fn first_line(text: &str, limit: usize) -> String {
    let trimmed = text.trim();
    let line = trimmed.lines().next().unwrap_or_default();
    let short = shorten(line, limit);
    if trimmed.lines().nth(1).is_some() && !short.ends_with('…') {
        format!("{short} …")
    } else {
        short
    }
}

/// At most `limit` characters, with a mark where something is missing.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The beginning and the end of a tool's output, indented.
pub(super) fn excerpt(output: &str) -> Vec<String> {
    let indent = |line: &str| format!("    {}", shorten(line, LINE_CHARS));
    let lines: Vec<&str> = output.trim_end().lines().collect();
    if lines.len() <= HEAD_LINES + TAIL_LINES + 1 {
        return lines.into_iter().map(indent).collect();
    }
    let hidden = lines.len() - HEAD_LINES - TAIL_LINES;
    let mut shown: Vec<String> = lines[..HEAD_LINES].iter().map(|line| indent(line)).collect();
    shown.push(format!("    … {hidden} more lines …"));
    shown.extend(lines[lines.len() - TAIL_LINES..].iter().map(|line| indent(line)));
    shown
}

/// The model's own words, in full unless they are absurdly long.
pub(super) fn answer(text: &str) -> String {
    let text = text.trim_end();
    if text.len() <= TEXT_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEXT_BYTES);
    format!(
        "{}\n… {} more bytes of this answer are not shown",
        &text[..end],
        text.len() - end
    )
}

/// A duration for a person: `0.4 s`, `12 s`, `3 min`.
pub(super) fn duration(duration: Duration) -> String {
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
pub(super) fn count(number: i64, noun: &str) -> String {
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
    fn long_things_are_shortened_with_a_mark() {
        assert_eq!(first_line("  ls -la  ", 80), "ls -la");
        assert_eq!(first_line("one\ntwo", 80), "one …");
        assert_eq!(first_line("äöü", 2), "äö…");
        assert_eq!(first_line("", 2), "");
        assert_eq!(excerpt("a\nb\n"), ["    a", "    b"]);
        assert_eq!(excerpt(""), Vec::<String>::new());
        let long: String = (1..=100).map(|line| format!("{line}\n")).collect();
        let shown = excerpt(&long);
        assert_eq!(
            (shown.len(), shown[8].as_str(), shown[12].as_str()),
            (13, "    … 88 more lines …", "    100")
        );
        assert!(excerpt(&"x".repeat(10_000_000))[0].len() < 1000);
        assert!(answer(&"é".repeat(2_000_000)).len() < 1_100_000);
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
