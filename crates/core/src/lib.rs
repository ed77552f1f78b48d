//! Pure decisions: a snapshot of the cluster in, a plan out.
//!
//! Nothing here waits, reads a clock or a file, or talks to anybody. Whoever calls brings the [`World`] and the time,
//! and carries out the [`Plan`].

mod conflicts;
mod context_map;
mod context_md;
mod contexts;
mod fetch;
mod git_mount;
mod image;
mod inputs;
mod opencode_config;
mod outcome;
mod owner;
mod paths;
mod plan;
mod plugins;
mod pod;
mod refusal;
mod settings;
mod skills;
mod task;
mod world;

pub use contexts::config_maps_named_by;
pub use outcome::{Failure, PodVerdict, Stuck, agent_result, judge};
pub use plan::{Announcement, ContextMapRewrite, Effect, Plan};
pub use task::{plan_task, undecodable};
pub use world::{Creation, Lookup, Ownership, RefusedCreation, World, ownership};
