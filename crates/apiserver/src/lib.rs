//! An embeddable Kubernetes API server.
//!
//! It knows nothing of the product around it: resources are JSON plus one registry row ([`Kind`]) per kind, and
//! any CustomResourceDefinition it is given is served like a builtin kind. [`ApiServer`] runs in process (as a
//! tower service for `kube::Client`, or as an `axum::Router`) and over TLS with a bearer token.

mod api;
mod apply;
mod bootstrap;
mod builtin;
mod call;
mod conform;
mod controllers;
mod crd;
mod crd_lifecycle;
mod discovery;
mod error;
mod http_front;
mod kind;
mod kubeconfig;
mod kubelet;
mod media;
mod meta;
mod openapi;
mod patch;
mod present;
mod protobuf;
mod query;
mod refusal;
mod registry;
mod review;
mod route;
mod schema;
mod selectors;
mod serve;
mod server;
mod service;
mod service_ip;
mod store;
mod table;
mod tls;
mod token;
mod verbs;
mod violation;

pub use error::{ApiError, Cause};
pub use kind::{Cell, Column, Kind, ScalePaths, SchemaSource, Subresources};
pub use kubeconfig::kubeconfig;
pub use serve::{ServeOptions, Serving};
pub use server::{ApiServer, ApiServerBuilder, StartError, Storage};
pub use service::LocalService;
pub use tls::{Tls, TlsError};
pub use token::Token;
