//! From a definition to registry rows.

use std::sync::Arc;

use serde_json::Value;

use super::versions;
use crate::error::Cause;
use crate::kind::{Cell, Column, Kind, ScalePaths, SchemaSource, Subresources};
use crate::schema::CompiledSchema;
use crate::table::columns;
use crate::violation;

/// One registry row for each served version of a definition.
///
/// # Errors
///
/// Causes for a version without schema and for schemas that do not compile.
pub(crate) fn kinds_of(crd: &Value) -> Result<Vec<Kind>, Vec<Cause>> {
    let mut kinds = Vec::new();
    let mut causes = Vec::new();
    for (i, version) in versions(crd).iter().enumerate() {
        if version.get("served") != Some(&Value::Bool(true)) {
            continue;
        }
        let field = format!("spec.versions[{i}].schema.openAPIV3Schema");
        match version
            .pointer("/schema/openAPIV3Schema")
            .filter(|s| s.is_object())
        {
            None => causes.push(violation::required(
                field,
                "a version says what its objects look like",
            )),
            Some(schema) => match CompiledSchema::compile(schema) {
                Ok(schema) => kinds.push(kind(crd, version, Arc::new(schema))),
                Err(found) => causes.extend(found.into_iter().map(|c| below(&field, c))),
            },
        }
    }
    if causes.is_empty() { Ok(kinds) } else { Err(causes) }
}

/// Moves a cause that is relative to a schema to its place in the definition.
pub(super) fn below(field: &str, mut cause: Cause) -> Cause {
    let dot = if cause.field.is_empty() || cause.field.starts_with('[') {
        ""
    } else {
        "."
    };
    cause.field = format!("{field}{dot}{}", cause.field);
    cause
}

fn kind(crd: &Value, version: &Value, schema: Arc<CompiledSchema>) -> Kind {
    let text = |path: &str| {
        crd.pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let list = |path: &str| -> Vec<String> {
        let list = crd.pointer(path).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let name = text("/spec/names/kind");
    let or = |value: String, other: String| if value.is_empty() { other } else { value };
    Kind {
        group: text("/spec/group"),
        version: member(version, "name").unwrap_or_default(),
        list_kind: or(text("/spec/names/listKind"), format!("{name}List")),
        plural: text("/spec/names/plural"),
        singular: or(text("/spec/names/singular"), name.to_lowercase()),
        short_names: list("/spec/names/shortNames"),
        categories: list("/spec/names/categories"),
        namespaced: text("/spec/scope") != "Cluster",
        subresources: subresources(version),
        custom: true,
        columns: printer_columns(version),
        field_selectors: selectable(version),
        default: None,
        validate: Some(crate::builtin::metadata_causes),
        shape: schema.shape(),
        schema: SchemaSource::Ready(schema),
        kind: name,
    }
}

fn member(value: &Value, name: &str) -> Option<String> {
    value
        .get(name)?
        .as_str()
        .filter(|t| !t.is_empty())
        .map(str::to_owned)
}

fn subresources(version: &Value) -> Subresources {
    let scale = version.pointer("/subresources/scale").filter(|s| s.is_object());
    Subresources {
        status: version
            .pointer("/subresources/status")
            .is_some_and(Value::is_object),
        scale: scale.and_then(|scale| {
            Some(ScalePaths {
                spec: member(scale, "specReplicasPath")?,
                status: member(scale, "statusReplicasPath")?,
                selector: member(scale, "labelSelectorPath"),
            })
        }),
        connect: &[],
    }
}

fn printer_columns(version: &Value) -> Vec<Column> {
    let declared = version.get("additionalPrinterColumns").and_then(Value::as_array);
    let Some(declared) = declared.filter(|d| !d.is_empty()) else {
        return columns::plain();
    };
    let mut all = vec![columns::name()];
    all.extend(declared.iter().map(|column| {
        Column {
            name: member(column, "name").unwrap_or_default(),
            kind: member(column, "type").unwrap_or_else(|| "string".into()),
            format: member(column, "format").unwrap_or_default(),
            description: member(column, "description").unwrap_or_else(|| {
                format!(
                    "Custom resource definition column (in JSONPath format): {}",
                    member(column, "jsonPath").unwrap_or_default()
                )
            }),
            priority: column
                .get("priority")
                .and_then(Value::as_i64)
                .and_then(|p| i32::try_from(p).ok())
                .unwrap_or(0),
            cell: Cell::JsonPath(member(column, "jsonPath").unwrap_or_default()),
        }
    }));
    all
}

fn selectable(version: &Value) -> Vec<String> {
    let fields = version
        .get("selectableFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    fields
        .filter_map(|f| member(f, "jsonPath"))
        .map(|p| p.trim_start_matches('.').to_owned())
        .collect()
}
