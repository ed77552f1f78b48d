//! Plugins: what is installed, and what OpenCode's configuration says about it.

use koc_api::names::paths;
use koc_api::{NpmSpecifier, PluginSpec, PluginTarget};
use serde_json::{Value, json};

use crate::refusal::Refusal;

/// What a list of plugins amounts to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plugins {
    /// Arguments for `npm install`, each package once, in the order of the list.
    pub(crate) packages: Vec<String>,
    /// Entries for `opencode.json`, with the directory each came from.
    pub(crate) server: Vec<PluginEntry>,
    /// Entries for `tui.json`.
    pub(crate) tui: Vec<PluginEntry>,
}

/// One entry of OpenCode's `plugin` list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PluginEntry {
    /// Below `node_modules`; a configured plugin of the same name is the same plugin.
    pub(crate) directory: String,
    /// A `file://` address, or a pair of it and the plugin's options.
    pub(crate) value: Value,
}

impl Plugins {
    /// Reads the list. One package may serve both parts of OpenCode; two versions of it can't be installed at once.
    pub(crate) fn of(specs: &[PluginSpec]) -> Result<Self, Refusal> {
        let mut plugins = Self::default();
        let mut installed: Vec<NpmSpecifier> = Vec::new();
        for spec in specs {
            let specifier = NpmSpecifier::parse(&spec.name).map_err(|error| {
                Refusal::context(format!(
                    "plugin {:?} can't be installed: {error}",
                    shown(&spec.name)
                ))
            })?;
            match installed.iter().find(|i| i.directory() == specifier.directory()) {
                Some(same) if *same == specifier => {}
                Some(other) => {
                    return Err(Refusal::context(format!(
                        "plugins ask for both {:?} and {:?}, which npm would install into one directory; keep one of \
                         them, or give one another name as in `other-name@npm:{}`",
                        other.to_string(),
                        specifier.to_string(),
                        specifier.directory()
                    )));
                }
                None => {
                    plugins.packages.push(specifier.to_string());
                    installed.push(specifier.clone());
                }
            }
            let entries = match spec.target() {
                PluginTarget::Server => &mut plugins.server,
                PluginTarget::Tui => &mut plugins.tui,
            };
            // The first entry of a package wins, as people know it from npm's own lists.
            if !entries.iter().any(|e| e.directory == specifier.directory()) {
                entries.push(entry(specifier.directory(), spec.options.as_ref()));
            }
        }
        Ok(plugins)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }
}

fn entry(directory: &str, options: Option<&Value>) -> PluginEntry {
    let address = format!("file://{}/{directory}", paths::PLUGIN_MODULES);
    PluginEntry {
        directory: directory.to_owned(),
        value: match options {
            None | Some(Value::Null) => Value::from(address),
            Some(options) => json!([address, options]),
        },
    }
}

/// A specifier in a sentence; what could be a password is left out.
fn shown(name: &str) -> &str {
    if name.contains("://") && name.contains('@') {
        "(an address)"
    } else {
        name
    }
}

/// Adds entries to a `plugin` list of the user's. A configured plugin of the same package is replaced where it stands,
/// since OpenCode would load it a second time; its options stay unless the plugin brings its own.
pub(crate) fn merge_into(list: &mut Vec<Value>, entries: &[PluginEntry]) {
    for entry in entries {
        let same: Vec<usize> = (0..list.len())
            .filter(|i| list.get(*i).is_some_and(|v| names(v, &entry.directory)))
            .collect();
        let Some((first, doubles)) = same.split_first() else {
            list.push(entry.value.clone());
            continue;
        };
        for double in doubles.iter().rev() {
            list.remove(*double);
        }
        if let Some(place) = list.get_mut(*first) {
            *place = with_options_of(entry.value.clone(), place);
        }
    }
}

fn with_options_of(value: Value, configured: &Value) -> Value {
    match (&value, configured.get(1)) {
        (Value::String(_), Some(options)) => json!([value, options]),
        _ => value,
    }
}

/// Whether an entry of a `plugin` list names the package in this directory.
fn names(entry: &Value, directory: &str) -> bool {
    let head = entry
        .as_str()
        .or_else(|| entry.get(0)?.as_str())
        .unwrap_or_default();
    head == format!("file://{}/{directory}", paths::PLUGIN_MODULES)
        || NpmSpecifier::parse(head).is_ok_and(|specifier| specifier.directory() == directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, target: PluginTarget, options: Option<Value>) -> PluginSpec {
        PluginSpec {
            name: name.to_owned(),
            target: Some(target),
            options,
        }
    }

    #[test]
    fn one_package_serves_both_parts() {
        let plugins = Plugins::of(&[
            spec("@s/p@^1", PluginTarget::Server, Some(json!({"a": 1}))),
            spec("@s/p@^1", PluginTarget::Tui, None),
            spec("q", PluginTarget::Tui, Some(Value::Null)),
        ])
        .unwrap();
        assert_eq!(plugins.packages, ["@s/p@^1", "q"]);
        assert_eq!(
            plugins.server[0].value,
            json!(["file:///plugins/node_modules/@s/p", {"a": 1}])
        );
        let tui: Vec<&Value> = plugins.tui.iter().map(|e| &e.value).collect();
        assert_eq!(
            tui,
            [
                &json!("file:///plugins/node_modules/@s/p"),
                &json!("file:///plugins/node_modules/q")
            ]
        );
    }

    #[test]
    fn two_versions_of_one_package_are_refused() {
        let refusal = Plugins::of(&[
            spec("p@1", PluginTarget::Server, None),
            spec("p@2", PluginTarget::Server, None),
        ])
        .unwrap_err();
        assert!(
            refusal.message.contains("\"p@1\" and \"p@2\""),
            "{}",
            refusal.message
        );
        let named = [
            spec("p@1", PluginTarget::Server, None),
            spec("p2@npm:p@2", PluginTarget::Server, None),
        ];
        assert_eq!(Plugins::of(&named).unwrap().packages, ["p@1", "p2@npm:p@2"]);
    }

    #[test]
    fn a_password_in_a_plugin_address_is_not_told() {
        let refusal =
            Plugins::of(&[spec("https://u:hunter2@h/x.tgz", PluginTarget::Server, None)]).unwrap_err();
        assert!(!refusal.message.contains("hunter2"), "{}", refusal.message);
    }

    #[test]
    fn a_plugin_configured_by_its_name_is_not_loaded_twice() {
        let plugins = Plugins::of(&[spec("@s/p@^1", PluginTarget::Server, None)]).unwrap();
        let mut list = vec![json!("other"), json!(["@s/p@2", {"x": 1}]), json!("@s/p")];
        merge_into(&mut list, &plugins.server);
        assert_eq!(
            list,
            [
                json!("other"),
                json!(["file:///plugins/node_modules/@s/p", {"x": 1}])
            ]
        );
        // And a second time nothing changes.
        let before = list.clone();
        merge_into(&mut list, &plugins.server);
        assert_eq!(list, before);
    }
}
