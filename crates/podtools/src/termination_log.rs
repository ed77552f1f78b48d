//! The file in which a container leaves its last words for the kubelet.

use std::path::Path;

/// Writes the message. The kubelet's file exists already and may be the only thing that can be written in its
/// directory, so it is written in place.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path, json: &str) -> std::io::Result<()> {
    std::fs::write(path, json)
}

/// The first half of a text, with a mark. JSON escapes make a text longer than it is, so halving until a message fits
/// is simpler than computing.
pub(crate) fn halve(text: &str) -> String {
    let kept = &text[..text.floor_char_boundary(text.len() / 2)];
    if kept.is_empty() {
        String::new()
    } else {
        format!("{}…", kept.trim_end_matches('…'))
    }
}
