//! Default values: sizes, ports, modes, times.

/// Directory agents work in, where an image or manifest has to be written without knowing better.
pub const WORKSPACE_DIR: &str = "/workspace";

/// Port of the OpenCode server.
pub const SERVER_PORT: i32 = 4096;

/// DNS suffix of a cluster.
pub const CLUSTER_DOMAIN: &str = "cluster.local";

/// What a Git context checks out.
pub const GIT_REF: &str = "HEAD";

/// How many commits a Git context clones.
pub const GIT_DEPTH: i32 = 1;

/// Seconds between two looks at a remote.
pub const GIT_SYNC_INTERVAL_SECONDS: i64 = 300;

/// Seconds before `git ls-remote` is given up.
pub const GIT_LS_REMOTE_TIMEOUT_SECONDS: i64 = 30;

/// Seconds a rollout waits for running Tasks at most.
pub const GIT_ROLLOUT_WAIT_SECONDS: i64 = 3600;

/// Seconds before a URL context's fetch fails.
pub const URL_TIMEOUT_SECONDS: i32 = 30;

/// Mode of a context file, 0644.
pub const CONTEXT_FILE_MODE: i32 = 0o644;

/// Mode of a credential file, 0600.
pub const CREDENTIAL_FILE_MODE: i32 = 0o600;

/// Key of a CA bundle in a ConfigMap.
pub const CA_CONFIG_MAP_KEY: &str = "ca-bundle.crt";

/// Key of a CA bundle in a Secret.
pub const CA_SECRET_KEY: &str = "ca.crt";

/// Memory the worker asks for.
pub const WORKER_MEMORY_REQUEST: &str = "512Mi";

/// Memory the worker may use.
pub const WORKER_MEMORY_LIMIT: &str = "4Gi";

/// Size of the volume for sessions.
pub const SESSIONS_SIZE: &str = "1Gi";

/// Size of the volume for the workspace.
pub const WORKSPACE_SIZE: &str = "10Gi";

/// What OpenCode may do where its configuration does not say: everything, since it works in a container.
pub const PERMISSION_JSON: &str = r#"{"*":"allow"}"#;

/// Tasks of a CronTask that may exist.
pub const CRON_MAX_RETAINED_TASKS: i32 = 10;

/// Missed slots of a CronTask that are looked at.
pub const CRON_MISSED_SLOTS_LIMIT: usize = 100;

/// Seconds between two checks of a Registry.
pub const REGISTRY_CHECK_INTERVAL_SECONDS: i64 = 600;

/// Seconds between two heartbeats of a terminal.
pub const HEARTBEAT_INTERVAL_SECONDS: i64 = 60;

/// Seconds after which a heartbeat does not count any more.
pub const HEARTBEAT_STALE_SECONDS: i64 = 120;

/// Random bytes of a share token.
pub const SHARE_TOKEN_BYTES: usize = 32;

/// Least seconds before a Task that waits for quota is looked at again.
pub const QUOTA_RECHECK_SECONDS: i64 = 30;

/// User and group id of containers that name none.
pub const RUN_AS_USER: i64 = 1000;

/// Group that owns files in volumes, so that every container of a Pod may change them.
pub const FS_GROUP: i64 = 1000;

/// Most bytes of a file that a context of type URL brings.
pub const URL_MAX_BYTES: i64 = 10 * 1024 * 1024;

/// Seconds that all attempts to fetch one input may take together.
pub const FETCH_DEADLINE_SECONDS: i64 = 600;
