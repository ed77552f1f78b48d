//! The server as its clients see it: raw requests, kube-rs, kubectl, a killed process.

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
mod watches;
