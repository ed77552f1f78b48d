//! A container's environment and command line, worked out from data that was fetched before.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVarSource, Pod, Secret};

use crate::facts::{self, Facts};

/// The objects a container's environment refers to; `None` for one that does not exist.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) config_maps: BTreeMap<String, Option<ConfigMap>>,
    pub(crate) secrets: BTreeMap<String, Option<Secret>>,
}

/// An object the environment needs and lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    ConfigMap(String),
    Secret(String),
}

/// Why an environment could not be worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvError {
    pub(crate) message: String,
    /// The object whose change may mend it.
    pub(crate) missing: Option<Missing>,
}

/// Names of the ConfigMaps and Secrets the environment refers to.
pub(crate) fn references(container: &Container) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut maps, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for source in container.env_from.iter().flatten() {
        maps.extend(source.config_map_ref.iter().map(|r| r.name.clone()));
        secrets.extend(source.secret_ref.iter().map(|r| r.name.clone()));
    }
    for from in container
        .env
        .iter()
        .flatten()
        .filter_map(|e| e.value_from.as_ref())
    {
        maps.extend(from.config_map_key_ref.iter().map(|r| r.name.clone()));
        secrets.extend(from.secret_key_ref.iter().map(|r| r.name.clone()));
    }
    (maps, secrets)
}

/// The environment: `base` first, then `envFrom`, then `env` in order, each able to use those before it.
pub(crate) fn environment(
    base: &BTreeMap<String, String>,
    container: &Container,
    pod: &Pod,
    facts: &Facts,
    sources: &Sources,
) -> Result<BTreeMap<String, String>, EnvError> {
    let mut env = base.clone();
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        if let Some(reference) = &source.config_map_ref {
            match sources.config_maps.get(&reference.name).and_then(Option::as_ref) {
                Some(map) => {
                    let data = map.data.iter().flatten().map(|(k, v)| (k, v.clone()));
                    extend(&mut env, prefix, data);
                }
                None if reference.optional == Some(true) => {}
                None => return Err(missing_map(&reference.name)),
            }
        }
        if let Some(reference) = &source.secret_ref {
            match sources.secrets.get(&reference.name).and_then(Option::as_ref) {
                Some(secret) => {
                    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
                    extend(
                        &mut env,
                        prefix,
                        secret.data.iter().flatten().map(|(k, v)| (k, text(&v.0))),
                    );
                }
                None if reference.optional == Some(true) => {}
                None => return Err(missing_secret(&reference.name)),
            }
        }
    }
    for entry in container.env.iter().flatten() {
        let value = match &entry.value_from {
            None => Some(expand(entry.value.as_deref().unwrap_or_default(), &env)),
            Some(from) => from_source(from, &entry.name, container, pod, facts, sources)?,
        };
        if let Some(value) = value {
            env.insert(entry.name.clone(), value);
        }
    }
    Ok(env)
}

fn extend<'a>(
    env: &mut BTreeMap<String, String>,
    prefix: &str,
    entries: impl Iterator<Item = (&'a String, String)>,
) {
    for (key, value) in entries {
        // A name with `=` or NUL cannot exist in a process's environment; Kubernetes skips those too.
        if !key.is_empty() && !key.contains(['=', '\0']) {
            env.insert(format!("{prefix}{key}"), value);
        }
    }
}

/// The value of one `valueFrom`; `None` when it is optional and absent.
fn from_source(
    from: &EnvVarSource,
    name: &str,
    container: &Container,
    pod: &Pod,
    facts: &Facts,
    sources: &Sources,
) -> Result<Option<String>, EnvError> {
    let plain = |message: String| EnvError {
        message: format!("env {name}: {message}"),
        missing: None,
    };
    if let Some(reference) = &from.config_map_key_ref {
        let optional = reference.optional == Some(true);
        let Some(map) = sources.config_maps.get(&reference.name).and_then(Option::as_ref) else {
            return if optional {
                Ok(None)
            } else {
                Err(missing_map(&reference.name))
            };
        };
        return match map.data.as_ref().and_then(|d| d.get(&reference.key)) {
            Some(value) => Ok(Some(value.clone())),
            None if optional => Ok(None),
            None => Err(EnvError {
                message: format!(
                    "ConfigMap {} has no key {}, which env {name} asks for",
                    reference.name, reference.key
                ),
                missing: Some(Missing::ConfigMap(reference.name.clone())),
            }),
        };
    }
    if let Some(reference) = &from.secret_key_ref {
        let optional = reference.optional == Some(true);
        let Some(secret) = sources.secrets.get(&reference.name).and_then(Option::as_ref) else {
            return if optional {
                Ok(None)
            } else {
                Err(missing_secret(&reference.name))
            };
        };
        return match secret.data.as_ref().and_then(|d| d.get(&reference.key)) {
            Some(value) => Ok(Some(String::from_utf8_lossy(&value.0).into_owned())),
            None if optional => Ok(None),
            None => Err(EnvError {
                message: format!(
                    "Secret {} has no key {}, which env {name} asks for",
                    reference.name, reference.key
                ),
                missing: Some(Missing::Secret(reference.name.clone())),
            }),
        };
    }
    if let Some(selector) = &from.field_ref {
        return facts::field(pod, facts, selector).map(Some).map_err(plain);
    }
    if let Some(selector) = &from.resource_field_ref {
        return facts::resource(pod, facts, Some(container), selector)
            .map(Some)
            .map_err(plain);
    }
    Err(plain("valueFrom names no source this node knows".to_owned()))
}

fn missing_map(name: &str) -> EnvError {
    EnvError {
        message: format!("ConfigMap {name} does not exist in this namespace; create it, or mark it optional"),
        missing: Some(Missing::ConfigMap(name.to_owned())),
    }
}

fn missing_secret(name: &str) -> EnvError {
    EnvError {
        message: format!("Secret {name} does not exist in this namespace; create it, or mark it optional"),
        missing: Some(Missing::Secret(name.to_owned())),
    }
}

/// Replaces `$(NAME)` by the variable's value; unknown names stay as they are and `$$` gives `$`.
pub(crate) fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            match env.get(name) {
                Some(value) => out.push_str(value),
                None => out.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// Program and arguments: `command` replaces the image's entry point and its arguments, `args` its
/// arguments alone.
pub(crate) fn command_line(
    container: &Container,
    entrypoint: &[String],
    cmd: &[String],
    env: &BTreeMap<String, String>,
) -> Vec<String> {
    let given = |list: &Option<Vec<String>>| -> Option<Vec<String>> {
        list.as_ref()
            .filter(|l| !l.is_empty())
            .map(|l| l.iter().map(|s| expand(s, env)).collect())
    };
    match (given(&container.command), given(&container.args)) {
        (Some(command), args) => command.into_iter().chain(args.into_iter().flatten()).collect(),
        (None, Some(args)) => entrypoint.iter().cloned().chain(args).collect(),
        (None, None) => entrypoint.iter().chain(cmd).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::json;

    use super::*;

    #[test]
    fn expansion() {
        let env = BTreeMap::from([
            ("A".to_owned(), "1".to_owned()),
            ("B".to_owned(), "$(A)".to_owned()),
        ]);
        let cases = [
            ("plain", "plain"),
            ("$(A)", "1"),
            ("x$(A)y$(A)", "x1y1"),
            ("$(B)", "$(A)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$(NO)", "$(NO)"),
            ("$(A", "$(A"),
            ("$A $", "$A $"),
            ("$()", "$()"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }

    fn run(container: serde_json::Value) -> Result<BTreeMap<String, String>, EnvError> {
        let mut container = container;
        container["name"] = json!("c");
        let container: Container = serde_json::from_value(container).unwrap();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a/b": "c"}},
            "spec": {"containers": [{"name": "c", "resources": {"limits": {"memory": "1Gi"}}}]}
        }))
        .unwrap();
        let map: ConfigMap = serde_json::from_value(json!({"data": {"k": "v", "bad=": "x"}})).unwrap();
        let secret = Secret {
            data: Some([("s".to_owned(), ByteString(b"t".to_vec()))].into()),
            ..Secret::default()
        };
        let sources = Sources {
            config_maps: [("m".to_owned(), Some(map)), ("gone".to_owned(), None)].into(),
            secrets: [("s".to_owned(), Some(secret)), ("gone".to_owned(), None)].into(),
        };
        let facts = Facts {
            node_name: "here".into(),
            address: "127.0.0.1".into(),
            cpu_milli: 2000,
            memory_bytes: 1 << 30,
        };
        environment(
            &BTreeMap::from([("BASE".into(), "b".into())]),
            &container,
            &pod,
            &facts,
            &sources,
        )
    }

    #[track_caller]
    fn check(container: serde_json::Value, expected: &[(&str, &str)]) {
        let mut env = run(container).unwrap();
        env.remove("BASE");
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(env, expected);
    }

    #[test]
    fn all_forms_of_value_from() {
        check(
            json!({"env": [{"name": "A", "value": "x"}, {"name": "B", "value": "$(A)$(BASE)"}]}),
            &[("A", "x"), ("B", "xb")],
        );
        check(
            json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
            &[("A", "2")],
        );
        check(
            json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}]}),
            &[("A", "v")],
        );
        check(
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "s"}}}]}),
            &[("A", "t")],
        );
        check(
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "s", "optional": true}}}]}),
            &[],
        );
        check(
            json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "no", "optional": true}}}]}),
            &[],
        );
        check(
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a/b']"}}}]}),
            &[("A", "c")],
        );
        check(
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}),
            &[("A", "here")],
        );
        check(
            json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"containerName": "c", "resource": "limits.memory", "divisor": "1Mi"}}}]}),
            &[("A", "1024")],
        );
        check(
            json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]}),
            &[("A", "2")],
        );
        check(
            json!({"envFrom": [{"prefix": "P_", "configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}}, {"secretRef": {"name": "gone", "optional": true}}]}),
            &[("P_k", "v"), ("s", "t")],
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (
                json!({"envFrom": [{"configMapRef": {"name": "gone"}}]}),
                Some(Missing::ConfigMap("gone".into())),
            ),
            (
                json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}}]}),
                Some(Missing::Secret("gone".into())),
            ),
            (
                json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
                Some(Missing::Secret("s".into())),
            ),
            (
                json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]}),
                None,
            ),
        ];
        for (container, expected) in cases {
            let error = run(container).unwrap_err();
            assert_eq!(error.missing, expected, "{}", error.message);
        }
    }

    #[test]
    fn command_and_args_replace_the_image() {
        let check = |container: serde_json::Value, expected: &[&str]| {
            let mut container = container;
            container["name"] = json!("c");
            let container: Container = serde_json::from_value(container).unwrap();
            let env = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
            assert_eq!(
                command_line(&container, &["e".to_owned()], &["c".to_owned()], &env),
                expected
            );
        };
        check(json!({}), &["e", "c"]);
        check(json!({"args": ["$(A)"]}), &["e", "1"]);
        check(json!({"command": ["x"]}), &["x"]);
        check(
            json!({"command": ["x"], "args": ["y", "$$(A)"]}),
            &["x", "y", "$(A)"],
        );
    }
}
