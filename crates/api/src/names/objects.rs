//! Names of objects that are made for others.

/// A Task's Pod.
pub fn task_pod(task: &str) -> String {
    format!("{task}-pod")
}

/// A Task's context ConfigMap.
pub fn task_context(task: &str) -> String {
    format!("{task}-context")
}

/// The ConfigMaps that hold a Task's files: the first one has the documented name, the others a number.
pub fn task_context_part(task: &str, index: usize) -> String {
    match index {
        0 => task_context(task),
        _ => format!("{}-{index}", task_context(task)),
    }
}

/// An Agent's Deployment.
pub fn agent_deployment(agent: &str) -> String {
    format!("{agent}-server")
}

/// An Agent's Service: the Agent's own name.
pub fn agent_service(agent: &str) -> String {
    agent.to_owned()
}

/// An Agent's context ConfigMap.
pub fn agent_context(agent: &str) -> String {
    format!("{agent}-server-context")
}

/// An Agent's claim for sessions.
pub fn agent_sessions(agent: &str) -> String {
    format!("{agent}-server-sessions")
}

/// An Agent's claim for its workspace.
pub fn agent_workspace(agent: &str) -> String {
    format!("{agent}-server-workspace")
}

/// An Agent's share Secret.
pub fn agent_share(agent: &str) -> String {
    format!("{agent}-share")
}

/// A CronTask's Task for the slot at this Unix time.
pub fn cron_child(cron_task: &str, slot_seconds: i64) -> String {
    format!("{cron_task}-{slot_seconds}")
}

/// Address of an Agent's server within the cluster.
pub fn agent_url(agent: &str, namespace: &str, cluster_domain: &str, port: i32) -> String {
    format!("http://{agent}.{namespace}.svc.{cluster_domain}:{port}")
}

/// Title of a Task's session, by which it is found again.
pub fn session_title(namespace: &str, task: &str, uid: &str) -> String {
    let uid: String = uid.chars().take(8).collect();
    format!("kubeopencode/{namespace}/{task}/{uid}")
}
