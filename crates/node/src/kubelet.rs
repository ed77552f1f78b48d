//! The routes a kubelet serves.

use std::sync::Arc;

use axum::Router;

use crate::handle::Context;

/// All routes. Callers must have authorized the request.
pub(crate) fn router(context: Arc<Context>) -> Router {
    Router::new().with_state(context)
}
