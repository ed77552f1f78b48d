//! Random inputs: whatever the manifests say, there is a Pod that a server takes and that hides nothing, or a sentence.

use koc_core::plan_task;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{built, given, structure, text};

/// Paths of few names, so that they meet often.
fn path() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "a",
        "b",
        "c",
        ".",
        "",
        "..",
        "workspace",
        "tools",
        "etc",
        "tmp",
        "skills",
        "git",
        "task.md",
        ".kubeopencode",
        "x y",
        "$(HOME)",
        "ä",
    ]);
    let segments = prop::collection::vec(names, 1..5).prop_map(|s| s.join("/"));
    (prop::bool::weighted(0.4), segments).prop_map(|(absolute, p)| if absolute { format!("/{p}") } else { p })
}

fn context() -> impl Strategy<Value = Value> {
    let mode = prop::option::weighted(0.2, 0..0o777_i32);
    let common = (
        path(),
        prop::bool::weighted(0.8),
        mode,
        prop::option::weighted(0.3, "[a-c./ ]{1,3}"),
    );
    let source = prop_oneof![
        Just(json!({"type": "Text", "text": "t"})),
        Just(json!({"type": "Runtime"})),
        Just(json!({"type": "ConfigMap", "configMap": {"name": "m"}})),
        Just(json!({"type": "ConfigMap", "configMap": {"name": "m", "key": "a"}})),
        Just(json!({"type": "URL", "url": {"source": "https://h/x"}})),
        path().prop_map(|p| json!({"type": "Git", "git": {"repository": "https://h/r", "path": p}})),
        Just(json!({"type": "Git", "git": {"repository": "https://h/r"}})),
    ];
    (source, common).prop_map(|(mut context, (path, has_path, mode, name))| {
        if has_path {
            context["mountPath"] = path.into();
        }
        if let Some(mode) = mode {
            context["fileMode"] = mode.into();
        }
        if let Some(name) = name {
            context["name"] = name.into();
        }
        context
    })
}

fn template() -> impl Strategy<Value = Value> {
    let credential = (path(), any::<bool>()).prop_map(|(path, key)| {
        let secret = if key {
            json!({"name": "s", "key": "k"})
        } else {
            json!({"name": "s"})
        };
        json!({"name": "c", "secretRef": secret, "mountPath": path})
    });
    let mount = path().prop_map(|path| json!({"name": "v", "mountPath": path}));
    (
        prop::sample::select(vec![
            "/workspace",
            "/a/b",
            "/tmp",
            "/etc/a",
            "/workspace/a/../b",
            "/x y",
        ]),
        prop::collection::vec(context(), 0..6),
        prop::collection::vec(credential, 0..2),
        prop::collection::vec(mount, 0..2),
    )
        .prop_map(|(workspace, contexts, credentials, mounts)| {
            json!({"spec": {
                "workspaceDir": workspace, "contexts": contexts, "credentials": credentials,
                "podSpec": {"extraVolumes": [{"name": "v", "emptyDir": {}}], "extraVolumeMounts": mounts},
            }})
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_inputs_give_a_sound_pod_or_a_sentence(
        template in template(),
        of_task in prop::collection::vec(context(), 0..3),
    ) {
        let task = json!({"spec": {"contexts": of_task}});
        let maps = [("m".to_owned(), json!({"data": {"a": "1", "b": "2"}}))].into();
        let world = given::world(&task, Some(&template), None, &maps).map_err(TestCaseError::fail)?;
        let now = "2026-01-01T00:00:01Z".parse().unwrap();
        let plan = plan_task(&world, now);
        prop_assert!(!plan.effects.is_empty());
        prop_assert_eq!(text(&plan), text(&plan_task(&world, now)));
        if let Some(built) = built(&plan) {
            let problems = structure::problems(&built.pod, &built.maps, false);
            prop_assert!(problems.is_empty(), "{}", problems.join("\n"));
        }
    }
}
