//! OpenCode's configuration files: what the user wrote, plus what skills and plugins need.

use koc_api::names::paths;
use serde_json::{Map, Value, json};

use crate::plugins::{self, Plugins};
use crate::refusal::Refusal;

/// The two files, as text, where there is anything to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConfigFiles {
    /// `opencode.json`.
    pub(crate) open_code: Option<String>,
    /// `tui.json`.
    pub(crate) tui: Option<String>,
}

/// Puts the files together.
///
/// `owner` names the object for sentences, such as `AgentTemplate "a"`. The user's own keys are kept; a part that must
/// be extended and has another type than OpenCode expects is refused, because replacing it would lose what was meant.
pub(crate) fn assemble(
    owner: &str,
    config: Option<&Value>,
    skill_paths: &[String],
    plugins: &Plugins,
) -> Result<ConfigFiles, Refusal> {
    let refuse = |what: &str| Refusal::context(format!("{owner}: spec.config{what}"));
    let mut object = match config {
        None | Some(Value::Null) => None,
        Some(Value::Object(object)) => Some(object.clone()),
        Some(_) => {
            return Err(refuse(
                " must be an object of OpenCode settings, as in opencode.json",
            ));
        }
    };
    if !skill_paths.is_empty() {
        let skills = child(object.get_or_insert_default(), "skills", || json!({}))
            .as_object_mut()
            .ok_or_else(|| refuse(".skills must be an object, since skills are added to it"))?;
        let list = child(skills, "paths", || json!([]))
            .as_array_mut()
            .ok_or_else(|| refuse(".skills.paths must be a list, since skills are added to it"))?;
        for path in skill_paths {
            if !list.iter().any(|known| known.as_str() == Some(path)) {
                list.push(Value::from(path.as_str()));
            }
        }
    }
    if !plugins.server.is_empty() {
        let list = child(object.get_or_insert_default(), "plugin", || json!([]))
            .as_array_mut()
            .ok_or_else(|| refuse(".plugin must be a list, since plugins are added to it"))?;
        plugins::merge_into(list, &plugins.server);
    }
    let mut tui_list = Vec::new();
    plugins::merge_into(&mut tui_list, &plugins.tui);
    Ok(ConfigFiles {
        open_code: object.map(|object| pretty(&Value::Object(object))),
        tui: (!tui_list.is_empty()).then(|| pretty(&json!({ "plugin": tui_list }))),
    })
}

/// The value of `OPENCODE_CONFIG_CONTENT`, which OpenCode lays over its configuration file.
pub(crate) fn inline(has_context_md: bool, llm_traces: bool) -> Option<String> {
    let mut content = Map::new();
    if llm_traces {
        content.insert("experimental".to_owned(), json!({"openTelemetry": true}));
    }
    if has_context_md {
        content.insert("instructions".to_owned(), json!([paths::CONTEXT_FILE]));
    }
    (!content.is_empty()).then(|| Value::Object(content).to_string())
}

fn child<'a>(object: &'a mut Map<String, Value>, key: &str, empty: impl FnOnce() -> Value) -> &'a mut Value {
    let value = object.entry(key.to_owned()).or_insert(Value::Null);
    if value.is_null() {
        *value = empty();
    }
    value
}

fn pretty(value: &Value) -> String {
    // Writing a tree of JSON as text can't fail; the plain form is the same JSON.
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

#[cfg(test)]
mod tests {
    use koc_api::PluginSpec;

    use super::*;

    fn check(config: Value, skills: &[&str], plugins: &[&str], expected: Result<Value, &str>) {
        let skills: Vec<String> = skills.iter().map(|s| (*s).to_owned()).collect();
        let specs: Vec<PluginSpec> = plugins
            .iter()
            .map(|name| PluginSpec {
                name: (*name).to_owned(),
                ..PluginSpec::default()
            })
            .collect();
        let plugins = Plugins::of(&specs).unwrap();
        let files = assemble("AgentTemplate \"a\"", Some(&config), &skills, &plugins);
        match (files, expected) {
            (Ok(files), Ok(expected)) => {
                let text = files.open_code.unwrap_or_else(|| "null".to_owned());
                assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
            }
            (Err(refusal), Err(part)) => assert!(refusal.message.contains(part), "{}", refusal.message),
            (files, expected) => panic!("{files:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn nothing_to_add_leaves_the_configuration_as_it_is() {
        check(json!({"model": "a/b"}), &[], &[], Ok(json!({"model": "a/b"})));
        check(json!({}), &[], &[], Ok(json!({})));
        check(Value::Null, &[], &[], Ok(Value::Null));
        check(json!([1]), &[], &[], Err("must be an object"));
    }

    #[test]
    fn skills_are_appended_and_their_neighbours_kept() {
        check(
            json!({"skills": {"paths": ["/x", "/skills/a"], "urls": ["u"]}}),
            &["/skills/a", "/skills/b/one"],
            &[],
            Ok(json!({"skills": {"paths": ["/x", "/skills/a", "/skills/b/one"], "urls": ["u"]}})),
        );
        check(
            Value::Null,
            &["/skills/a"],
            &[],
            Ok(json!({"skills": {"paths": ["/skills/a"]}})),
        );
        check(
            json!({"skills": null}),
            &["/skills/a"],
            &[],
            Ok(json!({"skills": {"paths": ["/skills/a"]}})),
        );
        check(
            json!({"skills": "x"}),
            &["/skills/a"],
            &[],
            Err(".skills must be an object"),
        );
        check(
            json!({"skills": {"paths": 1}}),
            &["/skills/a"],
            &[],
            Err(".skills.paths must be a list"),
        );
    }

    #[test]
    fn plugins_are_appended() {
        check(
            json!({"plugin": ["mine"], "model": "a/b"}),
            &[],
            &["p@1"],
            Ok(json!({"model": "a/b", "plugin": ["mine", "file:///plugins/node_modules/p"]})),
        );
        check(json!({"plugin": "p"}), &[], &["p"], Err(".plugin must be a list"));
    }

    #[test]
    fn inline_configuration_is_exact() {
        assert_eq!(inline(false, false), None);
        assert_eq!(
            inline(true, false).unwrap(),
            r#"{"instructions":[".kubeopencode/context.md"]}"#
        );
        assert_eq!(
            inline(true, true).unwrap(),
            r#"{"experimental":{"openTelemetry":true},"instructions":[".kubeopencode/context.md"]}"#
        );
    }
}
