//! What a request path names.

use crate::query::decode;

/// A place in the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`, `/healthz`, `/api`, `/apis/apps`, `/openapi/v3/…`: segments as they stand.
    Root(Vec<String>),
    /// `/apis/{group}/{version}`, or `/api/v1` with an empty group.
    GroupVersion { group: String, version: String },
    /// Something with a resource in it.
    Resource(Place),
}

/// A collection, an object, or a subresource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) group: String,
    pub(crate) version: String,
    /// None for cluster-scoped paths and for all namespaces.
    pub(crate) namespace: Option<String>,
    pub(crate) resource: String,
    pub(crate) name: Option<String>,
    /// Everything after the name, such as `status` or `proxy/path`.
    pub(crate) subresource: Option<String>,
}

impl Route {
    pub(crate) fn parse(path: &str) -> Self {
        let segments: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(decode).collect();
        let texts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (group, version, rest) = match texts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Self::Root(segments),
        };
        let place = |namespace: Option<&str>, resource: &str, name: Option<&str>, sub: &[&str]| {
            Self::Resource(Place {
                group: group.into(),
                version: version.into(),
                namespace: namespace.map(Into::into),
                resource: resource.into(),
                name: name.map(Into::into),
                subresource: (!sub.is_empty()).then(|| sub.join("/")),
            })
        };
        match rest {
            [] => Self::GroupVersion {
                group: group.into(),
                version: version.into(),
            },
            // Namespaces have two subresources of their own, all other third segments are resources inside.
            ["namespaces", name, sub @ ("status" | "finalize")] if group.is_empty() => {
                place(None, "namespaces", Some(name), &[sub])
            }
            ["namespaces", namespace, resource] => place(Some(namespace), resource, None, &[]),
            ["namespaces", namespace, resource, name, sub @ ..] => {
                place(Some(namespace), resource, Some(name), sub)
            }
            [resource] => place(None, resource, None, &[]),
            [resource, name, sub @ ..] => place(None, resource, Some(name), sub),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: (&str, &str, Option<&str>, &str, Option<&str>, Option<&str>)) {
        let (group, version, namespace, resource, name, subresource) = expected;
        let expected = Route::Resource(Place {
            group: group.into(),
            version: version.into(),
            namespace: namespace.map(Into::into),
            resource: resource.into(),
            name: name.map(Into::into),
            subresource: subresource.map(Into::into),
        });
        assert_eq!(Route::parse(path), expected, "{path}");
    }

    #[test]
    fn paths_name_collections_objects_and_subresources() {
        check("/api/v1/pods", ("", "v1", None, "pods", None, None));
        check("/api/v1/namespaces", ("", "v1", None, "namespaces", None, None));
        check(
            "/api/v1/namespaces/a",
            ("", "v1", None, "namespaces", Some("a"), None),
        );
        check(
            "/api/v1/namespaces/a/finalize",
            ("", "v1", None, "namespaces", Some("a"), Some("finalize")),
        );
        check(
            "/api/v1/namespaces/a/pods/p/log",
            ("", "v1", Some("a"), "pods", Some("p"), Some("log")),
        );
        check(
            "/apis/apps/v1/deployments/",
            ("apps", "v1", None, "deployments", None, None),
        );
        check(
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
            (
                "rbac.authorization.k8s.io",
                "v1",
                None,
                "clusterroles",
                Some("system:node"),
                None,
            ),
        );
    }

    #[test]
    fn shorter_paths_are_roots_and_group_versions() {
        assert_eq!(Route::parse("/"), Route::Root(vec![]));
        assert_eq!(Route::parse("/api"), Route::Root(vec!["api".into()]));
        assert_eq!(
            Route::parse("/apis/apps"),
            Route::Root(vec!["apis".into(), "apps".into()])
        );
        assert_eq!(
            Route::parse("/api/v1"),
            Route::GroupVersion {
                group: "".into(),
                version: "v1".into()
            }
        );
    }
}
