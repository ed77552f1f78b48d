//! The effective configuration of a Task: its template, with defaults filled in.

use k8s_openapi::api::core::v1::LocalObjectReference;
use koc_api::names::{containers, defaults, images};
use koc_api::{
    AgentPodSpec, AgentTemplate, CaBundle, Credential, KubeOpenCodeConfig, OpenTelemetry, Proxy, PullPolicy,
};
use kube::ResourceExt as _;

use crate::conflicts;
use crate::git_mount::GitMount;
use crate::opencode_config::{self, ConfigFiles};
use crate::paths;
use crate::plugins::Plugins;
use crate::refusal::Refusal;
use crate::skills::Skills;

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
    /// `opencode.json` and `tui.json`, where there is any configuration.
    pub(crate) config_files: ConfigFiles,
    /// Whether the configuration has a `permission` of its own.
    pub(crate) has_permission: bool,
    /// The clones that bring skills.
    pub(crate) skills: Vec<GitMount>,
    pub(crate) plugins: Plugins,
    pub(crate) ca_bundle: Option<CaBundle>,
    /// The template's own, else the cluster's.
    pub(crate) proxy: Option<Proxy>,
    pub(crate) cluster_domain: String,
    pub(crate) image_pull_secrets: Vec<LocalObjectReference>,
    pub(crate) telemetry: Option<OpenTelemetry>,
    /// Name of the template, by which traces are told apart.
    pub(crate) agent_name: String,
    /// Most bytes of a fetched file.
    pub(crate) url_max_bytes: i64,
    /// Networks that may be fetched from although they are private.
    pub(crate) url_allowed_networks: Vec<String>,
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
        if let Some(reserved) = conflicts::reserved(&workspace_dir) {
            return Err(Refusal::agent(format!(
                "AgentTemplate {name:?}: workspaceDir {:?} lies in a place that KubeOpenCode needs: {reserved} is \
                 reserved; choose another one, such as /workspace",
                spec.workspace_dir
            )));
        }
        let skills = Skills::of(spec.skills.as_deref().unwrap_or_default())?;
        let plugins = Plugins::of(spec.plugins.as_deref().unwrap_or_default())?;
        let owner = format!("AgentTemplate {name:?}");
        let config_files = opencode_config::assemble(&owner, spec.config.as_ref(), &skills.paths, &plugins)?;
        let urls = config
            .and_then(|c| c.spec.url_contexts.clone())
            .unwrap_or_default();
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
            config_files,
            has_permission: spec
                .config
                .as_ref()
                .is_some_and(|c| c.get("permission").is_some()),
            skills: skills.mounts,
            plugins,
            ca_bundle: spec.ca_bundle.clone(),
            proxy: spec.proxy.clone().or_else(|| config?.spec.proxy.clone()),
            cluster_domain: config
                .map_or(defaults::CLUSTER_DOMAIN, |c| c.spec.cluster_domain())
                .to_owned(),
            image_pull_secrets: spec.image_pull_secrets.clone().unwrap_or_default(),
            telemetry: config.and_then(|c| c.spec.observability.as_ref()?.open_telemetry.clone()),
            agent_name: name,
            url_max_bytes: urls.max_bytes.unwrap_or(defaults::URL_MAX_BYTES),
            url_allowed_networks: urls.allowed_networks,
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
