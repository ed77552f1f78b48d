//! Questions to the server that are answered and never stored: who am I, what may I do.
//!
//! Whoever got in holds the one token, or is this process itself; both may do everything.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::call::{Call, Identity};
use crate::error::ApiError;
use crate::route::Place;
use crate::verbs::Answer;
use crate::{media, meta, refusal};

type Row = (&'static str, &'static str, bool);

/// The groups of reviews, with resource, kind and whether it is namespaced.
pub(crate) const GROUPS: &[(&str, &[Row])] = &[
    (
        "authentication.k8s.io",
        &[
            ("selfsubjectreviews", "SelfSubjectReview", false),
            ("tokenreviews", "TokenReview", false),
        ],
    ),
    (
        "authorization.k8s.io",
        &[
            ("localsubjectaccessreviews", "LocalSubjectAccessReview", true),
            ("selfsubjectaccessreviews", "SelfSubjectAccessReview", false),
            ("selfsubjectrulesreviews", "SelfSubjectRulesReview", false),
            ("subjectaccessreviews", "SubjectAccessReview", false),
        ],
    ),
];

fn row(group: &str, version: &str, resource: &str) -> Option<&'static Row> {
    let (_, rows) = GROUPS
        .iter()
        .find(|(known, _)| *known == group && version == "v1")?;
    rows.iter().find(|(known, ..)| *known == resource)
}

/// Discovery entries of the reviews of a group.
pub(crate) fn resources(group: &str, version: &str) -> Vec<Value> {
    let Some((_, rows)) = GROUPS
        .iter()
        .find(|(known, _)| *known == group && version == "v1")
    else {
        return Vec::new();
    };
    let entry = |(name, kind, namespaced): &Row| {
        json!({
            "name": name, "singularName": kind.to_lowercase(), "namespaced": namespaced, "kind": kind, "verbs": ["create"],
        })
    };
    rows.iter().map(entry).collect()
}

/// True for the paths of reviews.
pub(crate) fn is_review(place: &Place) -> bool {
    row(&place.group, &place.version, &place.resource).is_some()
}

/// Answers a review.
pub(crate) fn answer(
    parts: &Parts,
    place: &Place,
    body: &Bytes,
    identity: &Identity,
) -> Result<Answer, ApiError> {
    let Some((_, kind, namespaced)) = row(&place.group, &place.version, &place.resource) else {
        return Err(refusal::no_such_path());
    };
    if *namespaced != place.namespace.is_some() || place.subresource.is_some() {
        return Err(refusal::no_such_path());
    }
    if parts.method != Method::POST || place.name.is_some() {
        return Err(refusal::method_not_allowed());
    }
    let mut review = media::read(&parts.headers, body)?;
    let Some(fields) = review.as_object_mut() else {
        return Err(refusal::bad_request(format!(
            "the body of the request must be one {kind} object"
        )));
    };
    fields.insert("kind".into(), json!(kind));
    fields.insert(
        "apiVersion".into(),
        json!(format!("{}/{}", place.group, place.version)),
    );
    fields.entry("metadata").or_insert_with(|| json!({}));
    let user = json!({"username": identity.user, "groups": identity.groups});
    let spec = fields.get("spec").cloned().unwrap_or_default();
    let status = match *kind {
        "SelfSubjectReview" => json!({"userInfo": user}),
        "TokenReview" => token_review(&spec),
        "SelfSubjectRulesReview" => json!({
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": false,
        }),
        _ => access(&spec)?,
    };
    fields.insert("status".into(), status);
    Ok(Answer::json(201, &review))
}

fn access(spec: &Value) -> Result<Value, ApiError> {
    let asked = ["resourceAttributes", "nonResourceAttributes"]
        .iter()
        .filter(|field| spec[**field].is_object());
    if asked.count() != 1 {
        return Err(refusal::bad_request(
            "an access review must hold exactly one of spec.resourceAttributes and spec.nonResourceAttributes",
        ));
    }
    Ok(json!({"allowed": true, "reason": "whoever holds the token of this server may do everything"}))
}

/// Recognizes the service account tokens made below.
fn token_review(spec: &Value) -> Value {
    let subject = || {
        let token = spec["token"].as_str()?;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        (signed(&claims) == token).then(|| claims["sub"].as_str().map(str::to_owned))?
    };
    match subject() {
        Some(user) => {
            json!({"authenticated": true, "user": {"username": user, "groups": ["system:serviceaccounts", "system:authenticated"]}})
        }
        None => json!({"authenticated": false, "error": "the token is none of this server's"}),
    }
}

/// POST `serviceaccounts/{name}/token`. The token names its account; it opens nothing on this server.
pub(crate) fn service_account_token(call: &Call, body: &Bytes) -> Result<Answer, ApiError> {
    let account = call.api.get(&call.kind, &call.namespace, &call.name)?;
    let mut request = if body.is_empty() {
        json!({})
    } else {
        media::read(&call.headers, body)?
    };
    let seconds = request["spec"]["expirationSeconds"].as_i64().unwrap_or(3600);
    if seconds < 600 {
        return Err(refusal::bad_request(format!(
            "spec.expirationSeconds may not be less than 10 minutes and is {seconds}"
        )));
    }
    let audiences = match &request["spec"]["audiences"] {
        Value::Array(list) if !list.is_empty() => Value::Array(list.clone()),
        _ => json!(["https://kubernetes.default.svc.cluster.local"]),
    };
    let now = jiff::Timestamp::now();
    let expiry = now
        .saturating_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or(jiff::Timestamp::MAX);
    let claims = json!({
        "iss": "https://kubernetes.default.svc.cluster.local", "aud": audiences, "iat": now.as_second(),
        "exp": expiry.as_second(), "jti": uuid::Uuid::new_v4().to_string(),
        "sub": format!("system:serviceaccount:{}:{}", call.namespace, call.name),
        "kubernetes.io": {
            "namespace": call.namespace, "serviceaccount": {"name": call.name, "uid": meta::uid(&account.value)},
        },
    });
    request["kind"] = json!("TokenRequest");
    request["apiVersion"] = json!("authentication.k8s.io/v1");
    request["metadata"] =
        json!({"name": call.name, "namespace": call.namespace, "creationTimestamp": meta::now()});
    request["spec"]["expirationSeconds"] = json!(seconds);
    request["spec"]["audiences"] = audiences;
    request["status"] = json!({"token": signed(&claims), "expirationTimestamp": meta::stamp(expiry)});
    Ok(Answer::json(201, &request))
}

/// A token in the usual three parts. The last is a keyed digest with a key of this process only, so it proves
/// nothing to anyone else and does not outlive a restart.
fn signed(claims: &Value) -> String {
    static KEY: std::sync::OnceLock<[u8; 32]> = std::sync::OnceLock::new();
    let key = KEY.get_or_init(|| {
        let mut key = [0; 32];
        key[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        key[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        key
    });
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    // Hashing the key on both sides of the text keeps it from being extended.
    let digest = Sha256::new()
        .chain_update(key)
        .chain_update(&text)
        .chain_update(key)
        .finalize();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(digest))
}
