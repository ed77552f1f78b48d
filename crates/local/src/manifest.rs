//! YAML and JSON files with objects to apply.

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Where an object was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file as the user named it; `-` is standard input.
    pub file: String,
    /// The line on which the object starts, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One object of a manifest. `apiVersion`, `kind` and a name (or `generateName`) are there.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it stands.
    pub origin: Origin,
    /// The object.
    pub value: Value,
}

impl Document {
    /// The text at a JSON pointer, or nothing.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// Kind and name for messages, such as `Task hello`.
    #[must_use]
    pub fn title(&self) -> String {
        let name = self.text("/metadata/name");
        let name = if name.is_empty() {
            self.text("/metadata/generateName")
        } else {
            name
        };
        format!("{} {name}", self.kind())
    }
}

/// A manifest that cannot be read. All are the user's to correct.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A file is missing or unreadable.
    #[error("cannot read {file}: {source}; check the path")]
    Read {
        /// As named by the user.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A directory without manifests.
    #[error("{file} holds no .yaml, .yml or .json file; name a directory that does, or a file")]
    EmptyDirectory {
        /// As named by the user.
        file: String,
    },
    /// Files without an object.
    #[error("{files} holds no object; write at least a Task, as in examples/hello.yaml")]
    Empty {
        /// As named by the user.
        files: String,
    },
    /// Not YAML.
    #[error("{file}:{line}:{column}: this is not valid YAML: {detail}; correct that line")]
    Syntax {
        /// As named by the user.
        file: String,
        /// Line of the mistake, from 1.
        line: usize,
        /// Column of the mistake, from 1.
        column: usize,
        /// What the parser stumbled over.
        detail: String,
    },
    /// YAML, but not a Kubernetes object.
    #[error("{origin}: {why}")]
    Shape {
        /// Where the object starts.
        origin: Origin,
        /// What is missing and what to write.
        why: String,
    },
}

/// Reads `paths`: files, directories (their `.yaml`, `.yml` and `.json` files in order of name) and `-` for standard
/// input.
///
/// # Errors
/// Names file, line and column of the first mistake.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Document>, ManifestError> {
    let mut documents = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .map_err(|source| read_error("-", source))?;
            documents.extend(parse("-", &text)?);
        } else if path.is_dir() {
            for file in files_of(path)? {
                documents.extend(read_file(&file)?);
            }
        } else {
            documents.extend(read_file(path)?);
        }
    }
    if documents.is_empty() {
        let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(ManifestError::Empty {
            files: files.join(", "),
        });
    }
    Ok(documents)
}

fn read_file(path: &Path) -> Result<Vec<Document>, ManifestError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| read_error(&file, source))?;
    parse(&file, &text)
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, ManifestError> {
    let name = folder.display().to_string();
    let entries = std::fs::read_dir(folder).map_err(|source| read_error(&name, source))?;
    let is_manifest = |path: &PathBuf| {
        path.is_file()
            && path
                .extension()
                .is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known))
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_manifest)
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(ManifestError::EmptyDirectory { file: name });
    }
    Ok(files)
}

fn read_error(file: &str, source: io::Error) -> ManifestError {
    ManifestError::Read {
        file: file.to_owned(),
        source,
    }
}

/// Parses the documents of one file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Document>, ManifestError> {
    let mut documents = Vec::new();
    for (first_line, chunk) in split(text) {
        let options = serde_saphyr::options! {
            // As kubectl reads it: `fileMode: 0644` is the mode everybody means.
            legacy_octal_numbers: true,
            with_snippet: false,
        };
        let value: Value = serde_saphyr::from_str_with_options::<Option<Value>>(chunk, options)
            .map_err(|error| syntax(file, first_line, &error))?
            .unwrap_or_default();
        let leading = chunk.lines().take_while(|line| is_filler(line)).count();
        let origin = Origin {
            file: file.to_owned(),
            line: first_line + leading,
        };
        flatten(origin, value, &mut documents)?;
    }
    Ok(documents)
}

/// Cuts a YAML stream into documents with the number of their first line. A line of `---` at the left edge ends a
/// document wherever it stands, so no parser is needed for that; documents of comments only are left out.
fn split(text: &str) -> Vec<(usize, &str)> {
    let is_marker = |line: &str| {
        let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let is_directive = text[start..offset].lines().any(|line| line.starts_with('%'));
        if is_marker(line) && offset > start && !is_directive {
            chunks.push((start_line, &text[start..offset]));
            (start, start_line) = (offset, index + 1);
        }
        offset += line.len();
    }
    chunks.push((start_line, &text[start..]));
    chunks.retain(|(_, chunk)| !chunk.lines().all(is_filler));
    chunks
}

fn is_filler(line: &str) -> bool {
    let line = line.trim_start();
    let line = line
        .strip_prefix("---")
        .or_else(|| line.strip_prefix("..."))
        .unwrap_or(line)
        .trim();
    line.is_empty() || line.starts_with('#')
}

fn syntax(file: &str, first_line: usize, error: &serde_saphyr::Error) -> ManifestError {
    let location = error.location();
    let line = location.map_or(1, |location| usize::try_from(location.line()).unwrap_or(1).max(1));
    let column = location.map_or(1, |location| {
        usize::try_from(location.column()).unwrap_or(1).max(1)
    });
    let text = error.without_snippet().to_string();
    // The parser appends the place within the piece it was given; the place in the file is told instead.
    let detail = text
        .split(" at line ")
        .next()
        .unwrap_or(&text)
        .trim_start_matches("error: ")
        .to_owned();
    ManifestError::Syntax {
        file: file.to_owned(),
        line: first_line - 1 + line,
        column,
        detail,
    }
}

/// Checks the parts every object has, and takes lists apart.
fn flatten(origin: Origin, value: Value, documents: &mut Vec<Document>) -> Result<(), ManifestError> {
    let shape = |why: String| ManifestError::Shape {
        origin: origin.clone(),
        why,
    };
    let Value::Object(object) = &value else {
        return Err(shape(
            "an object with apiVersion, kind and metadata belongs here; this is none".to_owned(),
        ));
    };
    let text = |field: &str, example: &str| match object.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
        Some(_) => Err(shape(format!(
            "{field} must be text; write for example `{field}: {example}`"
        ))),
        None => Err(shape(format!(
            "{field} is missing; write for example `{field}: {example}`"
        ))),
    };
    text("apiVersion", koc_api::names::group::API_VERSION)?;
    let kind = text("kind", "Task")?;
    if kind.ends_with("List") && object.get("items").is_some_and(Value::is_array) {
        let Value::Object(mut object) = value else {
            return Ok(());
        };
        if let Some(Value::Array(items)) = object.remove("items") {
            for item in items {
                flatten(origin.clone(), item, documents)?;
            }
        }
        return Ok(());
    }
    let document = Document {
        origin: origin.clone(),
        value,
    };
    if !document.value["metadata"].is_object() {
        return Err(shape(format!(
            "{} has no metadata; give it at least a name",
            document.kind()
        )));
    }
    for pointer in ["/metadata/name", "/metadata/generateName", "/metadata/namespace"] {
        if document
            .value
            .pointer(pointer)
            .is_some_and(|value| !value.is_string())
        {
            let field = pointer[1..].replace('/', ".");
            return Err(shape(format!(
                "{field} of this {} must be text; put it in quotes",
                document.kind()
            )));
        }
    }
    if document.text("/metadata/name").is_empty() && document.text("/metadata/generateName").is_empty() {
        return Err(shape(format!(
            "this {} has no name; add metadata.name",
            document.kind()
        )));
    }
    documents.push(document);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_know_where_they_start() {
        let text = "# head\n\n---\n# Comment\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: |\n    ---\n\
                    --- # next\n\napiVersion: v1\nkind: Secret\nmetadata: {generateName: b-}\n---\n# nothing\n...\n---\n\
                    {\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\
                    {\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"c\"}}]}\n";
        let found: Vec<_> = parse("f", text)
            .unwrap()
            .iter()
            .map(|d| format!("{} {}", d.origin, d.title()))
            .collect();
        assert_eq!(found, ["f:5 ConfigMap a", "f:13 Secret b-", "f:20 Pod c"]);
    }

    #[test]
    fn numbers_are_read_as_kubectl_reads_them() {
        let text = "apiVersion: v1\nkind: X\nmetadata: {name: a}\nspec: {mode: 0644, big: 12345678901, t: true, s: '0644'}\n";
        let spec = parse("f", text).unwrap().remove(0).value["spec"].take();
        assert_eq!(
            spec,
            serde_json::json!({"mode": 420, "big": 12_345_678_901_u64, "t": true, "s": "0644"})
        );
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let good = "apiVersion: v1\nkind: X\nmetadata: {name: a}\n---\n";
        let cases = [
            ("a: [1\nb: 2\n".to_owned(), "f:2:2: this is not valid YAML"),
            (format!("{good}apiVersion: v1\nkind: X\n  bad: y\n"), "f:7:"),
            (
                format!("{good}a: 1\na: 2\n"),
                "f:6:1: this is not valid YAML: duplicate",
            ),
            ("just text".to_owned(), "f:1: an object with apiVersion"),
            ("kind: X\n".to_owned(), "f:1: apiVersion is missing"),
            (
                "apiVersion: 1\nkind: X\n".to_owned(),
                "f:1: apiVersion must be text",
            ),
            ("apiVersion: v1\nkind: X\n".to_owned(), "f:1: X has no metadata"),
            (
                "apiVersion: v1\nkind: X\nmetadata: {}\n".to_owned(),
                "f:1: this X has no name",
            ),
            (
                "apiVersion: v1\nkind: X\nmetadata: {name: 1}\n".to_owned(),
                "metadata.name of this X must be text",
            ),
            ("a: &a [*b]\n".to_owned(), "f:1:"),
        ];
        for (text, expected) in cases {
            let error = parse("f", &text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn missing_files_and_empty_directories_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.yaml");
        let cases = [
            (folder.path().join("none.yaml"), "none.yaml: No such file"),
            (folder.path().to_owned(), "holds no .yaml, .yml or .json file"),
            (empty.clone(), "holds no object"),
        ];
        for (index, (path, expected)) in cases.into_iter().enumerate() {
            if index == 2 {
                std::fs::write(&empty, "# only a comment\n").unwrap();
            }
            let error = read(&[path]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        }
    }
}
