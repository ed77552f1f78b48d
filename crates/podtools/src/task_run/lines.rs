//! How things look in the log. Pure text work.

pub(super) use crate::plain_text::{count, duration, shorten};

/// How much of a tool's output is shown.
const HEAD_LINES: usize = 8;
const TAIL_LINES: usize = 4;
const LINE_CHARS: usize = 200;

/// How much of an answer is shown; far more than any answer has.
const TEXT_BYTES: usize = 1024 * 1024;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
