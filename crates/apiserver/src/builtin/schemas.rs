//! Schemas of builtin kinds, built from the typed API library's own descriptions when first needed.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use crate::schema::CompiledSchema;
use crate::schema::node::{Checks, Format, Node, Type};

/// Name under which the library knows the metadata of objects.
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Name of the one kind whose values must not be shown.
const SECRET: &str = "io.k8s.api.core.v1.Secret";

/// Definitions compiled so far, shared by all kinds: a Deployment's pod spec is the Pod's.
static NODES: LazyLock<Mutex<HashMap<String, Arc<Node>>>> = LazyLock::new(Mutex::default);

/// A generator whose references read like those of a Kubernetes OpenAPI document.
pub(crate) fn generator() -> SchemaGenerator {
    SchemaSettings::openapi3().into_generator()
}

/// Compiles the schema of one kind.
pub(super) fn compile<T: JsonSchema>() -> Arc<CompiledSchema> {
    Arc::new(CompiledSchema::builtin(node_of::<T>()))
}

/// The nodes of one type, without its descriptions.
pub(super) fn node_of<T: JsonSchema>() -> Arc<Node> {
    let mut generator = generator();
    let root = generator.subschema_for::<T>();
    let definitions = generator.take_definitions(false);
    let mut builder = Builder {
        definitions: &definitions,
        nodes: NODES.lock(),
    };
    builder.node(root.as_value())
}

/// The OpenAPI schema of one type as a reference; what it refers to collects in the generator.
pub(crate) fn document<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

struct Builder<'a> {
    definitions: &'a Map<String, Value>,
    nodes: parking_lot::MutexGuard<'a, HashMap<String, Arc<Node>>>,
}

impl Builder<'_> {
    fn node(&mut self, schema: &Value) -> Arc<Node> {
        if let Some(name) = reference(schema) {
            return self.definition(name);
        }
        let text = |key: &str| schema.get(key).and_then(Value::as_str);
        match text("type") {
            Some("object") => self.object(schema),
            Some("array") => Arc::new(Node {
                kind: Type::Array,
                items: schema.get("items").map(|items| self.node(items)),
                ..Node::default()
            }),
            Some(scalar) => self.scalar(scalar, text("format").unwrap_or_default()),
            None if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) => {
                self.scalar("int-or-string", "")
            }
            None => Arc::new(Node {
                preserve: true,
                ..Node::default()
            }),
        }
    }

    fn definition(&mut self, name: &str) -> Arc<Node> {
        if let Some(known) = self.nodes.get(name) {
            return known.clone();
        }
        // The one recursive definition of the API; what it holds is judged when the declared kind is compiled.
        if name.ends_with(".JSONSchemaProps") {
            return Arc::new(Node {
                preserve: true,
                ..Node::default()
            });
        }
        let node = match self.definitions.get(name) {
            _ if name.ends_with(".Quantity") => Arc::new(Node {
                kind: Type::Quantity,
                ..Node::default()
            }),
            Some(schema) => {
                let mut schema = schema.clone();
                if let Some(fields) = schema.as_object_mut()
                    && !insists(name)
                {
                    fields.remove("required");
                }
                if name == SECRET {
                    self.secret(&schema)
                } else {
                    self.node(&schema)
                }
            }
            None => Arc::new(Node {
                preserve: true,
                ..Node::default()
            }),
        };
        self.nodes.insert(name.to_owned(), node.clone());
        node
    }

    /// A Secret, whose values no message may show: `password: 1234` without quotes is a type error.
    fn secret(&mut self, schema: &Value) -> Arc<Node> {
        let mut secret = self.object(schema);
        if let Some(secret) = Arc::get_mut(&mut secret) {
            for (field, format) in [("data", Some(Format::Byte)), ("stringData", None)] {
                let value = Node {
                    kind: Type::String,
                    sensitive: true,
                    checks: format.map(|f| {
                        Box::new(Checks {
                            format: Some(f),
                            ..Checks::default()
                        })
                    }),
                    ..Node::default()
                };
                let map = Node {
                    kind: Type::Object,
                    additional: Some(Arc::new(value)),
                    sensitive: true,
                    ..Node::default()
                };
                secret.properties.insert(field.into(), Arc::new(map));
            }
        }
        secret
    }

    fn object(&mut self, schema: &Value) -> Arc<Node> {
        let mut node = Node {
            kind: Type::Object,
            ..Node::default()
        };
        for (name, child) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            node.properties.insert(name.as_str().into(), self.node(child));
        }
        if let Some(child) = schema.get("additionalProperties").filter(|a| a.is_object()) {
            node.additional = Some(self.node(child));
        }
        node.preserve = node.properties.is_empty() && node.additional.is_none();
        let required = schema
            .get("required")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let required: Vec<Box<str>> = required
            .iter()
            .filter_map(Value::as_str)
            .filter(|r| *r != "metadata")
            .map(Into::into)
            .collect();
        if !required.is_empty() {
            node.checks = Some(Box::new(Checks {
                required,
                ..Checks::default()
            }));
        }
        Arc::new(node)
    }

    fn scalar(&mut self, kind: &str, format: &str) -> Arc<Node> {
        let key = format!("{kind}/{format}");
        if let Some(known) = self.nodes.get(&key) {
            return known.clone();
        }
        let node = Arc::new(Node {
            kind: match kind {
                "string" => Type::String,
                "integer" => Type::Integer,
                "number" => Type::Number,
                "boolean" => Type::Boolean,
                "int-or-string" => Type::IntOrString,
                _ => Type::Any,
            },
            checks: Format::named(format).map(|format| {
                Box::new(Checks {
                    format: Some(format),
                    ..Checks::default()
                })
            }),
            ..Node::default()
        });
        self.nodes.insert(key, node.clone());
        node
    }
}

/// Whether a definition's `required` fields are asked for. The server itself reads a missing field as empty;
/// where empty is always wrong the schema's word is a good one, but statuses, conditions and records that
/// clients write in part must pass.
fn insists(definition: &str) -> bool {
    const PARTIAL: &[&str] = &[
        "Status",
        "Condition",
        "ContainerState",
        "Event",
        "Meta",
        "ManagedFields",
        "OwnerReference",
        "NodeAddress",
        "AttachedVolume",
        "NodeSystemInfo",
        "ContainerImage",
        "DaemonEndpoint",
        "PodIP",
        "HostIP",
        "Endpoint",
        "CustomResource",
        "ObjectReference",
        "Series",
        "Taint",
        "Toleration",
    ];
    !PARTIAL.iter().any(|part| definition.contains(part))
}

/// The definition a schema refers to, directly or as the only member of `allOf`.
pub(crate) fn reference(schema: &Value) -> Option<&str> {
    let direct = schema
        .get("$ref")
        .or_else(|| schema.pointer("/allOf/0/$ref"))?
        .as_str()?;
    direct.rsplit('/').next()
}

/// The schema of `metadata`.
pub(crate) fn metadata_node() -> Arc<Node> {
    if let Some(known) = NODES.lock().get(OBJECT_META) {
        return known.clone();
    }
    node_of::<k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>()
}
