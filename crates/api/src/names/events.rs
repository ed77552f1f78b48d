//! Event reasons, the actions they report, and the reporters' names.

/// Reporter of events about Tasks.
pub const TASK_REPORTER: &str = "task-controller";
/// Reporter of events about Agents.
pub const AGENT_REPORTER: &str = "agent-controller";
/// Reporter of events about CronTasks.
pub const CRON_TASK_REPORTER: &str = "crontask-controller";

/// A Task was put into the queue.
pub const QUEUED: &str = "Queued";
/// A Task was put into the queue because of the quota.
pub const QUOTA_EXCEEDED: &str = "QuotaExceeded";
/// A Task's Pod was made.
pub const POD_CREATED: &str = "PodCreated";
/// A Task's Pod could not be made.
pub const POD_CREATION_FAILED: &str = "PodCreationFailed";
/// A Task ended as wanted.
pub const COMPLETED: &str = "Completed";
/// A Task failed.
pub const FAILED: &str = "Failed";
/// A Task was stopped by a user.
pub const STOPPED: &str = "Stopped";
/// A Task ran into its timeout.
pub const TIMEOUT: &str = "Timeout";
/// An object of a name we need belongs to somebody else.
pub const NAME_CONFLICT: &str = "NameConflict";

/// An Agent's Deployment was made.
pub const DEPLOYMENT_CREATED: &str = "DeploymentCreated";
/// An Agent's Deployment could not be made.
pub const DEPLOYMENT_CREATION_FAILED: &str = "DeploymentCreationFailed";
/// An Agent's Service was made.
pub const SERVICE_CREATED: &str = "ServiceCreated";
/// An Agent was suspended by standby.
pub const STANDBY_SUSPENDED: &str = "StandbySuspended";
/// An Agent was suspended by a user.
pub const USER_SUSPENDED: &str = "UserSuspended";
/// An Agent was resumed.
pub const RESUMED: &str = "Resumed";
/// An Agent became ready.
pub const READY: &str = "Ready";
/// An Agent is not ready any more.
pub const NOT_READY: &str = "NotReady";

/// A CronTask created a Task.
pub const TASK_CREATED: &str = "TaskCreated";
/// A CronTask could not create a Task.
pub const TASK_CREATION_FAILED: &str = "TaskCreationFailed";
/// A CronTask created a Task because it was asked to.
pub const TRIGGERED: &str = "Triggered";
/// A CronTask has too many Tasks.
pub const MAX_RETAINED_TASKS_REACHED: &str = "MaxRetainedTasksReached";
/// A slot was too long ago.
pub const MISSED_DEADLINE: &str = "MissedDeadline";
/// More slots were missed than are looked at.
pub const TOO_MANY_MISSED: &str = "TooManyMissed";
/// A slot was skipped because a Task still runs.
pub const TASK_STILL_ACTIVE: &str = "TaskStillActive";
/// Running Tasks were stopped for a new one.
pub const REPLACED_TASKS: &str = "ReplacedTasks";

/// What the controller was doing when it reported.
pub mod actions {
    /// Putting a Task into the queue.
    pub const QUEUED: &str = "Queued";
    /// Making a Task's Pod.
    pub const CREATE_POD: &str = "CreatePod";
    /// Ending a Task well.
    pub const COMPLETED: &str = "Completed";
    /// Ending a Task badly.
    pub const FAILED: &str = "Failed";
    /// Stopping a Task.
    pub const STOPPED: &str = "Stopped";
    /// Ending a Task at its timeout.
    pub const TIMEOUT: &str = "Timeout";
    /// Making an Agent's Deployment.
    pub const CREATE_DEPLOYMENT: &str = "CreateDeployment";
    /// Making an Agent's Service.
    pub const CREATE_SERVICE: &str = "CreateService";
    /// Suspending an Agent.
    pub const SUSPEND: &str = "Suspend";
    /// Resuming an Agent.
    pub const RESUME: &str = "Resume";
    /// Noticing that an Agent is ready or not.
    pub const READY: &str = "Ready";
    /// Creating a Task for a CronTask.
    pub const CREATE_TASK: &str = "CreateTask";
    /// Answering a trigger.
    pub const TRIGGER: &str = "Trigger";
    /// Looking at a schedule.
    pub const SCHEDULE: &str = "Schedule";
}
