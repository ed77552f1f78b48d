//! The prompt.

use std::path::Path;

/// OpenCode holds the prompt in memory several times and sends it to a model with a limited window.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// Reads the prompt as it is: any first character, any size up to the limit, trailing newlines kept.
///
/// # Errors
/// A sentence for the user when there is no usable prompt.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let size = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(format!("The prompt file {shown} is not a file.")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!(
                "There is no prompt: {shown} does not exist. Give the Task a description."
            ));
        }
        Err(error) => return Err(format!("The prompt file {shown} cannot be read: {error}.")),
    };
    if size > MAX_BYTES {
        return Err(format!(
            "The prompt in {shown} has {size} bytes; the limit is {MAX_BYTES}. Shorten it."
        ));
    }
    let bytes =
        std::fs::read(path).map_err(|error| format!("The prompt file {shown} cannot be read: {error}."))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("The prompt in {shown} is not UTF-8 text."))?;
    if text.trim().is_empty() {
        return Err(format!(
            "The prompt in {shown} is empty. Give the Task a description."
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_taken_as_it_is_or_refused_with_a_sentence() {
        let directory = tempfile::tempdir().unwrap();
        let check = |content: Option<&[u8]>, expected: Result<&str, &str>| {
            let path = directory.path().join("task.md");
            let _ = std::fs::remove_file(&path);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            match (read(&path), expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(text), Err(expected)) => assert!(text.contains(expected), "{text}"),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        };
        check(
            Some(b"--help \"$(reboot)\" \n\n"),
            Ok("--help \"$(reboot)\" \n\n"),
        );
        check(Some("\u{2713}".as_bytes()), Ok("\u{2713}"));
        check(None, Err("does not exist"));
        check(Some(b""), Err("is empty"));
        check(Some(b" \n\t"), Err("is empty"));
        check(Some(b"\xff\xfe"), Err("not UTF-8"));
        assert!(read(directory.path()).unwrap_err().contains("not a file"));
    }
}
