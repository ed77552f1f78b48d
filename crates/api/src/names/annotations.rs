//! Annotations.

/// On a Task, with exactly the value [`TRUE`]: stop it.
pub const STOP: &str = "kubeopencode.io/stop";

/// On a CronTask, with exactly the value [`TRUE`]: create a Task now.
pub const TRIGGER: &str = "kubeopencode.io/trigger";

/// The value that makes [`STOP`] and [`TRIGGER`] count.
pub const TRUE: &str = "true";

/// On an Agent: when somebody last used a terminal on it, in RFC 3339, UTC, whole seconds.
pub const LAST_CONNECTION_ACTIVE: &str = "kubeopencode.io/last-connection-active";

/// On a share Secret: the Agent it belongs to.
pub const AGENT_NAME: &str = "kubeopencode.io/agent-name";

/// On a share Secret: the namespace of that Agent.
pub const AGENT_NAMESPACE: &str = "kubeopencode.io/agent-namespace";

/// On an Agent's Pod template, followed by the context's name: the commit in use.
pub const GIT_HASH_PREFIX: &str = "kubeopencode.io/git-hash-";

/// On an Agent's Pod template: digest of the context ConfigMap's data.
pub const CONTEXT_HASH: &str = "kubeopencode.io/context-hash";
