//! The kinds being served right now: the builtin ones, and those of established CustomResourceDefinitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::kind::Kind;

/// An unchanging picture of the served kinds.
#[derive(Default, Clone)]
pub(crate) struct Kinds {
    builtin: Vec<Arc<Kind>>,
    /// By the CRD's name.
    custom: BTreeMap<String, Vec<Arc<Kind>>>,
}

impl Kinds {
    /// Every kind, builtin first, in a stable order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.builtin.iter().chain(self.custom.values().flatten())
    }

    /// The kind served under a path.
    pub(crate) fn at(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.iter()
            .find(|k| k.plural == plural && k.group == group && k.version == version)
    }

    /// Any version of a kind by its `apiVersion`'s group and its name, as owner references name it.
    pub(crate) fn named(&self, group: &str, kind: &str) -> Option<&Arc<Kind>> {
        self.iter().find(|k| k.kind == kind && k.group == group)
    }

    /// Any version of the kind whose objects are stored under a resource.
    pub(crate) fn stored_as(&self, storage: &str) -> Option<&Arc<Kind>> {
        self.iter().find(|k| storage_of(k) == storage)
    }

    /// The groups in serving order with their versions, preferred version first.
    pub(crate) fn groups(&self) -> Vec<(String, Vec<String>)> {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for kind in self.iter() {
            let at = match groups.iter().position(|(group, _)| *group == kind.group) {
                Some(at) => at,
                None => {
                    groups.push((kind.group.clone(), Vec::new()));
                    groups.len() - 1
                }
            };
            let versions = &mut groups[at].1;
            if !versions.contains(&kind.version) {
                versions.push(kind.version.clone());
            }
        }
        for (_, versions) in &mut groups {
            versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        }
        groups
    }

    /// The kinds of one group and version.
    pub(crate) fn of(&self, group: &str, version: &str) -> Vec<Arc<Kind>> {
        self.iter()
            .filter(|k| k.group == group && k.version == version)
            .cloned()
            .collect()
    }
}

/// Kubernetes' order of versions: `v2` before `v1` before `v1beta1` before `v1alpha1`, anything else last.
fn priority(version: &str) -> (u8, u64, u64) {
    let Some(rest) = version.strip_prefix('v') else {
        return (0, 0, 0);
    };
    for (stage, rank) in [("beta", 2), ("alpha", 1)] {
        if let Some((major, minor)) = rest.split_once(stage) {
            return match (major.parse(), minor.parse()) {
                (Ok(major), Ok(minor)) => (rank, major, minor),
                (Ok(major), Err(_)) if minor.is_empty() => (rank, major, 0),
                _ => (0, 0, 0),
            };
        }
    }
    rest.parse().map_or((0, 0, 0), |major| (3, major, 0))
}

/// The resource objects of a kind are stored under. Versions share it, and so do the two Event groups.
pub(crate) fn storage_of(kind: &Kind) -> String {
    if kind.group == "events.k8s.io" {
        "events".into()
    } else {
        kind.resource_key()
    }
}

/// See the module text.
pub(crate) struct Registry {
    kinds: RwLock<Arc<Kinds>>,
}

impl Registry {
    pub(crate) fn new(builtin: Vec<Kind>) -> Self {
        let builtin = builtin.into_iter().map(Arc::new).collect();
        Self {
            kinds: RwLock::new(Arc::new(Kinds {
                builtin,
                custom: BTreeMap::new(),
            })),
        }
    }

    /// The picture as of now; keep it for one request, not longer.
    pub(crate) fn kinds(&self) -> Arc<Kinds> {
        self.kinds.read().clone()
    }

    /// Serves the kinds of a CRD, in place of what it served before.
    pub(crate) fn serve(&self, crd: &str, kinds: Vec<Kind>) {
        let mut guard = self.kinds.write();
        let mut changed = Kinds::clone(&guard);
        changed
            .custom
            .insert(crd.into(), kinds.into_iter().map(Arc::new).collect());
        *guard = Arc::new(changed);
    }

    /// Stops serving the kinds of every CRD but these.
    pub(crate) fn keep(&self, crds: &[&str]) {
        let mut guard = self.kinds.write();
        if guard.custom.keys().all(|crd| crds.contains(&crd.as_str())) {
            return;
        }
        let mut changed = Kinds::clone(&guard);
        changed.custom.retain(|crd, _| crds.contains(&crd.as_str()));
        *guard = Arc::new(changed);
    }

    /// Stops serving the kinds of a CRD.
    pub(crate) fn withdraw(&self, crd: &str) {
        let mut guard = self.kinds.write();
        let mut changed = Kinds::clone(&guard);
        if changed.custom.remove(crd).is_some() {
            *guard = Arc::new(changed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_stability_then_number() {
        let mut versions = vec!["v1alpha1", "foo", "v1", "v2beta1", "v2", "v1beta2"];
        versions.sort_by_key(|v| std::cmp::Reverse(priority(v)));
        assert_eq!(versions, ["v2", "v1", "v2beta1", "v1beta2", "v1alpha1", "foo"]);
    }
}
