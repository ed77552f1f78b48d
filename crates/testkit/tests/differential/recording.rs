//! Answers of a real server, kept in `recorded/*.json` so that the embedded one can be compared without it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use crate::case::directory;

/// The answers by case, of all files.
pub(crate) type Recorded = BTreeMap<String, Vec<Value>>;

fn folder() -> PathBuf {
    directory().join("recorded")
}

/// Reads all recordings; none if there are none yet.
pub(crate) fn load() -> anyhow::Result<Recorded> {
    let mut all = Recorded::new();
    let Ok(files) = std::fs::read_dir(folder()) else {
        return Ok(all);
    };
    for file in files {
        let path = file?.path();
        let text = std::fs::read_to_string(&path)?;
        let told: Recorded = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        all.extend(told);
    }
    Ok(all)
}

/// Writes the recordings of one file of cases, an answer a line.
pub(crate) fn write(file: &str, recorded: &Recorded) -> anyhow::Result<()> {
    let cases: Vec<String> = recorded
        .iter()
        .map(|(case, answers)| {
            let lines: Vec<String> = answers.iter().map(Value::to_string).collect();
            format!("{}: [\n{}\n]", Value::from(case.as_str()), lines.join(",\n"))
        })
        .collect();
    std::fs::create_dir_all(folder())?;
    let text = format!("{{\n{}\n}}\n", cases.join(",\n"));
    std::fs::write(folder().join(format!("{file}.json")), text)?;
    Ok(())
}
