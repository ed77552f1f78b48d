//! The six kinds of KubeOpenCode, and every contract name in one place.
//!
//! # Reading objects
//!
//! A typed list fails as a whole when one object in it does not decode: an enum value of a newer version, or a string
//! where a number belongs, would blind a controller for every other object. Controllers therefore watch
//! `kube::core::DynamicObject` and turn each object into its kind with [`decode`] or [`decode_object`], which name the
//! field that does not fit so that exactly this object can be given a condition.
//!
//! # Absent and empty lists
//!
//! The lists of an [`AgentSpec`] that replace those of a template are `Option<Vec<_>>`: `None` inherits the template's
//! list, `Some(vec![])` clears it, and both survive a round trip.
//!
//! This crate knows no runtime, no client and no clock: whoever needs the time is handed it.
#![expect(
    clippy::duplicated_attributes,
    reason = "the lint takes printer columns of one type for duplicates"
)]

mod agent;
mod agent_status;
mod agent_template;
mod ca_bundle;
mod conditions;
mod config;
mod contexts;
mod crds;
mod credentials;
mod cron_task;
mod decode;
mod durations;
mod git_source;
mod input_failure;
pub mod names;
mod npm_specifier;
mod persistence;
mod plugins;
mod pod_spec;
mod ports;
mod proxy;
mod quota;
mod references;
mod registry;
mod registry_status;
pub mod result;
mod schema;
mod secret_text;
mod skills;
mod task;
mod task_status;
mod telemetry;

pub use agent::{Agent, AgentSpec, Persistence, Share, Standby};
pub use agent_status::{AgentStatus, GitSyncStatus, ShareStatus, TaskStart};
pub use agent_template::{AgentTemplate, AgentTemplateSpec, AgentTemplateStatus};
pub use ca_bundle::{CaBundle, CaBundleSource};
pub use conditions::{NewCondition, condition, is_false, is_true, remove_condition, set_condition};
pub use config::{
    Cleanup, KubeOpenCodeConfig, KubeOpenCodeConfigSpec, Observability, PullPolicy, SystemImage, UrlContexts,
};
pub use contexts::{
    ConfigMapContext, ContextItem, ContextType, GitContext, GitSync, RuntimeContext, SyncPolicy, UrlContext,
};
pub use crds::crds;
pub use credentials::{Credential, CredentialSecret};
pub use cron_task::{
    ConcurrencyPolicy, CronTask, CronTaskSpec, CronTaskStatus, TaskTemplate, TaskTemplateMetadata,
};
pub use decode::{DecodeError, decode, decode_object};
pub use durations::{DurationError, GoDuration, format_duration, parse_duration};
pub use git_source::{GitRef, GitRefError, GitTransport, GitUrl, GitUrlError};
pub use input_failure::{InputFailure, InputFailureKind};
pub use npm_specifier::{NpmSource, NpmSpecifier, NpmSpecifierError};
pub use persistence::VolumePersistence;
pub use plugins::{PluginSpec, PluginTarget};
pub use pod_spec::{AgentPodSpec, ContainerAdditions, Scheduling, SystemContainers};
pub use ports::{ExtraPort, PortProtocol};
pub use proxy::Proxy;
pub use quota::Quota;
pub use references::{AgentReference, SecretReference, TemplateReference};
pub use registry::{
    AssetMetadata, ImageAsset, ImageMetadata, PluginAsset, Registry, RegistrySpec, RequiredCredential,
    SkillAsset,
};
pub use registry_status::{
    AssetPhase, ImageAssetStatus, PluginAssetStatus, RegistryStatus, RegistrySummary, SkillAssetStatus,
};
pub use secret_text::SecretText;
pub use skills::{SkillGitSource, SkillSource};
pub use task::{Task, TaskSpec};
pub use task_status::{Session, SessionSummary, TaskPhase, TaskStatus, TokenUsage};
pub use telemetry::{HeaderSecret, OpenTelemetry, TelemetryHeader};
