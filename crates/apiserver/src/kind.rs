//! One registry row per kind: everything generic code needs to know to serve it.

use std::sync::Arc;

use serde_json::Value;

use crate::apply::Shape;
use crate::error::Cause;
use crate::schema::CompiledSchema;

/// A printer column of `kubectl get`.
#[derive(Debug, Clone)]
pub struct Column {
    /// Heading as declared; kubectl prints it in capitals.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    /// `format` of the column definition; `name` for the first column, else mostly empty.
    pub format: String,
    /// The help text of the column definition.
    pub description: String,
    /// 0 is always shown, 1 and more only with `-o wide`.
    pub priority: i32,
    /// How the cell is computed.
    pub cell: Cell,
}

/// Where a cell's value comes from.
#[derive(Debug, Clone)]
pub enum Cell {
    /// A JSONPath of a CRD printer column, such as `.status.phase`.
    JsonPath(String),
    /// A function of a builtin kind; the second argument is the current time.
    Computed(fn(&Value, jiff::Timestamp) -> Value),
}

/// Which subresources a kind has.
#[derive(Debug, Clone, Default)]
pub struct Subresources {
    /// `/status` exists: the main resource ignores status, and `/status` ignores everything else.
    pub status: bool,
    /// `/scale` exists: JSON paths of spec replicas, status replicas and the label selector.
    pub scale: Option<ScalePaths>,
    /// Connect-style names served by a node: `log`, `exec`, `attach`, `portforward` (pods only).
    pub connect: &'static [&'static str],
}

/// JSON paths behind `/scale`.
#[derive(Debug, Clone)]
pub struct ScalePaths {
    /// Such as `.spec.replicas`.
    pub spec: String,
    /// Such as `.status.replicas`.
    pub status: String,
    /// Such as `.status.labelSelector`.
    pub selector: Option<String>,
}

/// Semantic checks of an object; the second argument is the stored one on update.
pub(crate) type Validate = fn(&Value, Option<&Value>) -> Vec<Cause>;

/// Everything the generic handlers know about one kind.
#[derive(Clone)]
pub struct Kind {
    /// API group, empty for the core group.
    pub group: String,
    /// Served version.
    pub version: String,
    /// `Pod`.
    pub kind: String,
    /// `PodList`.
    pub list_kind: String,
    /// `pods`.
    pub plural: String,
    /// `pod`.
    pub singular: String,
    /// `po`.
    pub short_names: Vec<String>,
    /// `all` and the like.
    pub categories: Vec<String>,
    /// False for cluster-scoped kinds.
    pub namespaced: bool,
    /// Subresources.
    pub subresources: Subresources,
    /// True for kinds declared by a CustomResourceDefinition: strategic merge patch is refused with 415.
    pub custom: bool,
    /// Columns of the Table form, Name first.
    pub columns: Vec<Column>,
    /// Field paths that field selectors may name, besides `metadata.name` and `metadata.namespace`.
    pub field_selectors: Vec<String>,
    /// Fills defaults on create and update, before validation. Builtin kinds only; CRDs default by schema.
    pub default: Option<fn(&mut Value)>,
    /// Semantic checks beyond the schema; the second argument is the stored object on update.
    pub validate: Option<Validate>,
    /// Schema: types, pruning or unknown-field detection, defaults, CEL. Built on first use.
    pub schema: SchemaSource,
    /// Merge behaviour for server-side apply and strategic merge.
    pub shape: Arc<Shape>,
}

/// A schema that may be costly to build and so is built when first needed.
#[derive(Clone)]
pub enum SchemaSource {
    /// Built already (CRDs: on registration).
    Ready(Arc<CompiledSchema>),
    /// A builtin kind's: built by this function on first use and kept by it.
    Lazy(fn() -> Arc<CompiledSchema>),
}

impl SchemaSource {
    /// The schema, built now if it was not yet.
    pub fn get(&self) -> Arc<CompiledSchema> {
        match self {
            Self::Ready(schema) => schema.clone(),
            Self::Lazy(build) => build(),
        }
    }
}

impl Kind {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `pods` or `deployments.apps`: the name by which storage, errors and events know the kind.
    pub fn resource_key(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}
