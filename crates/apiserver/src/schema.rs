//! Schemas that are compiled once and then prune, default and validate objects.

mod cel_value;
mod checks;
mod compile;
mod defaults;
mod definition;
mod format;
pub(crate) mod node;
pub(crate) mod path;
mod prune;
mod rule;
mod scope;
mod shape;
mod validate;

use std::sync::Arc;

use serde_json::Value;

use self::compile::Compiler;
use self::node::Node;
use self::path::Path;
use self::prune::Pruner;
use crate::apply::Shape;
use crate::error::Cause;

/// A schema ready for use. Cheap to share, free of descriptions.
#[derive(Debug)]
pub struct CompiledSchema {
    root: Arc<Node>,
    /// The document it was compiled from, as text (a parsed one is several times its size), for OpenAPI.
    source: Option<Box<str>>,
    /// Builtin kinds treat null as absent everywhere.
    lenient: bool,
}

impl CompiledSchema {
    /// Compiles an `openAPIV3Schema` of a CustomResourceDefinition.
    ///
    /// # Errors
    ///
    /// One cause for each broken rule of structural schemas, for bad patterns and for CEL rules that do not
    /// compile; fields are relative to the schema, such as `properties[spec].type`.
    pub fn compile(open_api_v3_schema: &Value) -> Result<Self, Vec<Cause>> {
        let mut compiler = Compiler::new();
        let root = compiler.root(open_api_v3_schema, Path::ROOT);
        if !compiler.causes.is_empty() {
            return Err(compiler.causes);
        }
        let schema = Self {
            root,
            source: Some(open_api_v3_schema.to_string().into_boxed_str()),
            lenient: false,
        };
        Ok(schema)
    }

    /// A builtin kind's schema from nodes shared between kinds.
    pub(crate) fn builtin(root: Arc<Node>) -> Self {
        Self {
            root,
            source: None,
            lenient: true,
        }
    }

    /// The schema document with its descriptions, if it was declared by a CustomResourceDefinition.
    pub(crate) fn source(&self) -> Option<Value> {
        self.source
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
    }

    /// The document's text, for hashing.
    pub(crate) fn source_text(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Drops fields the schema does not know and returns their paths, such as `spec.list[0].bar`.
    ///
    /// `apiVersion`, `kind` and `metadata` stay at the root and in embedded resources; within `metadata`
    /// only the fields of `ObjectMeta` stay. `x-kubernetes-preserve-unknown-fields` is honoured.
    pub fn prune(&self, value: &mut Value) -> Vec<String> {
        let metadata = crate::builtin::metadata_node();
        let mut pruner = Pruner {
            metadata: &metadata,
            unknown: Vec::new(),
        };
        pruner.prune(&self.root, value, true, Path::ROOT);
        pruner.unknown
    }

    /// The paths that [`CompiledSchema::prune`] would drop.
    pub fn unknown_fields(&self, value: &Value) -> Vec<String> {
        let metadata = crate::builtin::metadata_node();
        let mut pruner = Pruner {
            metadata: &metadata,
            unknown: Vec::new(),
        };
        pruner.find(&self.root, value, true, Path::ROOT);
        pruner.unknown
    }

    /// Fills defaults for absent fields, from the outside in, and drops nulls where null is not allowed.
    pub fn apply_defaults(&self, value: &mut Value) {
        if let Some(metadata) = value.get_mut("metadata") {
            drop_nulls(metadata);
        }
        defaults::apply(&self.root, value);
    }

    /// Everything wrong with the object, at most about a hundred causes.
    ///
    /// `old` is the stored object on update: values it already had are not judged again, except by rules
    /// that compare with `oldSelf`.
    pub fn validate(&self, value: &Value, old: Option<&Value>) -> Vec<Cause> {
        validate::object(&self.root, value, old, self.lenient)
    }

    /// What is wrong with a schema although it compiles: defaults it would refuse itself, rules that refer to
    /// what cannot be there. Asked when a definition is written, not when a stored one is read.
    pub(crate) fn definition_causes(&self) -> Vec<Cause> {
        definition::check(&self.root)
    }

    /// How objects of this schema merge.
    pub fn shape(&self) -> Arc<Shape> {
        Arc::new(shape::of_object(&self.root))
    }
}

/// Removes null fields at any depth, since typed objects of the API cannot hold null.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, v| !v.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
