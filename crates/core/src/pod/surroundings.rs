//! What containers get from the place they run in: authorities, proxies, telemetry, installed plugins.

use k8s_openapi::api::core::v1::{EnvVar, Volume, VolumeMount};
use koc_api::names::{paths, volumes};

use super::telemetry::{self, Sender};
use super::{Blueprint, authorities, empty_dir, proxy, read_only};
use crate::owner::OwnerKind;
use crate::settings::Settings;

/// The surroundings of one Pod, for all of its containers alike.
pub(super) struct Surroundings<'a> {
    settings: &'a Settings,
    authorities: Option<Volume>,
    proxies: Vec<EnvVar>,
    telemetry: Vec<EnvVar>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn of(blueprint: &Blueprint<'a>) -> Self {
        let (settings, owner) = (blueprint.settings, blueprint.owner);
        let pod = owner.pod();
        let OwnerKind::Task = owner.kind;
        let sender = Sender {
            task: Some(&owner.name),
            agent: &settings.agent_name,
            namespace: &owner.namespace,
            pod: &pod,
        };
        let telemetry = settings.telemetry.as_ref();
        Self {
            settings,
            authorities: settings.ca_bundle.as_ref().and_then(authorities::volume),
            proxies: settings
                .proxy
                .as_ref()
                .map(|p| proxy::variables(p, &settings.cluster_domain))
                .unwrap_or_default(),
            telemetry: telemetry
                .map(|t| telemetry::variables(t, sender))
                .unwrap_or_default(),
        }
    }

    /// Whether OpenCode traces its calls to models.
    pub(super) fn traces_models(&self) -> bool {
        let telemetry = self.settings.telemetry.as_ref();
        telemetry.is_some_and(|t| telemetry::is_active(t) && t.enable_llm_traces == Some(true))
    }

    pub(super) fn volumes(&self) -> impl Iterator<Item = Volume> {
        let plugins = (!self.settings.plugins.is_empty()).then(|| empty_dir(volumes::PLUGINS));
        plugins.into_iter().chain(self.authorities.clone())
    }

    /// For the platform's own containers.
    pub(super) fn own_variables(&self) -> Vec<EnvVar> {
        let authorities = self.authorities.as_ref().map(|_| authorities::own_variables());
        self.behind(authorities)
    }

    pub(super) fn own_mounts(&self) -> Option<VolumeMount> {
        self.authorities.as_ref().map(|_| authorities::mount())
    }

    /// For the user's container.
    pub(super) fn worker_variables(&self) -> Vec<EnvVar> {
        let authorities = self.authorities.as_ref().map(|_| authorities::worker_variables());
        self.behind(authorities)
    }

    pub(super) fn worker_mounts(&self) -> impl Iterator<Item = VolumeMount> {
        let plugins =
            (!self.settings.plugins.is_empty()).then(|| read_only(volumes::PLUGINS, paths::PLUGINS));
        plugins.into_iter().chain(self.own_mounts())
    }

    fn behind(&self, authorities: Option<Vec<EnvVar>>) -> Vec<EnvVar> {
        let mut vars = authorities.unwrap_or_default();
        vars.extend(self.proxies.iter().cloned());
        vars.extend(self.telemetry.iter().cloned());
        vars
    }
}
