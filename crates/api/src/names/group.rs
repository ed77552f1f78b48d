//! Names of the API group, and of its writers.

/// The API group of all six kinds.
pub const GROUP: &str = "kubeopencode.io";

/// The only version served and stored.
pub const VERSION: &str = "v1alpha1";

/// `apiVersion` of all six kinds.
pub const API_VERSION: &str = "kubeopencode.io/v1alpha1";

/// Name of the KubeOpenCodeConfig that counts.
pub const CONFIG_NAME: &str = "cluster";

/// Field manager of everything the controller applies.
pub const FIELD_MANAGER: &str = "kubeopencode-controller";

/// Field manager of what the command line and the web server write on behalf of a user.
pub const USER_FIELD_MANAGER: &str = "kubeopencode-user";

/// Finalizer for Tasks whose work outside the cluster's garbage collection has to be ended first. None of today's
/// objects carries one: owner references clean up.
pub const FINALIZER: &str = "kubeopencode.io/cleanup";

/// Lease by which replicas of the controller agree on a leader.
pub const LEADER_LEASE: &str = "kubeopencode-controller";
