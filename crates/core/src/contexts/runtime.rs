//! The Runtime context: where the agent is, in words.

use koc_api::names::{env, paths};

use crate::owner::{Owner, OwnerKind};

/// What an agent should know of the place it works in.
pub(super) fn text(owner: &Owner, workspace: &str) -> String {
    let OwnerKind::Task = owner.kind;
    let Owner { name, namespace, .. } = owner;
    let (task_name, task_namespace, workspace_dir) =
        (env::TASK_NAME, env::TASK_NAMESPACE, env::WORKSPACE_DIR);
    let (task_file, context_file) = (paths::TASK_FILE, paths::CONTEXT_FILE);
    format!(
        "You work inside a Kubernetes Pod that KubeOpenCode created and watches. The Pod ends with your work, and what \
         is not pushed or reported elsewhere ends with it.

Words used here:
- A Task is a Kubernetes object that asks for one piece of work. Its description is your prompt, and its status tells \
people how the work ended.
- An Agent is the configuration you run by: image, model, credentials, contexts. A Task gets it from an Agent that \
runs all the time, or from an AgentTemplate that is used for this Task alone.

Environment variables:
- {task_name}: name of the Task you work on (here {name}).
- {task_namespace}: namespace of that Task (here {namespace}).
- {workspace_dir}: your working directory (here {workspace}). Do your work there.

Files:
- {workspace}/{task_file}: the Task's description, as you were given it.
- {workspace}/{context_file}: this text, together with the other contexts that have no file of their own.
- Other contexts may be files, directories or Git repositories in the working directory or elsewhere. If a repository \
brings an AGENTS.md, it is the repository's own and was left as it is: follow it too.

Looking at your own Task, where kubectl is installed and this Pod was given access to the cluster (without access it \
answers with an error, and you can do without):
  kubectl get task \"${task_name}\" -n \"${task_namespace}\" -o yaml
  kubectl get task \"${task_name}\" -n \"${task_namespace}\" -o jsonpath='{{.status}}'"
    )
}

#[cfg(test)]
mod tests {
    use koc_api::Task;

    use super::*;

    #[test]
    fn the_runtime_text_tells_what_agents_must_know() {
        let mut task = Task::default();
        task.metadata.name = Some("demo".into());
        task.metadata.namespace = Some("team".into());
        let text = text(&Owner::of_task(&task), "/srv/work");
        for part in [
            "TASK_NAME",
            "TASK_NAMESPACE",
            "WORKSPACE_DIR",
            "/srv/work/task.md",
            "/srv/work/.kubeopencode/context.md",
            "AGENTS.md",
            "A Task is",
            "An Agent is",
            "kubectl get task \"$TASK_NAME\" -n \"$TASK_NAMESPACE\"",
            "{.status}",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
