//! Cases as they stand in `cases/*.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

/// A sequence of requests whose answers must be the same from both servers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// A sentence, unique among all cases.
    pub(crate) case: String,
    /// Definitions of `cases/crds` that must be there.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    pub(crate) steps: Vec<Step>,
    /// The file's name without its ending.
    #[serde(skip)]
    pub(crate) file: String,
}

/// One request, or one watch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// `METHOD /path?query`.
    pub(crate) request: Option<String>,
    /// The path of a watch.
    pub(crate) watch: Option<String>,
    pub(crate) body: Option<Value>,
    /// A body as it is, for what is no JSON.
    pub(crate) raw: Option<String>,
    /// Content type, or the short name of a kind of patch.
    #[serde(rename = "type")]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Pointers to places of the body that are to hold that many letters.
    #[serde(default)]
    pub(crate) fill: BTreeMap<String, usize>,
    /// Values of the answer for later steps.
    #[serde(default)]
    pub(crate) save: BTreeMap<String, String>,
    /// What both servers must answer.
    pub(crate) expect: Option<Expect>,
    /// The request is repeated until the answer is so.
    pub(crate) until: Option<Expect>,
    /// How many events of a watch are compared.
    pub(crate) take: Option<Take>,
    #[serde(default)]
    pub(crate) bookmarks: bool,
    /// Pointers into the body, or into the list of events, that are not compared.
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    pub(crate) why: Option<String>,
    /// Of a list that shows more than the case's own, the items that are compared.
    pub(crate) only: Option<Only>,
    /// Pointers to lists whose order does not count.
    #[serde(default)]
    pub(crate) sort: Vec<String>,
}

/// The items of one list that have these values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Only {
    pub(crate) at: String,
    #[serde(rename = "where")]
    pub(crate) wanted: BTreeMap<String, Value>,
}

/// A wanted answer: its code, or some of its values.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Expect {
    Code(u16),
    /// `code` and pointers.
    Values(BTreeMap<String, Value>),
}

/// How long to listen to a watch.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(crate) enum Take {
    Events(usize),
    Until(End),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    /// Until the server closes the watch.
    End,
}

impl Case {
    /// A namespace of the case's own, the same on every run.
    pub(crate) fn namespace(&self) -> String {
        let hash = self.case.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        format!("d-{hash:08x}")
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.steps.is_empty(), "it has no steps");
        for (at, step) in self.steps.iter().enumerate() {
            step.check().with_context(|| format!("step {}", at + 1))?;
        }
        Ok(())
    }
}

impl Step {
    /// The request line as written.
    pub(crate) fn line(&self) -> String {
        match (&self.request, &self.watch) {
            (Some(request), _) => request.clone(),
            (None, Some(path)) => format!("GET {path}"),
            (None, None) => String::new(),
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        match (&self.request, &self.watch) {
            (Some(request), None) => ensure!(
                request
                    .split_once(' ')
                    .is_some_and(|(_, path)| path.starts_with(['/', '{'])),
                "request must be `METHOD /path` and is `{request}`"
            ),
            (None, Some(_)) => ensure!(self.take.is_some(), "a watch says how many events it takes"),
            _ => bail!("it must have either `request` or `watch`"),
        }
        ensure!(
            self.body.is_none() || self.raw.is_none(),
            "it has both `body` and `raw`"
        );
        ensure!(
            self.ignore.is_empty() || self.why.is_some(),
            "`ignore` needs a sentence in `why`"
        );
        Ok(())
    }
}

/// The directory of this test.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential")
}

/// The cases whose file or sentence has this text in it, in the order of the files and their lines.
pub(crate) fn load(filter: &str) -> anyhow::Result<Vec<Case>> {
    let Ok(found) = std::fs::read_dir(directory().join("cases")) else {
        return Ok(Vec::new());
    };
    let mut files: Vec<PathBuf> = found
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    let stem = |path: &PathBuf| {
        path.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    if files.iter().any(|path| stem(path).contains(filter)) {
        files.retain(|path| stem(path).contains(filter));
    }
    let mut cases: Vec<Case> = Vec::new();
    for path in files {
        let file = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let told: Vec<Case> = yaml(&path)?;
        for mut case in told {
            case.check().with_context(|| format!("{file}: {}", case.case))?;
            case.file.clone_from(&file);
            cases.push(case);
        }
    }
    let mut names = BTreeSet::new();
    for case in &cases {
        let unique = names.insert(case.case.clone());
        ensure!(unique, "two cases are called: {}", case.case);
    }
    cases.retain(|case| case.case.contains(filter) || case.file.contains(filter));
    Ok(cases)
}

/// The definitions that some cases need, by name.
pub(crate) fn definitions<'a>(cases: impl IntoIterator<Item = &'a Case>) -> anyhow::Result<Vec<Value>> {
    let names: BTreeSet<&str> = cases
        .into_iter()
        .flat_map(|case| case.needs.iter().map(String::as_str))
        .collect();
    names
        .into_iter()
        .map(|name| yaml(&directory().join(format!("cases/crds/{name}.yaml"))))
        .collect()
}

/// A YAML file in which `y` and `on` are texts, as in what Kubernetes reads.
pub(crate) fn yaml<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}
