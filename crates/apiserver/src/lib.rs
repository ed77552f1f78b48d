//! An embeddable Kubernetes API server.
//!
//! It knows nothing of the product around it: resources are JSON plus one registry row ([`Kind`]) per kind, and
//! any CustomResourceDefinition it is given is served like a builtin kind. [`ApiServer`] runs in process (as a
//! tower service for `kube::Client`, or as an `axum::Router`) and over TLS with a bearer token.

mod apply;
mod builtin;
mod crd;
mod error;
mod kind;
mod openapi;
mod patch;
mod schema;
mod selectors;
mod table;

pub use error::{ApiError, Cause};
pub use kind::{Cell, Column, Kind, ScalePaths, SchemaSource, Subresources};
