//! The table of builtin kinds.

use std::sync::{Arc, OnceLock};

use k8s_openapi::api::{apps, coordination, core, events, networking, rbac};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use schemars::Schema;
use schemars::generate::SchemaGenerator;
use serde_json::Value;

use super::{defaults, schemas, validate};
use crate::error::Cause;
use crate::kind::{Column, Kind, ScalePaths, SchemaSource, Subresources};
use crate::schema::CompiledSchema;
use crate::table::columns;

/// Builds a kind's schema, or describes its type to an OpenAPI generator.
type Typed = (fn() -> Arc<CompiledSchema>, fn(&mut SchemaGenerator) -> Schema);

/// One builtin kind, as data.
pub(super) struct Row {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    /// In the category `all`.
    all: bool,
    namespaced: bool,
    status: bool,
    scale: bool,
    connect: &'static [&'static str],
    selectors: &'static [&'static str],
    default: Option<fn(&mut Value)>,
    validate: fn(&Value, Option<&Value>) -> Vec<Cause>,
    columns: fn() -> Vec<Column>,
    schema: fn() -> Arc<CompiledSchema>,
    pub(super) document: fn(&mut SchemaGenerator) -> Schema,
}

impl Row {
    /// The registry's form of the row.
    pub(super) fn kind(&self) -> Kind {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        Kind {
            group: self.group.into(),
            version: self.version.into(),
            kind: self.kind.into(),
            list_kind: format!("{}List", self.kind),
            plural: self.plural.into(),
            singular: self.kind.to_lowercase(),
            short_names: owned(self.short_names),
            categories: if self.all { owned(&["all"]) } else { Vec::new() },
            namespaced: self.namespaced,
            subresources: Subresources {
                status: self.status,
                scale: self.scale.then(|| ScalePaths {
                    spec: ".spec.replicas".into(),
                    status: ".status.replicas".into(),
                    selector: Some(".spec.selector".into()),
                }),
                connect: self.connect,
            },
            custom: false,
            columns: (self.columns)(),
            field_selectors: owned(self.selectors),
            default: self.default,
            validate: Some(self.validate),
            schema: SchemaSource::Lazy(self.schema),
            shape: crate::apply::builtin_shape(self.group, self.kind),
        }
    }
}

/// A function that compiles a type's schema once, and one that describes it for OpenAPI.
macro_rules! typed {
    ($type:ty) => {{
        fn schema() -> Arc<CompiledSchema> {
            static BUILT: OnceLock<Arc<CompiledSchema>> = OnceLock::new();
            BUILT.get_or_init(schemas::compile::<$type>).clone()
        }
        (
            schema as fn() -> Arc<CompiledSchema>,
            schemas::document::<$type> as fn(&mut SchemaGenerator) -> Schema,
        )
    }};
}

const PLAIN: Row = Row {
    group: "",
    version: "v1",
    kind: "",
    plural: "",
    short_names: &[],
    all: false,
    namespaced: true,
    status: false,
    scale: false,
    connect: &[],
    selectors: &[],
    default: None,
    validate: validate::any,
    columns: columns::plain,
    schema: || typed!(core::v1::ConfigMap).0(),
    document: schemas::document::<core::v1::ConfigMap>,
};

fn row(kind: &'static str, plural: &'static str, typed: Typed) -> Row {
    Row {
        kind,
        plural,
        schema: typed.0,
        document: typed.1,
        ..PLAIN
    }
}

/// All builtin kinds.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = core_rows();
    rows.extend(grouped_rows());
    rows.extend(rbac_rows());
    rows
}

fn core_rows() -> Vec<Row> {
    vec![
        Row {
            short_names: &["ns"],
            namespaced: false,
            status: true,
            selectors: &["status.phase"],
            default: Some(defaults::namespace),
            validate: validate::namespace,
            columns: columns::namespace,
            ..row("Namespace", "namespaces", typed!(core::v1::Namespace))
        },
        Row {
            short_names: &["no"],
            namespaced: false,
            status: true,
            selectors: &["spec.unschedulable"],
            default: Some(defaults::plain),
            columns: columns::node,
            ..row("Node", "nodes", typed!(core::v1::Node))
        },
        Row {
            short_names: &["po"],
            all: true,
            status: true,
            connect: &["log", "exec", "attach", "portforward"],
            selectors: &[
                "spec.nodeName",
                "spec.restartPolicy",
                "spec.schedulerName",
                "spec.serviceAccountName",
                "spec.hostNetwork",
                "status.phase",
                "status.podIP",
                "status.nominatedNodeName",
            ],
            default: Some(defaults::pod),
            validate: validate::pod,
            columns: columns::pod,
            ..row("Pod", "pods", typed!(core::v1::Pod))
        },
        Row {
            short_names: &["cm"],
            default: Some(defaults::plain),
            validate: validate::config_map,
            columns: columns::config_map,
            ..row("ConfigMap", "configmaps", typed!(core::v1::ConfigMap))
        },
        Row {
            selectors: &["type"],
            default: Some(defaults::secret),
            validate: validate::secret,
            columns: columns::secret,
            ..row("Secret", "secrets", typed!(core::v1::Secret))
        },
        Row {
            short_names: &["sa"],
            default: Some(defaults::plain),
            columns: columns::service_account,
            ..row(
                "ServiceAccount",
                "serviceaccounts",
                typed!(core::v1::ServiceAccount),
            )
        },
        Row {
            short_names: &["svc"],
            all: true,
            status: true,
            selectors: &["spec.clusterIP", "spec.type"],
            default: Some(defaults::service),
            validate: validate::service,
            columns: columns::service,
            ..row("Service", "services", typed!(core::v1::Service))
        },
        Row {
            short_names: &["ep"],
            default: Some(defaults::endpoints),
            columns: columns::endpoints,
            ..row("Endpoints", "endpoints", typed!(core::v1::Endpoints))
        },
        Row {
            short_names: &["pvc"],
            status: true,
            default: Some(defaults::claim),
            validate: validate::claim,
            columns: columns::claim,
            ..row(
                "PersistentVolumeClaim",
                "persistentvolumeclaims",
                typed!(core::v1::PersistentVolumeClaim),
            )
        },
        Row {
            short_names: &["pv"],
            namespaced: false,
            status: true,
            default: Some(defaults::volume),
            columns: columns::volume,
            ..row(
                "PersistentVolume",
                "persistentvolumes",
                typed!(core::v1::PersistentVolume),
            )
        },
        Row {
            short_names: &["ev"],
            selectors: &[
                "involvedObject.kind",
                "involvedObject.namespace",
                "involvedObject.name",
                "involvedObject.uid",
                "involvedObject.apiVersion",
                "involvedObject.resourceVersion",
                "involvedObject.fieldPath",
                "reason",
                "reportingComponent",
                "source",
                "type",
            ],
            default: Some(defaults::event),
            validate: validate::event,
            columns: columns::event,
            ..row("Event", "events", typed!(core::v1::Event))
        },
    ]
}

fn grouped_rows() -> Vec<Row> {
    vec![
        Row {
            group: "events.k8s.io",
            short_names: &["ev"],
            selectors: &[
                "regarding.kind",
                "regarding.namespace",
                "regarding.name",
                "regarding.uid",
                "regarding.apiVersion",
                "regarding.resourceVersion",
                "regarding.fieldPath",
                "reason",
                "reportingController",
                "type",
            ],
            default: Some(defaults::event),
            validate: validate::event,
            columns: columns::regarding_event,
            ..row("Event", "events", typed!(events::v1::Event))
        },
        Row {
            group: "apps",
            short_names: &["deploy"],
            all: true,
            status: true,
            scale: true,
            default: Some(defaults::deployment),
            validate: validate::deployment,
            columns: columns::deployment,
            ..row("Deployment", "deployments", typed!(apps::v1::Deployment))
        },
        Row {
            group: "apps",
            short_names: &["rs"],
            all: true,
            status: true,
            scale: true,
            selectors: &["status.replicas"],
            default: Some(defaults::replica_set),
            validate: validate::replica_set,
            columns: columns::replica_set,
            ..row("ReplicaSet", "replicasets", typed!(apps::v1::ReplicaSet))
        },
        Row {
            group: "coordination.k8s.io",
            default: Some(defaults::plain),
            validate: validate::lease,
            columns: columns::lease,
            ..row("Lease", "leases", typed!(coordination::v1::Lease))
        },
        Row {
            group: "networking.k8s.io",
            short_names: &["netpol"],
            default: Some(defaults::network_policy),
            columns: columns::network_policy,
            ..row(
                "NetworkPolicy",
                "networkpolicies",
                typed!(networking::v1::NetworkPolicy),
            )
        },
        Row {
            group: "apiextensions.k8s.io",
            short_names: &["crd", "crds"],
            namespaced: false,
            status: true,
            default: Some(crate::crd::default),
            validate: crate::crd::validate,
            columns: columns::crd,
            ..row(
                "CustomResourceDefinition",
                "customresourcedefinitions",
                typed!(apiextensions::v1::CustomResourceDefinition),
            )
        },
    ]
}

fn rbac_rows() -> Vec<Row> {
    const GROUP: &str = "rbac.authorization.k8s.io";
    vec![
        Row {
            group: GROUP,
            default: Some(defaults::plain),
            validate: validate::role,
            columns: columns::role,
            ..row("Role", "roles", typed!(rbac::v1::Role))
        },
        Row {
            group: GROUP,
            default: Some(defaults::role_binding),
            validate: validate::role_binding,
            columns: columns::role_binding,
            ..row("RoleBinding", "rolebindings", typed!(rbac::v1::RoleBinding))
        },
        Row {
            group: GROUP,
            namespaced: false,
            default: Some(defaults::plain),
            validate: validate::role,
            columns: columns::role,
            ..row("ClusterRole", "clusterroles", typed!(rbac::v1::ClusterRole))
        },
        Row {
            group: GROUP,
            namespaced: false,
            default: Some(defaults::role_binding),
            validate: validate::role_binding,
            columns: columns::role_binding,
            ..row(
                "ClusterRoleBinding",
                "clusterrolebindings",
                typed!(rbac::v1::ClusterRoleBinding),
            )
        },
    ]
}
