//! Files made from code.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

/// Where the definitions live, below the repository's root.
const CRDS: &str = "deploy/crds";

/// First line of every generated file.
const HEADER: &str = "# Made from crates/api by `make gen`. Change the Rust types, not this file.\n";

/// Writes all generated files and removes stale ones.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    let directory = root.join(CRDS);
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let wanted = files()?;
    for name in present(&directory)? {
        if !wanted.contains_key(&name) {
            fs::remove_file(directory.join(&name)).with_context(|| format!("cannot remove {CRDS}/{name}"))?;
        }
    }
    for (name, content) in &wanted {
        fs::write(directory.join(name), content).with_context(|| format!("cannot write {CRDS}/{name}"))?;
    }
    Ok(())
}

/// Fails when a generated file is missing, differs, or should not be there.
pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    let directory = root.join(CRDS);
    let wanted = files()?;
    for (name, content) in &wanted {
        match fs::read_to_string(directory.join(name)) {
            Ok(found) if found == *content => {}
            Ok(_) => {
                bail!("{CRDS}/{name} is not what the Rust types say: run `make gen` and commit the result")
            }
            Err(error) => {
                bail!("{CRDS}/{name} cannot be read ({error}): run `make gen` and commit the result")
            }
        }
    }
    for name in present(&directory)? {
        if !wanted.contains_key(&name) {
            bail!(
                "{CRDS}/{name} belongs to no kind: run `make gen`, which removes it, and commit the result"
            );
        }
    }
    Ok(())
}

/// Names and contents of all generated files.
fn files() -> anyhow::Result<BTreeMap<String, String>> {
    koc_api::crds()
        .into_iter()
        .map(|definition| {
            let name = format!("{}_{}.yaml", definition.spec.group, definition.spec.names.plural);
            // Going through JSON sorts members, so that equal definitions give equal files.
            let mut value = serde_json::to_value(&definition)?;
            whole_numbers(&mut value);
            let yaml =
                serde_saphyr::to_string(&value).with_context(|| format!("cannot write {name} as YAML"))?;
            Ok((name, format!("{HEADER}{yaml}")))
        })
        .collect()
}

/// Writes bounds such as `1.0` as `1`: the definition's type only knows floating point.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            // Every bound of our schemas is whole, and prints without a point.
            if let Some(whole) = number
                .as_f64()
                .and_then(|number| format!("{number}").parse::<i64>().ok())
            {
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(members) => members.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Names of the YAML files in a directory.
fn present(directory: &Path) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::{check, files};

    #[test]
    fn definitions_are_current() {
        check(&crate::repository_root().unwrap()).unwrap();
    }

    #[test]
    fn equal_types_give_equal_files() {
        assert_eq!(files().unwrap(), files().unwrap());
    }

    #[test]
    fn a_stale_file_is_named() {
        let root = std::env::temp_dir().join(format!("xtask-stale-{}", std::process::id()));
        super::write(&root).unwrap();
        std::fs::write(root.join(super::CRDS).join("kubeopencode.io_tasks.yaml"), "old").unwrap();
        let error = check(&root).unwrap_err().to_string();
        std::fs::remove_dir_all(&root).unwrap();
        assert!(
            error.contains("kubeopencode.io_tasks.yaml") && error.contains("make gen"),
            "{error}"
        );
    }
}
