//! The server as its clients see it: raw requests, kube-rs, kubectl, a killed process.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod auth;
mod collection;
mod crds;
mod durability;
mod kube_rs;
mod kubectl;
mod kubelet;
mod lists;
mod objects;
mod support;
mod surface;
mod watches;
