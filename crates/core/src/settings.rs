//! The effective configuration of a Task: its template, with defaults filled in and unsupported parts refused.

use koc_api::names::{containers, images};
use koc_api::{AgentPodSpec, AgentTemplate, Credential, KubeOpenCodeConfig, PullPolicy};
use kube::ResourceExt as _;
use serde_json::Value;

use crate::paths;
use crate::refusal::Refusal;

/// What a Pod is built by.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) agent_image: String,
    pub(crate) executor_image: String,
    pub(crate) system_image: String,
    pub(crate) system_pull_policy: PullPolicy,
    /// Normalised.
    pub(crate) workspace_dir: String,
    pub(crate) service_account: String,
    /// The user's own command, to be run as it stands.
    pub(crate) command: Option<Vec<String>>,
    pub(crate) credentials: Vec<Credential>,
    /// `opencode.json`, where there is any configuration.
    pub(crate) config_text: Option<String>,
    /// Whether the configuration has a `permission` of its own.
    pub(crate) has_permission: bool,
    pub(crate) pod_spec: AgentPodSpec,
}

impl Settings {
    /// Reads a template for a templateRef Task.
    pub(crate) fn of_template(
        template: &AgentTemplate,
        config: Option<&KubeOpenCodeConfig>,
    ) -> Result<Self, Refusal> {
        let name = template.name_any();
        let spec = &template.spec;
        refuse_unsupported(template, config)?;
        if spec.service_account_name.is_empty() {
            return Err(Refusal::agent(format!(
                "AgentTemplate {name:?} has no serviceAccountName; set one"
            )));
        }
        let workspace_dir = paths::absolute("/", &spec.workspace_dir)
            .map_err(|e| Refusal::agent(format!("AgentTemplate {name:?}: workspaceDir: {e}")))?;
        if workspace_dir == "/" || !spec.workspace_dir.starts_with('/') {
            return Err(Refusal::agent(format!(
                "AgentTemplate {name:?}: workspaceDir {:?} must be an absolute path below /, such as /workspace",
                spec.workspace_dir
            )));
        }
        let config_text = spec.config.as_ref().map(|c| config_text(&name, c)).transpose()?;
        Ok(Self {
            agent_image: or_default(spec.agent_image.as_ref(), images::AGENT),
            executor_image: or_default(spec.executor_image.as_ref(), images::EXECUTOR),
            system_image: config
                .map_or(images::SYSTEM, |c| c.spec.system_image())
                .to_owned(),
            system_pull_policy: config.map_or_else(PullPolicy::default, |c| c.spec.system_pull_policy()),
            workspace_dir,
            service_account: spec.service_account_name.clone(),
            command: spec.command.clone().filter(|c| !c.is_empty()),
            credentials: spec.credentials.clone().unwrap_or_default(),
            config_text,
            has_permission: spec
                .config
                .as_ref()
                .is_some_and(|c| c.get("permission").is_some()),
            pod_spec: spec.pod_spec.clone().unwrap_or_default(),
        })
    }

    /// Name of the container whose end is the Task's end.
    pub(crate) fn agent_container() -> &'static str {
        containers::AGENT
    }
}

fn or_default(value: Option<&String>, default: &str) -> String {
    value
        .filter(|v| !v.is_empty())
        .map_or_else(|| default.to_owned(), Clone::clone)
}

fn config_text(template: &str, config: &Value) -> Result<String, Refusal> {
    if !config.is_object() {
        return Err(Refusal::context(format!(
            "AgentTemplate {template:?}: spec.config must be an object of OpenCode settings, as in opencode.json"
        )));
    }
    serde_json::to_string_pretty(config)
        .map_err(|e| Refusal::context(format!("AgentTemplate {template:?}: spec.config: {e}")))
}

/// Parts of a template that this version can't honour. Running without them would be a silent half run.
fn refuse_unsupported(template: &AgentTemplate, config: Option<&KubeOpenCodeConfig>) -> Result<(), Refusal> {
    let spec = &template.spec;
    let telemetry = config
        .and_then(|c| c.spec.observability.as_ref())
        .and_then(|o| o.open_telemetry.as_ref())
        .is_some_and(|t| t.enabled);
    let missing = [
        (spec.skills.as_ref().is_some_and(|s| !s.is_empty()), "skills"),
        (spec.plugins.as_ref().is_some_and(|p| !p.is_empty()), "plugins"),
        (spec.ca_bundle.is_some(), "caBundle"),
        (
            spec.proxy.is_some() || config.is_some_and(|c| c.spec.proxy.is_some()),
            "proxy",
        ),
        (
            spec.image_pull_secrets.as_ref().is_some_and(|s| !s.is_empty()),
            "imagePullSecrets",
        ),
        (telemetry, "OpenTelemetry"),
    ];
    match missing.iter().find(|(used, _)| *used) {
        Some((_, what)) => Err(Refusal::context(format!(
            "AgentTemplate {:?} uses {what}, which this version does not support; remove it from the template",
            template.name_any()
        ))),
        None => Ok(()),
    }
}
