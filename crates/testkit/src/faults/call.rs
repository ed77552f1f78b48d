//! What one request asks for, in words that are the same in every run.

use std::fmt;

use http::{Method, Uri};
use serde_json::Value;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Reads one object, or anything that is no object, such as discovery.
    Get,
    /// Reads all objects of a kind.
    List,
    /// Follows a kind.
    Watch,
    /// Makes an object.
    Create,
    /// Replaces an object.
    Update,
    /// Changes parts of an object.
    Patch,
    /// Removes an object, or all of a kind.
    Delete,
}

impl Verb {
    /// Whether it changes the cluster.
    #[must_use]
    pub fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// One request. Its text, such as `patch tasks/status hello` or `create events hello PodCreated`, leaves out what differs
/// from run to run: namespaces of tests, and UIDs in the names of events.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// What is done.
    pub verb: Verb,
    /// To what: the plural, with a subresource behind a slash; or the whole path where it is no object.
    pub resource: String,
    /// The object's name; for a creation the one in its body; for an event the object it is about, and the reason.
    pub name: String,
}

impl Call {
    /// Reads a request.
    pub(super) fn of(method: &Method, uri: &Uri, body: &[u8]) -> Self {
        let path = uri.path();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let Some(below) = below_version(&parts) else {
            return Self {
                verb: Verb::Get,
                resource: path.to_owned(),
                name: String::new(),
            };
        };
        let (plural, name, sub) = match *below {
            ["namespaces", _, plural, ref rest @ ..] if !matches!(plural, "status" | "finalize") => {
                (plural, rest.first().copied(), rest.get(1).copied())
            }
            [plural, ref rest @ ..] => (plural, rest.first().copied(), rest.get(1).copied()),
            [] => ("", None, None),
        };
        let watches = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .any(|pair| matches!(pair, "watch=true" | "watch=1"));
        let verb = match *method {
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::PATCH => Verb::Patch,
            Method::DELETE => Verb::Delete,
            _ if watches => Verb::Watch,
            _ if name.is_none() => Verb::List,
            _ => Verb::Get,
        };
        let named = match (verb, name) {
            (Verb::Create, None) => name_in(body),
            _ => name.unwrap_or_default().to_owned(),
        };
        Self {
            verb,
            resource: sub.map_or_else(|| plural.to_owned(), |sub| format!("{plural}/{sub}")),
            name: named,
        }
    }
}

/// The path below group and version; nothing where the path names no resource.
fn below_version<'a>(parts: &'a [&'a str]) -> Option<&'a [&'a str]> {
    match parts {
        ["api", _, below @ ..] | ["apis", _, _, below @ ..] if !below.is_empty() => Some(below),
        _ => None,
    }
}

/// The name an object is to be created under. Names of events hold UIDs, so events are told by what they are about.
fn name_in(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let about = text("/regarding/name").or_else(|| text("/involvedObject/name"));
    match (about, text("/reason")) {
        (Some(about), Some(reason)) => format!("{about} {reason}"),
        _ => text("/metadata/name")
            .or_else(|| text("/metadata/generateName"))
            .unwrap_or_default()
            .to_owned(),
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb.word(), self.resource)?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, uri: &str, body: &str, expected: &str) {
        let call = Call::of(&method.parse().unwrap(), &uri.parse().unwrap(), body.as_bytes());
        assert_eq!(call.to_string(), expected);
    }

    #[test]
    fn requests_are_told_by_verb_resource_and_name() {
        let tasks = "/apis/kubeopencode.io/v1alpha1";
        for (method, uri, body, expected) in [
            ("GET", "/api/v1/pods?limit=500", "", "list pods"),
            (
                "GET",
                "/api/v1/pods?watch=true&resourceVersion=7",
                "",
                "watch pods",
            ),
            ("GET", "/api/v1/namespaces/a/pods", "", "list pods"),
            ("GET", "/api/v1/namespaces/a/pods/x", "", "get pods x"),
            ("GET", "/api/v1/namespaces/a/pods/x/log", "", "get pods/log x"),
            ("GET", "/api/v1/namespaces", "", "list namespaces"),
            ("GET", "/api/v1/namespaces/a", "", "get namespaces a"),
            (
                "PUT",
                "/api/v1/namespaces/a/finalize",
                "",
                "update namespaces/finalize a",
            ),
            (
                "POST",
                "/api/v1/namespaces/a/pods?fieldManager=x",
                r#"{"metadata":{"name":"x-pod"}}"#,
                "create pods x-pod",
            ),
            (
                "POST",
                "/apis/events.k8s.io/v1/namespaces/a/events",
                r#"{"metadata":{"name":"x.1234"},"regarding":{"name":"x"},"reason":"Failed"}"#,
                "create events x Failed",
            ),
            ("POST", "/api/v1/namespaces/a/pods", "{broken", "create pods"),
            ("DELETE", "/api/v1/namespaces/a/pods/x", "", "delete pods x"),
            ("GET", "/api/v1", "", "get /api/v1"),
            ("GET", "/apis/apps/v1", "", "get /apis/apps/v1"),
            ("GET", "/version", "", "get /version"),
        ] {
            check(method, uri, body, expected);
        }
        check(
            "PATCH",
            &format!("{tasks}/namespaces/a/tasks/x/status?"),
            "",
            "patch tasks/status x",
        );
        check("GET", &format!("{tasks}/tasks?&limit=500"), "", "list tasks");
    }
}
