//! Defaults that meet the Pod Security level "restricted".

use k8s_openapi::api::core::v1::{Capabilities, PodSecurityContext, SeccompProfile, SecurityContext};
use koc_api::AgentPodSpec;
use koc_api::names::defaults;

/// The group of the product's images, by the guide: arbitrary users in the root group.
const GROUP: i64 = 0;

/// A Pod whose processes are nobody special, and whose Secret files they can read all the same; or what the template's
/// author wants instead, as it stands.
pub(super) fn of_pod(pod_spec: &AgentPodSpec) -> PodSecurityContext {
    if let Some(own) = &pod_spec.pod_security_context {
        return own.clone();
    }
    // A worker that is to be root would be refused by the kubelet if the Pod as a whole said otherwise.
    let worker = pod_spec.security_context.as_ref();
    let root_worker = worker.is_some_and(|w| w.run_as_user == Some(0) && w.run_as_non_root.is_none());
    PodSecurityContext {
        run_as_non_root: (!root_worker).then_some(true),
        run_as_user: Some(defaults::RUN_AS_USER),
        run_as_group: Some(GROUP),
        // Secret files have mode 0600 and belong to root; the kubelet opens them to this group.
        fs_group: Some(defaults::FS_GROUP),
        seccomp_profile: Some(runtime_default()),
        ..PodSecurityContext::default()
    }
}

/// A container that can't gain what it doesn't have.
pub(super) fn of_container(pod_spec: &AgentPodSpec) -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            add: None,
            drop: Some(vec!["ALL".to_owned()]),
        }),
        run_as_non_root: must_not_be_root(pod_spec).then_some(true),
        seccomp_profile: Some(runtime_default()),
        ..SecurityContext::default()
    }
}

/// Whoever brings a security context for the Pod decides who its containers run as. Where it leaves that to the
/// images, or asks for root, a container that refuses to be root would not start.
fn must_not_be_root(pod_spec: &AgentPodSpec) -> bool {
    pod_spec
        .pod_security_context
        .as_ref()
        .is_none_or(|own| match (own.run_as_user, own.run_as_non_root) {
            (Some(user), _) => user != 0,
            (None, non_root) => non_root == Some(true),
        })
}

fn runtime_default() -> SeccompProfile {
    SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        localhost_profile: None,
    }
}
