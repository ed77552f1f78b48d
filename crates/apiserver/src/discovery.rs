//! What the server says about itself: groups, versions, resources, health, version, OpenAPI.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::error::ApiError;
use crate::kind::Kind;
use crate::registry::Kinds;
use crate::{openapi, refusal, review};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What clients call the protobuf form of the older document when they ask for it.
const OPENAPI_V2_ASKED: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
/// What it has to be called in the answer, where clients refuse a name with an `@`.
const OPENAPI_V2: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Everything outside a group and version.
pub(crate) fn root(api: &Api, segments: &[String], request: &Request) -> Result<Response, ApiError> {
    let kinds = api.kinds();
    let accept = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let aggregated = accept.contains("g=apidiscovery.k8s.io") && accept.contains("v=v2;")
        || accept.contains("g=apidiscovery.k8s.io") && accept.ends_with("v=v2")
        || accept.contains("v=v2,") && accept.contains("as=APIGroupDiscoveryList");
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        [] => Ok(answer(&paths(&kinds), "application/json")),
        ["healthz" | "livez" | "readyz", ..] => Ok(text("ok")),
        ["version"] => Ok(answer(&version(), "application/json")),
        ["api"] if aggregated => Ok(answer(&group_list(&kinds, true), AGGREGATED)),
        ["apis"] if aggregated => Ok(answer(&group_list(&kinds, false), AGGREGATED)),
        ["api"] => Ok(answer(
            &json!({
                "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
            }),
            "application/json",
        )),
        ["apis"] => {
            let groups: Vec<Value> = groups(&kinds)
                .iter()
                .filter(|(g, _)| !g.is_empty())
                .map(group)
                .collect();
            Ok(answer(
                &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
                "application/json",
            ))
        }
        ["apis", name] => {
            let groups = groups(&kinds);
            let found = groups
                .iter()
                .find(|(group, _)| group == name)
                .ok_or_else(refusal::no_such_path)?;
            let mut value = group(found);
            value["kind"] = json!("APIGroup");
            value["apiVersion"] = json!("v1");
            Ok(answer(&value, "application/json"))
        }
        ["openapi", "v2"] if accept.contains(OPENAPI_V2_ASKED) || accept.contains(OPENAPI_V2) => {
            Ok(bytes(openapi::v2_protobuf(), OPENAPI_V2))
        }
        ["openapi", "v2"] => Ok(answer(&openapi::v2(), "application/json")),
        ["openapi", "v3"] => {
            let all: Vec<Kind> = kinds.iter().map(|kind| Kind::clone(kind)).collect();
            Ok(answer(&openapi::index(&all), "application/json"))
        }
        ["openapi", "v3", "api", version] => openapi_of(&kinds, "", version),
        ["openapi", "v3", "apis", group, version] => openapi_of(&kinds, group, version),
        _ => Err(refusal::no_such_path()),
    }
}

fn openapi_of(kinds: &Kinds, group: &str, version: &str) -> Result<Response, ApiError> {
    let of: Vec<Kind> = kinds
        .of(group, version)
        .iter()
        .map(|kind| Kind::clone(kind))
        .collect();
    if of.is_empty() {
        return Err(refusal::no_such_path());
    }
    Ok(answer(&openapi::group_version(&of), "application/json"))
}

fn answer(value: &Value, content_type: &'static str) -> Response {
    bytes(value.to_string().into_bytes(), content_type)
}

fn bytes(body: Vec<u8>, content_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn text(text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// `/version`: the Kubernetes version whose API this server follows.
fn version() -> Value {
    json!({
        "major": "1", "minor": "35", "gitVersion": "v1.35.0+kubeopencode", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, architecture()),
    })
}

/// The machine's architecture, in the names that Kubernetes uses.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Groups with their versions: those of kinds, and those of the reviews.
fn groups(kinds: &Kinds) -> Vec<(String, Vec<String>)> {
    let mut groups = kinds.groups();
    for (group, _) in review::GROUPS {
        if !groups.iter().any(|(known, _)| known == group) {
            groups.push(((*group).into(), vec!["v1".into()]));
        }
    }
    groups
}

fn group((name, versions): &(String, Vec<String>)) -> Value {
    let entry = |version: &String| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let versions: Vec<Value> = versions.iter().map(entry).collect();
    json!({"name": name, "preferredVersion": versions.first(), "versions": versions})
}

fn paths(kinds: &Kinds) -> Value {
    let mut paths: Vec<String> = ["/api", "/api/v1", "/apis"].map(Into::into).to_vec();
    for (group, versions) in groups(kinds).iter().filter(|(group, _)| !group.is_empty()) {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions.iter().map(|version| format!("/apis/{group}/{version}")));
    }
    paths.extend(
        [
            "/healthz",
            "/livez",
            "/openapi/v2",
            "/openapi/v3",
            "/readyz",
            "/version",
        ]
        .map(Into::into),
    );
    json!({"paths": paths})
}

/// `/apis/{group}/{version}`.
pub(crate) fn group_version(api: &Api, group: &str, version: &str) -> Result<Value, ApiError> {
    let kinds = api.kinds().of(group, version);
    let reviews = review::resources(group, version);
    if kinds.is_empty() && reviews.is_empty() {
        return Err(refusal::no_such_path());
    }
    let mut resources = Vec::new();
    for kind in &kinds {
        resources.push(resource(kind));
        resources.extend(subresources(kind));
    }
    resources.extend(reviews);
    resources.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let name = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    Ok(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}))
}

fn verbs_of(kind: &Kind) -> Vec<&'static str> {
    let mut verbs = vec![
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ];
    if kind.plural == "namespaces" && kind.group.is_empty() {
        verbs.remove(2);
    }
    verbs
}

fn resource(kind: &Kind) -> Value {
    let mut resource = Map::new();
    resource.insert("name".into(), json!(kind.plural));
    resource.insert("singularName".into(), json!(kind.singular));
    resource.insert("namespaced".into(), json!(kind.namespaced));
    resource.insert("kind".into(), json!(kind.kind));
    resource.insert("verbs".into(), json!(verbs_of(kind)));
    if !kind.short_names.is_empty() {
        resource.insert("shortNames".into(), json!(kind.short_names));
    }
    if !kind.categories.is_empty() {
        resource.insert("categories".into(), json!(kind.categories));
    }
    Value::Object(resource)
}

/// Name, group, version, kind and verbs of each subresource; empty group and version are the parent's.
fn subresource_rows(kind: &Kind) -> Vec<(String, &'static str, &'static str, String, Vec<&'static str>)> {
    let mut rows = Vec::new();
    let own = kind.kind.clone();
    if kind.subresources.status {
        rows.push((
            "status".into(),
            "",
            "",
            own.clone(),
            vec!["get", "patch", "update"],
        ));
    }
    if kind.subresources.scale.is_some() {
        rows.push((
            "scale".into(),
            "autoscaling",
            "v1",
            "Scale".into(),
            vec!["get", "patch", "update"],
        ));
    }
    for connect in kind.subresources.connect {
        let (kind, verbs) = match *connect {
            "log" => (own.clone(), vec!["get"]),
            "exec" => ("PodExecOptions".into(), vec!["create", "get"]),
            "attach" => ("PodAttachOptions".into(), vec!["create", "get"]),
            _ => ("PodPortForwardOptions".into(), vec!["create", "get"]),
        };
        rows.push(((*connect).into(), "", "", kind, verbs));
    }
    match (kind.group.as_str(), kind.plural.as_str()) {
        ("", "pods") => {
            rows.push(("binding".into(), "", "", "Binding".into(), vec!["create"]));
            rows.push((
                "eviction".into(),
                "policy",
                "v1",
                "Eviction".into(),
                vec!["create"],
            ));
        }
        ("", "serviceaccounts") => {
            rows.push((
                "token".into(),
                "authentication.k8s.io",
                "v1",
                "TokenRequest".into(),
                vec!["create"],
            ));
        }
        ("", "namespaces") => rows.push(("finalize".into(), "", "", own, vec!["update"])),
        _ => {}
    }
    rows
}

fn subresources(kind: &Kind) -> Vec<Value> {
    let rows = subresource_rows(kind).into_iter();
    rows.map(|(name, group, version, of, verbs)| {
        let mut resource = json!({
            "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
            "kind": of, "verbs": verbs,
        });
        if !group.is_empty() {
            resource["group"] = json!(group);
            resource["version"] = json!(version);
        }
        resource
    })
    .collect()
}

/// The aggregated form: everything in one answer.
fn group_list(kinds: &Kinds, core: bool) -> Value {
    let groups = groups(kinds);
    let items: Vec<Value> = groups
        .iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| aggregated(kinds, group, version))
                .collect();
            let mut metadata = json!({"creationTimestamp": null});
            if !group.is_empty() {
                metadata["name"] = json!(group);
            }
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated(kinds: &Kinds, group: &str, version: &str) -> Value {
    let response_kind = |own_group: &str, own_version: &str, kind: &str| {
        let (group, version) = if own_group.is_empty() && own_version.is_empty() {
            (group, version)
        } else {
            (own_group, own_version)
        };
        json!({"group": group, "version": version, "kind": kind})
    };
    let scope = |namespaced: bool| if namespaced { "Namespaced" } else { "Cluster" };
    let mut resources: Vec<Value> = Vec::new();
    for kind in kinds.of(group, version) {
        let mut resource = json!({
            "resource": kind.plural, "responseKind": response_kind("", "", &kind.kind), "scope": scope(kind.namespaced),
            "singularResource": kind.singular, "verbs": verbs_of(&kind),
        });
        if !kind.short_names.is_empty() {
            resource["shortNames"] = json!(kind.short_names);
        }
        if !kind.categories.is_empty() {
            resource["categories"] = json!(kind.categories);
        }
        let below: Vec<Value> = subresource_rows(&kind)
            .into_iter()
            .map(|(name, group, version, of, verbs)| {
                json!({"subresource": name, "responseKind": response_kind(group, version, &of), "verbs": verbs})
            })
            .collect();
        if !below.is_empty() {
            resource["subresources"] = json!(below);
        }
        resources.push(resource);
    }
    for review in review::resources(group, version) {
        resources.push(json!({
            "resource": review["name"], "responseKind": response_kind("", "", review["kind"].as_str().unwrap_or_default()),
            "scope": scope(review["namespaced"] == true), "singularResource": review["singularName"], "verbs": ["create"],
        }));
    }
    resources.sort_by(|a, b| a["resource"].as_str().cmp(&b["resource"].as_str()));
    json!({"version": version, "resources": resources, "freshness": "Current"})
}
