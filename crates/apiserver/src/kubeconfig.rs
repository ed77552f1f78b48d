//! The file by which kubectl and its relatives find the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::token::Token;

/// A kubeconfig with one cluster, one user and one context, all called `name`. It holds the token, so write it
/// with mode 0600. The text is JSON, which every reader of YAML reads.
///
/// `server` is a URL such as `https://127.0.0.1:6443`, `ca_pem` the authority's certificate.
#[must_use]
pub fn kubeconfig(name: &str, server: &str, ca_pem: &str, token: &Token, namespace: &str) -> String {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": name,
        "clusters": [{
            "name": name,
            "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(ca_pem)},
        }],
        "users": [{"name": name, "user": {"token": token.secret()}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
    });
    format!("{config:#}\n")
}
