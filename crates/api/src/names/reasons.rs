//! Reasons of conditions and of a Task's status.

/// `Ready=False`: Agent or template is missing or unusable.
pub const AGENT_ERROR: &str = "AgentError";
/// `Ready=False`: a context, the configuration or a mount path is unusable.
pub const CONTEXT_ERROR: &str = "ContextError";
/// `Ready=False`: the context ConfigMap could not be made.
pub const CONFIG_MAP_CREATION_ERROR: &str = "ConfigMapCreationError";
/// `Ready=False`: the Pod could not be made.
pub const POD_CREATION_ERROR: &str = "PodCreationError";
/// `Ready=False`: the Pod failed; the status says how.
pub const POD_FAILED: &str = "PodFailed";
/// `Ready=False`: the Pod vanished while it was needed.
pub const POD_LOST: &str = "PodLost";
/// `Ready=False`: the Pod can never start, for example because its image cannot be had.
pub const POD_CANNOT_START: &str = "PodCannotStart";
/// `Ready=True`: the Pod runs.
pub const RUNNING: &str = "Running";
/// `Ready=True`: the Task ended as wanted.
pub const COMPLETED: &str = "Completed";
/// `Ready=False`: the Task failed.
pub const FAILED: &str = "Failed";

/// `Queued=True`: the Agent is suspended.
pub const AGENT_SUSPENDED: &str = "AgentSuspended";
/// `Queued=True`: the Agent's server is not ready.
pub const AGENT_SERVER_NOT_READY: &str = "AgentServerNotReady";
/// `Queued=True`: as many Tasks run as may.
pub const AGENT_AT_CAPACITY: &str = "AgentAtCapacity";
/// `Queued=True`: as many Tasks started as may within the window.
pub const QUOTA_EXCEEDED: &str = "QuotaExceeded";
/// `Queued=False`: nothing limits the Agent.
pub const NO_LIMITS: &str = "NoLimits";
/// `Queued=False`: there is room.
pub const CAPACITY_AVAILABLE: &str = "CapacityAvailable";

/// `Stopped=True`: somebody asked for it.
pub const USER_STOPPED: &str = "UserStopped";
/// `Stopped=True`: the timeout passed.
pub const TIMEOUT: &str = "Timeout";

/// `NameConflict=True`: the object belongs to another owner.
pub const FOREIGN_OBJECT: &str = "ForeignObject";
/// `NameConflict=False`: it is gone, or ours.
pub const NO_CONFLICT: &str = "NoConflict";

/// `ServerReady=True`: the Deployment has a ready Pod.
pub const DEPLOYMENT_READY: &str = "DeploymentReady";
/// `ServerReady=False` and `ServerHealthy=False`: the Deployment has no ready Pod.
pub const DEPLOYMENT_NOT_READY: &str = "DeploymentNotReady";
/// `ServerHealthy=False`: there is no Deployment.
pub const DEPLOYMENT_NOT_FOUND: &str = "DeploymentNotFound";
/// `ServerHealthy=True`.
pub const DEPLOYMENT_HEALTHY: &str = "DeploymentHealthy";
/// `ServerReady=False` of Agents, `Ready=False` of CronTasks: suspended.
pub const SUSPENDED: &str = "Suspended";
/// `Suspended=True`: by a user.
pub const USER_REQUESTED: &str = "UserRequested";
/// `Suspended=True`: by standby.
pub const STANDBY: &str = "Standby";
/// `Suspended=False` and `ShareReady=True`.
pub const ACTIVE: &str = "Active";
/// `GitSyncPending=True`: a new commit waits for running Tasks.
pub const WAITING_FOR_TASKS: &str = "WaitingForTasks";
/// `GitSyncPending=False`.
pub const SYNCED: &str = "Synced";
/// `StandbyConfigWarning=True`: shorter than two minutes.
pub const IDLE_TIMEOUT_TOO_SHORT: &str = "IdleTimeoutTooShort";
/// `ShareReady=False`: the link's time is over.
pub const EXPIRED: &str = "Expired";
/// `ShareReady=False`: the Agent is not ready.
pub const AGENT_NOT_READY: &str = "AgentNotReady";

/// `ConfigResolved=True`.
pub const RESOLVED: &str = "Resolved";
/// `ConfigResolved=False`: the template does not exist.
pub const TEMPLATE_NOT_FOUND: &str = "TemplateNotFound";
/// `ConfigResolved=False`: what Agent and template give together is not enough or contradicts itself.
pub const INVALID_CONFIG: &str = "InvalidConfig";
/// `ContextsReady=True`.
pub const CONTEXTS_LOADED: &str = "ContextsLoaded";

/// `Ready=True` of AgentTemplates.
pub const VALID: &str = "Valid";
/// `Ready=False` of AgentTemplates.
pub const INVALID: &str = "Invalid";

/// `Ready=True` of CronTasks: the next slot is known.
pub const SCHEDULED: &str = "Scheduled";
/// `Ready=True` of CronTasks: the last slot was too long ago.
pub const MISSED_DEADLINE: &str = "MissedDeadline";
/// `Ready=True` of CronTasks: the slot was skipped, since its predecessor still runs.
pub const ACTIVE_TASK_EXISTS: &str = "ActiveTaskExists";
/// `Ready=False` of CronTasks: schedule or time zone cannot be understood.
pub const INVALID_SCHEDULE: &str = "InvalidSchedule";
/// `Ready=False` of CronTasks: too many of its Tasks exist.
pub const MAX_RETAINED_TASKS_REACHED: &str = "MaxRetainedTasksReached";

/// `Ready=True` of Registries.
pub const ALL_ASSETS_READY: &str = "AllAssetsReady";
/// `Ready=True` of Registries without assets.
pub const EMPTY: &str = "Empty";
/// `Ready=False` of Registries.
pub const ASSETS_UNAVAILABLE: &str = "AssetsUnavailable";

/// `Decoded=False`: a field does not hold what belongs there.
pub const INVALID_FIELD: &str = "InvalidField";
/// `Decoded=True`.
pub const DECODED: &str = "Decoded";
