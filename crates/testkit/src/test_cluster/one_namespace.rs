//! A client that sees one namespace of a cluster that many tests share.

use std::sync::Arc;

use http::Request;
use kube::Client;
use kube::client::Body;

use crate::kinds::Namespaced;

/// Where a request asks for all namespaces, it gets this one; everything else passes as it is.
pub(super) fn view(whole: Client, namespace: &str, namespaced: Arc<Namespaced>) -> Client {
    let home = namespace.to_owned();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        if let Some(path) = namespaced.narrowed(request.uri().path(), &home) {
            let query = request.uri().query().map(|query| format!("?{query}"));
            let uri = format!("{path}{}", query.unwrap_or_default());
            // A known path with a namespace in it is a path too.
            if let Ok(uri) = uri.parse() {
                *request.uri_mut() = uri;
            }
        }
        let whole = whole.clone();
        async move { whole.send(request).await }
    });
    Client::new(service, namespace)
}

/// The same client with another default namespace.
pub(super) fn home(whole: Client, namespace: &str) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let whole = whole.clone();
        async move { whole.send(request).await }
    });
    Client::new(service, namespace)
}
