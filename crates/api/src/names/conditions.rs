//! Condition types.

/// Tasks, AgentTemplates, CronTasks, Registries: whether the object works as it is.
pub const READY: &str = "Ready";

/// Tasks: whether the Task waits in a queue.
pub const QUEUED: &str = "Queued";

/// Tasks: whether the Task was ended before its time.
pub const STOPPED: &str = "Stopped";

/// Tasks and Agents: an object of a name we need belongs to somebody else.
pub const NAME_CONFLICT: &str = "NameConflict";

/// Tasks: the model asked for a permission nobody could give. Kept for readers of older objects; never written.
pub const PERMISSION_REQUIRED: &str = "PermissionRequired";

/// Tasks: the model asked a question nobody could answer. Kept for readers of older objects; never written.
pub const QUESTION_ASKED: &str = "QuestionAsked";

/// Agents: whether the server takes Tasks.
pub const SERVER_READY: &str = "ServerReady";

/// Agents: whether the server's Deployment is healthy.
pub const SERVER_HEALTHY: &str = "ServerHealthy";

/// Agents: whether the server is scaled to zero.
pub const SUSPENDED: &str = "Suspended";

/// Agents: whether a new commit waits for Tasks to end.
pub const GIT_SYNC_PENDING: &str = "GitSyncPending";

/// Agents: the standby settings will not do what they seem to.
pub const STANDBY_CONFIG_WARNING: &str = "StandbyConfigWarning";

/// Agents: whether the terminal link works.
pub const SHARE_READY: &str = "ShareReady";

/// Agents and AgentTemplates: whether template, images and references come together to a usable configuration.
pub const CONFIG_RESOLVED: &str = "ConfigResolved";

/// Agents: whether all contexts could be read.
pub const CONTEXTS_READY: &str = "ContextsReady";

/// All kinds: whether the object's fields can be understood at all.
pub const DECODED: &str = "Decoded";
/// A finished Task: whether it did what was asked. A stopped or timed-out Task is Completed by phase and False here.
pub const SUCCEEDED: &str = "Succeeded";
