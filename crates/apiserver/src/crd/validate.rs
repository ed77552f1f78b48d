//! The rules a definition must keep.

use std::collections::HashSet;

use serde_json::Value;

use super::kinds::below;
use super::versions;
use crate::builtin::{is_dns_label, is_dns_subdomain, metadata_causes};
use crate::error::Cause;
use crate::schema::CompiledSchema;
use crate::table::JsonPath;
use crate::violation;

/// Everything wrong with a definition; `old` is the stored one on update.
pub(crate) fn validate(crd: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = metadata_causes(crd, old);
    names(crd, &mut causes);
    scope(crd, &mut causes);
    conversion(crd, &mut causes);
    let list = versions(crd);
    if list.is_empty() {
        causes.push(violation::required(
            "spec.versions",
            "a definition has at least one version",
        ));
    }
    version_flags(list, &mut causes);
    for (i, version) in list.iter().enumerate() {
        let before = old.and_then(|old| {
            versions(old)
                .iter()
                .find(|o| o.get("name") == version.get("name"))
        });
        self::version(version, before, &format!("spec.versions[{i}]"), &mut causes);
    }
    if let Some(old) = old {
        unchanged(crd, old, &mut causes);
    }
    causes
}

fn text<'a>(crd: &'a Value, path: &str) -> &'a str {
    crd.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn names(crd: &Value, causes: &mut Vec<Cause>) {
    let (group, plural) = (text(crd, "/spec/group"), text(crd, "/spec/names/plural"));
    if group.is_empty() {
        causes.push(violation::required("spec.group", ""));
    } else if !is_dns_subdomain(group) || !group.contains('.') {
        causes.push(violation::invalid(
            "spec.group",
            &group.into(),
            "must be a domain with at least one dot",
        ));
    }
    if group.ends_with(".k8s.io")
        && crd
            .pointer("/metadata/annotations/api-approved.kubernetes.io")
            .is_none()
    {
        let why = "groups below k8s.io are protected; the annotation says where the API was approved";
        causes.push(violation::required(
            "metadata.annotations[api-approved.kubernetes.io]",
            why,
        ));
    }
    let wanted = format!("{plural}.{group}");
    let name = text(crd, "/metadata/name");
    if !name.is_empty() && name != wanted {
        let why = format!("must be spec.names.plural+\".\"+spec.group, that is {wanted}");
        causes.push(violation::invalid("metadata.name", &name.into(), why));
    }
    for field in ["plural", "singular"] {
        let name = text(crd, &format!("/spec/names/{field}"));
        dns_name(name, &format!("spec.names.{field}"), causes);
    }
    for field in ["kind", "listKind"] {
        let name = text(crd, &format!("/spec/names/{field}"));
        dns_name(&name.to_lowercase(), &format!("spec.names.{field}"), causes);
    }
    if !text(crd, "/spec/names/kind").is_empty()
        && text(crd, "/spec/names/kind") == text(crd, "/spec/names/listKind")
    {
        let value = text(crd, "/spec/names/listKind").into();
        causes.push(violation::invalid(
            "spec.names.listKind",
            &value,
            "kind and listKind may not be the same",
        ));
    }
    for field in ["shortNames", "categories"] {
        let list = crd
            .pointer(&format!("/spec/names/{field}"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for (i, name) in list.enumerate() {
            dns_name(
                name.as_str().unwrap_or_default(),
                &format!("spec.names.{field}[{i}]"),
                causes,
            );
        }
    }
}

fn dns_name(name: &str, field: &str, causes: &mut Vec<Cause>) {
    if name.is_empty() {
        causes.push(violation::required(field, ""));
    } else if !is_dns_label(name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        let why = "must be lower case letters, digits and '-', starting with a letter";
        causes.push(violation::invalid(field, &name.into(), why));
    }
}

fn scope(crd: &Value, causes: &mut Vec<Cause>) {
    let scope = text(crd, "/spec/scope");
    if !["Cluster", "Namespaced"].contains(&scope) {
        causes.push(violation::not_supported(
            "spec.scope",
            &scope.into(),
            ["Cluster", "Namespaced"],
        ));
    }
    if crd.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(true)) {
        let why = "must be false; use x-kubernetes-preserve-unknown-fields in the schema";
        causes.push(violation::invalid(
            "spec.preserveUnknownFields",
            &Value::Bool(true),
            why,
        ));
    }
}

fn conversion(crd: &Value, causes: &mut Vec<Cause>) {
    let strategy = text(crd, "/spec/conversion/strategy");
    if !["", "None"].contains(&strategy) {
        let cause = violation::not_supported("spec.conversion.strategy", &strategy.into(), ["None"]);
        causes.push(cause);
    }
}

fn version_flags(list: &[Value], causes: &mut Vec<Cause>) {
    let mut seen = HashSet::new();
    for (i, version) in list.iter().enumerate() {
        let name = text(version, "/name");
        let field = format!("spec.versions[{i}].name");
        if !seen.insert(name) {
            causes.push(violation::duplicate(field.as_str(), &name.into()));
        }
        dns_name(name, &field, causes);
        for flag in ["served", "storage"] {
            if !version.get(flag).is_some_and(Value::is_boolean) {
                causes.push(violation::required(
                    format!("spec.versions[{i}].{flag}"),
                    "true or false",
                ));
            }
        }
    }
    let storage = list
        .iter()
        .filter(|v| v.get("storage") == Some(&Value::Bool(true)))
        .count();
    if storage != 1 && !list.is_empty() {
        let why = format!("exactly one version has storage: true, not {storage}");
        causes.push(Cause::invalid("spec.versions", format!("Invalid value: {why}")));
    }
}

fn version(version: &Value, before: Option<&Value>, field: &str, causes: &mut Vec<Cause>) {
    let at = format!("{field}.schema.openAPIV3Schema");
    match version
        .pointer("/schema/openAPIV3Schema")
        .filter(|s| s.is_object())
    {
        None => causes.push(violation::required(
            at,
            "a version says what its objects look like",
        )),
        // A schema that is stored already was checked then.
        Some(schema) if before.and_then(|b| b.pointer("/schema/openAPIV3Schema")) == Some(schema) => {}
        Some(schema) => match CompiledSchema::compile(schema) {
            Err(found) => causes.extend(found.into_iter().map(|c| below(&at, c))),
            Ok(compiled) => causes.extend(compiled.definition_causes().into_iter().map(|c| below(&at, c))),
        },
    }
    printer_columns(version, field, causes);
    if let Some(scale) = version.pointer("/subresources/scale").filter(|s| s.is_object()) {
        for (name, below) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
            let path = text(scale, &format!("/{name}"));
            if !path.starts_with(below) {
                let why = format!("must be a JSON path below {below}");
                causes.push(violation::invalid(
                    format!("{field}.subresources.scale.{name}"),
                    &path.into(),
                    why,
                ));
            }
        }
    }
}

fn printer_columns(version: &Value, field: &str, causes: &mut Vec<Cause>) {
    const KINDS: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    let list = version
        .get("additionalPrinterColumns")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for (i, column) in list.enumerate() {
        let field = |name: &str| format!("{field}.additionalPrinterColumns[{i}].{name}");
        if text(column, "/name").is_empty() {
            causes.push(violation::required(field("name"), ""));
        }
        let kind = text(column, "/type");
        if !KINDS.contains(&kind) {
            causes.push(violation::not_supported(field("type"), &kind.into(), KINDS));
        }
        let path = text(column, "/jsonPath");
        if path.is_empty() {
            causes.push(violation::required(field("jsonPath"), ""));
        } else if let Err(why) = JsonPath::parse(path) {
            causes.push(violation::invalid(field("jsonPath"), &path.into(), why));
        }
    }
}

fn unchanged(crd: &Value, old: &Value, causes: &mut Vec<Cause>) {
    for path in [
        "/spec/group",
        "/spec/names/plural",
        "/spec/scope",
        "/spec/names/kind",
    ] {
        let (now, before) = (text(crd, path), text(old, path));
        if now != before && !before.is_empty() {
            let field = path.trim_start_matches('/').replace('/', ".");
            causes.push(violation::invalid(
                field,
                &now.into(),
                "field is immutable once the definition is established",
            ));
        }
    }
    let names: HashSet<&str> = versions(crd).iter().map(|v| text(v, "/name")).collect();
    let stored = old
        .pointer("/status/storedVersions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for (i, version) in stored
        .enumerate()
        .filter(|(_, v)| !v.as_str().is_some_and(|v| names.contains(v)))
    {
        let why = "objects may still be stored in this version, so spec.versions must keep it";
        causes.push(violation::invalid(
            format!("status.storedVersions[{i}]"),
            version,
            why,
        ));
    }
}
