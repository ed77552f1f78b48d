//! The proxy variables, in both spellings.

use k8s_openapi::api::core::v1::EnvVar;
use koc_api::Proxy;
use koc_api::names::env as env_names;

use super::literal;

/// The variables for a proxy. Names within the cluster are always exempt.
pub(super) fn variables(proxy: &Proxy, cluster_domain: &str) -> Vec<EnvVar> {
    let mut vars = Vec::new();
    let pairs = [
        (env_names::HTTP_PROXY, &proxy.http_proxy),
        (env_names::HTTPS_PROXY, &proxy.https_proxy),
    ];
    for (names, value) in pairs {
        let Some(value) = value
            .as_ref()
            .map(koc_api::SecretText::expose)
            .filter(|v| !v.is_empty())
        else {
            continue;
        };
        vars.extend(names.map(|name| literal(name, value)));
    }
    let exceptions = exceptions(proxy.no_proxy.as_deref().unwrap_or_default(), cluster_domain);
    vars.extend(env_names::NO_PROXY.map(|name| literal(name, &exceptions)));
    vars
}

/// The user's list, with the cluster's own names where they are missing. Entries are compared whole: `a.svc.example`
/// contains `.svc` and yet exempts no Service.
fn exceptions(given: &str, cluster_domain: &str) -> String {
    let mut list: Vec<String> = given
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .collect();
    for own in [".svc".to_owned(), format!(".{cluster_domain}")] {
        if !list
            .iter()
            .any(|entry| entry == "*" || entry.eq_ignore_ascii_case(&own))
        {
            list.push(own);
        }
    }
    list.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_exact() {
        for (given, expected) in [
            ("", ".svc,.cluster.local"),
            (
                "localhost, 10.0.0.0/8",
                "localhost,10.0.0.0/8,.svc,.cluster.local",
            ),
            ("a.svc.example", "a.svc.example,.svc,.cluster.local"),
            (".svc,x", ".svc,x,.cluster.local"),
            (".SVC,.cluster.local", ".SVC,.cluster.local"),
            ("my.cluster.local,,", "my.cluster.local,.svc,.cluster.local"),
            ("*", "*"),
        ] {
            assert_eq!(exceptions(given, "cluster.local"), expected, "{given:?}");
        }
    }
}
