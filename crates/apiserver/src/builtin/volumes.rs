//! Volumes of a pod and where containers mount them.

use std::collections::HashSet;

use serde_json::Value;

use super::names::is_dns_label;
use super::validate::{at, list, text};
use crate::error::Cause;
use crate::violation;

/// Checks the volumes and returns their names.
pub(super) fn check<'a>(spec: &'a Value, field: &str, causes: &mut Vec<Cause>) -> HashSet<&'a str> {
    let mut known = HashSet::new();
    for (i, volume) in list(spec, &["volumes"]).iter().enumerate() {
        let field = format!("{field}.volumes[{i}]");
        let name = text(volume, &["name"]);
        if name.is_empty() {
            causes.push(violation::required(format!("{field}.name"), ""));
        } else if !is_dns_label(name) {
            causes.push(violation::invalid(
                format!("{field}.name"),
                &name.into(),
                "must be a lowercase RFC 1123 label",
            ));
        } else if !known.insert(name) {
            causes.push(violation::duplicate(format!("{field}.name"), &name.into()));
        }
        source(volume, &field, causes);
    }
    known
}

fn source(volume: &Value, field: &str, causes: &mut Vec<Cause>) {
    let sources: Vec<&String> = volume
        .as_object()
        .map(|v| {
            v.iter()
                .filter(|(k, v)| *k != "name" && !v.is_null())
                .map(|(k, _)| k)
                .collect()
        })
        .unwrap_or_default();
    match sources.as_slice() {
        [] => causes.push(violation::required(
            field,
            "says where the volume comes from, such as emptyDir",
        )),
        [_] => {}
        [_, more @ ..] => {
            for kind in more {
                let why = "a volume has one source only";
                causes.push(violation::forbidden(format!("{field}.{kind}"), why));
            }
        }
    }
    for (kind, name) in [
        ("configMap", "name"),
        ("secret", "secretName"),
        ("persistentVolumeClaim", "claimName"),
        ("hostPath", "path"),
    ] {
        if at(volume, &[kind]).is_some() && text(volume, &[kind, name]).is_empty() {
            causes.push(violation::required(format!("{field}.{kind}.{name}"), ""));
        }
    }
    for kind in ["configMap", "secret", "downwardAPI"] {
        let Some(source) = at(volume, &[kind]) else {
            continue;
        };
        mode(
            source.get("defaultMode"),
            &format!("{field}.{kind}.defaultMode"),
            causes,
        );
        items(source, &format!("{field}.{kind}"), kind != "downwardAPI", causes);
    }
    if let Some(projected) = at(volume, &["projected"]) {
        projections(projected, &format!("{field}.projected"), causes);
    }
}

fn projections(projected: &Value, field: &str, causes: &mut Vec<Cause>) {
    const KINDS: [&str; 5] = [
        "configMap",
        "secret",
        "downwardAPI",
        "serviceAccountToken",
        "clusterTrustBundle",
    ];
    mode(
        projected.get("defaultMode"),
        &format!("{field}.defaultMode"),
        causes,
    );
    for (i, source) in list(projected, &["sources"]).iter().enumerate() {
        let field = format!("{field}.sources[{i}]");
        let set: Vec<&str> = source
            .as_object()
            .into_iter()
            .flat_map(|s| s.keys())
            .map(String::as_str)
            .collect();
        if set.len() > 1 {
            causes.push(violation::forbidden(
                field.clone(),
                "a source projects one thing only",
            ));
        }
        for kind in set.into_iter().filter(|k| KINDS.contains(k)) {
            if let Some(part) = at(source, &[kind]) {
                items(
                    part,
                    &format!("{field}.{kind}"),
                    matches!(kind, "configMap" | "secret"),
                    causes,
                );
                if kind == "serviceAccountToken" {
                    relative(text(part, &["path"]), &format!("{field}.{kind}.path"), causes);
                }
            }
        }
    }
}

fn items(source: &Value, field: &str, keyed: bool, causes: &mut Vec<Cause>) {
    for (i, item) in list(source, &["items"]).iter().enumerate() {
        let field = format!("{field}.items[{i}]");
        if keyed && text(item, &["key"]).is_empty() {
            causes.push(violation::required(format!("{field}.key"), ""));
        }
        relative(text(item, &["path"]), &format!("{field}.path"), causes);
        mode(item.get("mode"), &format!("{field}.mode"), causes);
    }
}

fn mode(value: Option<&Value>, field: &str, causes: &mut Vec<Cause>) {
    if let Some(value) = value.filter(|v| v.as_i64().is_some_and(|n| !(0..=0o777).contains(&n))) {
        let why = "must be a file mode from 0 to 0777 (octal; 511 decimal)";
        causes.push(violation::invalid(field, value, why));
    }
}

/// A path that stays below the directory it is relative to.
fn relative(path: &str, field: &str, causes: &mut Vec<Cause>) {
    if path.is_empty() {
        causes.push(violation::required(field, ""));
    } else {
        stays_below(path, field, causes);
    }
}

fn stays_below(path: &str, field: &str, causes: &mut Vec<Cause>) {
    if path.starts_with('/') {
        causes.push(violation::invalid(field, &path.into(), "must be a relative path"));
    }
    if path.split('/').any(|part| part == "..") {
        causes.push(violation::invalid(field, &path.into(), "must not contain '..'"));
    }
}

/// Checks where a container mounts volumes.
pub(super) fn mounts(container: &Value, field: &str, volumes: &HashSet<&str>, causes: &mut Vec<Cause>) {
    let mut paths = HashSet::new();
    for (i, mount) in list(container, &["volumeMounts"]).iter().enumerate() {
        let field = |name: &str| format!("{field}.volumeMounts[{i}].{name}");
        let name = text(mount, &["name"]);
        if name.is_empty() {
            causes.push(violation::required(field("name"), ""));
        } else if !volumes.contains(name) {
            causes.push(violation::not_found(field("name"), &name.into()));
        }
        let path = text(mount, &["mountPath"]);
        if path.is_empty() {
            causes.push(violation::required(field("mountPath"), ""));
        } else if path.contains(':') {
            causes.push(violation::invalid(
                field("mountPath"),
                &path.into(),
                "must not contain ':'",
            ));
        } else if !paths.insert(path) {
            causes.push(violation::invalid(
                field("mountPath"),
                &path.into(),
                "must be unique",
            ));
        }
        for name in ["subPath", "subPathExpr"] {
            let sub = text(mount, &[name]);
            if !sub.is_empty() {
                stays_below(sub, &field(name), causes);
            }
        }
        if !text(mount, &["subPath"]).is_empty() && !text(mount, &["subPathExpr"]).is_empty() {
            causes.push(violation::invalid(
                field("subPathExpr"),
                &text(mount, &["subPathExpr"]).into(),
                "excludes subPath",
            ));
        }
    }
}
