//! The objects every cluster begins with.

use serde_json::json;

use crate::api::Api;
use crate::call::{FieldValidation, WriteOptions};
use crate::controllers;
use crate::error::ApiError;
use crate::verbs::{Tracking, insert};

/// Makes what is missing.
pub(crate) async fn run(api: &Api) -> Result<(), ApiError> {
    let kinds = api.kinds();
    let Some(kind) = kinds.at("", "v1", "namespaces") else {
        return Ok(());
    };
    let options = WriteOptions {
        dry_run: false,
        validation: FieldValidation::Ignore,
        manager: "kube-apiserver".into(),
    };
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        if api.store.get("namespaces", "", name).is_none() {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            insert(
                api,
                kind,
                "",
                namespace,
                &options,
                Tracking::Update,
                &mut Vec::new(),
            )
            .await?;
        }
        controllers::furnish(api, name).await;
    }
    Ok(())
}
