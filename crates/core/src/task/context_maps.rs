//! The ConfigMaps of a Task's files: what is there of them, and what has to be done.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;

use super::start::name_taken;
use crate::plan::{ContextMapRewrite, Effect};
use crate::refusal::Refusal;
use crate::world::{Ownership, World, ownership};

/// What has to be done for one ConfigMap.
pub(super) enum MapStep {
    Do(Effect),
    Nothing,
    /// An earlier Task's is in the way, and goes.
    Wait,
}

/// What makes a ConfigMap be there with the right contents.
pub(super) fn step(world: &World, wanted: ConfigMap) -> Result<MapStep, Refusal> {
    let name = wanted.name_any();
    let Some(there) = world.context_maps.get(&name) else {
        return Ok(MapStep::Do(Effect::CreateContextMap(Box::new(wanted))));
    };
    match ownership(&world.task, &there.metadata) {
        Ownership::Predecessor => Ok(MapStep::Wait),
        Ownership::Foreign => Err(name_taken("ConfigMap", &name)),
        Ownership::Ours if there.data == wanted.data => Ok(MapStep::Nothing),
        // The template changed between a start that was cut off and this one.
        Ownership::Ours => {
            let gone = there.data.iter().flatten().map(|(key, _)| (key.clone(), None));
            let new = wanted
                .data
                .into_iter()
                .flatten()
                .map(|(key, text)| (key, Some(text)));
            let rewrite = ContextMapRewrite {
                version: there.resource_version().unwrap_or_default(),
                data: gone.chain(new).collect(),
                name,
            };
            Ok(MapStep::Do(Effect::RewriteContextMap(Box::new(rewrite))))
        }
    }
}
