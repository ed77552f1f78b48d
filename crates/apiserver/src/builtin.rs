//! The kinds every server has, without any CustomResourceDefinition.

mod defaults;
mod event;
mod fill;
mod names;
mod pod_defaults;
mod pod_update;
mod pod_validate;
pub(crate) mod quantity;
mod rows;
pub(crate) mod schemas;
mod validate;
mod volumes;

pub(crate) use self::defaults::keep_allocated;
pub(crate) use self::event::{event_from_core, event_to_core};
pub(crate) use self::names::{
    is_dns_label, is_dns_subdomain, is_label_value, is_qualified_name, metadata_causes,
};
pub(crate) use self::schemas::metadata_node;
use crate::kind::Kind;

/// One registry row for each builtin kind.
pub(crate) fn kinds() -> Vec<Kind> {
    rows::rows().iter().map(rows::Row::kind).collect()
}

/// Describes a builtin kind to an OpenAPI generator; `None` for kinds that are not builtin.
pub(crate) fn describe(
    kind: &Kind,
    generator: &mut schemars::generate::SchemaGenerator,
) -> Option<schemars::Schema> {
    let row = rows::rows()
        .into_iter()
        .find(|r| r.group == kind.group && r.version == kind.version && r.kind == kind.kind)?;
    Some((row.document)(generator))
}

#[cfg(test)]
mod tests;
