//! Labels.

/// On Tasks, and on all objects of an Agent: the Agent's name. Also the selector of the Deployment and the Service.
pub const AGENT: &str = "kubeopencode.io/agent";

/// On Tasks and Agents: the name of the AgentTemplate in use.
pub const AGENT_TEMPLATE: &str = "kubeopencode.io/agent-template";

/// On a Task's Pod and ConfigMap: the Task's name.
pub const TASK: &str = "kubeopencode.io/task";

/// On Tasks a CronTask created: the CronTask's name.
pub const CRON_TASK: &str = "kubeopencode.io/crontask";

/// On Secrets that hold a share token, with the value [`TRUE`].
pub const SHARE_TOKEN: &str = "kubeopencode.io/share-token";

/// Value of labels that are either there or not.
pub const TRUE: &str = "true";

/// On Task Pods and context ConfigMaps, with the value [`APP_VALUE`].
pub const APP: &str = "app";

/// Value of [`APP`].
pub const APP_VALUE: &str = "kubeopencode";

/// On an Agent's objects, with the value [`APP_NAME_SERVER`].
pub const APP_NAME: &str = "app.kubernetes.io/name";

/// Value of [`APP_NAME`] on an Agent's objects.
pub const APP_NAME_SERVER: &str = "kubeopencode-server";

/// On an Agent's objects: the Agent's name.
pub const APP_INSTANCE: &str = "app.kubernetes.io/instance";

/// On an Agent's objects, with the value [`COMPONENT_SERVER`].
pub const APP_COMPONENT: &str = "app.kubernetes.io/component";

/// Value of [`APP_COMPONENT`] on an Agent's objects.
pub const COMPONENT_SERVER: &str = "server";

/// On an Agent's objects, with the value [`MANAGED_BY_VALUE`].
pub const APP_MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Value of [`APP_MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "kubeopencode";
