//! Defaults that meet the Pod Security level "restricted".

use k8s_openapi::api::core::v1::{Capabilities, PodSecurityContext, SeccompProfile, SecurityContext};
use koc_api::names::defaults;

/// The group of the product's images, by the guide: arbitrary users in the root group.
const GROUP: i64 = 0;

/// A Pod whose processes are nobody special, and whose Secret files they can read all the same.
pub(super) fn pod_default() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(defaults::RUN_AS_USER),
        run_as_group: Some(GROUP),
        // Secret files have mode 0600 and belong to root; the kubelet opens them to this group.
        fs_group: Some(defaults::FS_GROUP),
        seccomp_profile: Some(runtime_default()),
        ..PodSecurityContext::default()
    }
}

/// A container that can't gain what it doesn't have.
pub(super) fn container_default() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            add: None,
            drop: Some(vec!["ALL".to_owned()]),
        }),
        run_as_non_root: Some(true),
        seccomp_profile: Some(runtime_default()),
        ..SecurityContext::default()
    }
}

fn runtime_default() -> SeccompProfile {
    SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        localhost_profile: None,
    }
}
