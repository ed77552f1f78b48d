//! Every YAML file beside this one is a list of fixtures: a Task, its template and what they name go in, and the Pod
//! and ConfigMaps that come out are compared with what the fixture promises.
//!
//! A fixture says only what it is about: `expect.pod` is compared with a view of the Pod (see `view.rs`) in which
//! everything can be reached by its name. Whatever a fixture is about, every built Pod is also built a second time and
//! compared byte for byte, and looked over for what an API server or a kubelet would refuse (see `structure.rs`).
//!
//! `BLUEPRINT_DUMP=dir` writes every Pod and ConfigMap as JSON into that directory, for dry runs on a real server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what broke by panicking"
)]

#[path = "../support/given.rs"]
mod given;
mod matching;
mod random;
mod structure;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use koc_core::{Effect, Plan, plan_task};
use serde::Deserialize;
use serde_json::Value;

use given::told;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Fixture {
    name: String,
    /// Laid over a small Task; null removes.
    #[serde(default)]
    task: Value,
    /// Laid over a small template.
    #[serde(default)]
    template: Value,
    #[serde(default)]
    config: Option<Value>,
    /// ConfigMaps that exist, by name; null for one that doesn't.
    #[serde(default)]
    config_maps: BTreeMap<String, Value>,
    expect: Expectation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expectation {
    /// Parts of the Pod's view.
    #[serde(default)]
    pod: Value,
    /// Names of the init containers, in order.
    #[serde(default)]
    init: Option<Vec<String>>,
    /// Keys and contents of all ConfigMaps together; null for a key that must not be there.
    #[serde(default)]
    data: Value,
    /// Number of ConfigMaps.
    #[serde(default)]
    maps: Option<usize>,
    /// Text that must appear nowhere in Pod or ConfigMaps.
    #[serde(default)]
    never: Vec<String>,
    /// Pod and ConfigMaps as a whole, in `snapshots/`.
    #[serde(default)]
    snapshot: Option<String>,
    /// There is no Pod, and the status says each of these parts.
    #[serde(default)]
    refused: Vec<String>,
    /// Reason of the refusal.
    #[serde(default = "context_error")]
    reason: String,
    /// The user's own `podSpec` asks for more than the Pod Security level "restricted".
    #[serde(default)]
    unrestricted: bool,
}

fn context_error() -> String {
    "ContextError".to_owned()
}

/// What a plan creates.
struct Built {
    pod: Pod,
    maps: Vec<ConfigMap>,
}

#[test]
fn every_fixture_gives_its_pod() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blueprints");
    let dump = std::env::var_os("BLUEPRINT_DUMP").map(PathBuf::from);
    let mut names = BTreeSet::new();
    let mut failures = Vec::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    for path in files
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "yaml"))
    {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let fixtures: Vec<Fixture> =
            serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for (index, fixture) in fixtures.iter().enumerate() {
            if !names.insert(fixture.name.clone()) {
                failures.push(format!("{file} / {}: the name is used twice", fixture.name));
            }
            let result = check(fixture);
            if let (Some(dump), Ok(Some(built))) = (&dump, &result) {
                write(dump, &format!("{file}-{index:03}"), built);
            }
            if let Err(problem) = result {
                failures.push(format!("{file} / {}:\n{problem}", fixture.name));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} fixtures failed:\n{}",
        failures.len(),
        names.len(),
        failures.join("\n\n")
    );
    assert!(names.len() >= 270, "only {} fixtures were found", names.len());
}

fn check(fixture: &Fixture) -> Result<Option<Built>, String> {
    let expect = &fixture.expect;
    let plan = plan(fixture)?;
    let Some(built) = built(&plan) else {
        return refused(&plan, expect).map(|()| None);
    };
    if !expect.refused.is_empty() {
        return Err("a Pod was built instead of a refusal".to_owned());
    }
    let again = self::plan(fixture)?;
    if text(&plan) != text(&again) {
        return Err("building twice gives two Pods".to_owned());
    }
    let problems = structure::problems(&built.pod, &built.maps, expect.unrestricted);
    if !problems.is_empty() {
        return Err(format!("no server would take this:\n{}", problems.join("\n")));
    }
    let pod = view::of(&built.pod);
    let mut misses = Vec::new();
    if let Some(init) = &expect.init {
        matching::equal("init", &pod["initNames"], &Value::from(init.clone()), &mut misses);
    }
    matching::contains("pod", &pod, &expect.pod, &mut misses);
    matching::contains(
        "data",
        &data(&built),
        &given::written_out(&expect.data),
        &mut misses,
    );
    if expect.maps.is_some_and(|n| n != built.maps.len()) {
        misses.push(format!("{} ConfigMaps", built.maps.len()));
    }
    let everything = text(&plan);
    for part in &expect.never {
        if everything.contains(part) {
            misses.push(format!("{part:?} appears"));
        }
    }
    if let Some(name) = &expect.snapshot {
        let whole = serde_json::json!({"configMaps": built.maps, "pod": built.pod});
        let whole = serde_json::to_string_pretty(&whole).unwrap();
        insta::with_settings!({snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name.as_str(), whole);
        });
    }
    if misses.is_empty() {
        Ok(Some(built))
    } else {
        Err(misses.join("\n"))
    }
}

fn plan(fixture: &Fixture) -> Result<Plan, String> {
    let world = given::world(
        &fixture.task,
        Some(&fixture.template),
        fixture.config.as_ref(),
        &fixture.config_maps,
    )?;
    Ok(plan_task(&world, "2026-01-01T00:00:01Z".parse().unwrap()))
}

fn built(plan: &Plan) -> Option<Built> {
    let pod = plan.effects.iter().find_map(|effect| match effect {
        Effect::CreatePod(pod) => Some(Pod::clone(pod)),
        _ => None,
    })?;
    let maps = plan
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::CreateContextMap(map) => Some(ConfigMap::clone(map)),
            _ => None,
        })
        .collect();
    Some(Built { pod, maps })
}

fn refused(plan: &Plan, expect: &Expectation) -> Result<(), String> {
    let status = plan.effects.iter().find_map(|effect| match effect {
        Effect::Status(status) => Some(serde_json::to_value(status).unwrap()),
        _ => None,
    });
    let status = status.ok_or("there is neither a Pod nor a status")?;
    let told = told(&status);
    if expect.refused.is_empty() {
        return Err(format!("there is no Pod:\n{told}"));
    }
    let missing: Vec<&String> = expect
        .refused
        .iter()
        .filter(|part| !told.contains(part.as_str()))
        .collect();
    if !missing.is_empty() {
        return Err(format!("the status does not say {missing:?}:\n{told}"));
    }
    if !told.contains(&format!("Ready False {}", expect.reason)) {
        return Err(format!("the reason is not {}:\n{told}", expect.reason));
    }
    if let Some(part) = expect.never.iter().find(|part| told.contains(part.as_str())) {
        return Err(format!("{part:?} is told:\n{told}"));
    }
    Ok(())
}

/// All created objects as text.
fn text(plan: &Plan) -> String {
    plan.effects
        .iter()
        .map(|effect| match effect {
            Effect::CreatePod(pod) => serde_json::to_string(pod).unwrap(),
            Effect::CreateContextMap(map) => serde_json::to_string(map).unwrap(),
            _ => String::new(),
        })
        .collect()
}

fn data(built: &Built) -> Value {
    built
        .maps
        .iter()
        .flat_map(|map| map.data.iter().flatten())
        .map(|(key, value)| (key.clone(), Value::from(value.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn write(directory: &Path, name: &str, built: &Built) {
    std::fs::create_dir_all(directory).unwrap();
    let save = |kind: &str, index: usize, mut object: Value| {
        object["apiVersion"] = "v1".into();
        object["kind"] = kind.into();
        // A dry run has no owner to point at.
        object["metadata"]["ownerReferences"] = Value::Null;
        let file = directory.join(format!("{name}-{}-{index}.json", kind.to_lowercase()));
        std::fs::write(file, serde_json::to_vec_pretty(&object).unwrap()).unwrap();
    };
    save("Pod", 0, serde_json::to_value(&built.pod).unwrap());
    for (index, map) in built.maps.iter().enumerate() {
        save("ConfigMap", index, serde_json::to_value(map).unwrap());
    }
}
