//! How often Tasks may start.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits how many Tasks of an Agent start within a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Starts allowed within any window.
    #[schemars(range(min = 1))]
    pub max_task_starts: i32,
    /// Length of the window in seconds, from a minute to a day.
    #[schemars(range(min = 60, max = 86400))]
    pub window_seconds: i32,
}
