//! Every name that others rely on, exactly once: labels, annotations, environment variables, paths, object names,
//! condition types and reasons, events, images and default values.

pub mod annotations;
pub mod conditions;
pub mod containers;
pub mod defaults;
pub mod env;
pub mod events;
pub mod group;
pub mod images;
pub mod labels;
pub mod objects;
pub mod paths;
pub mod reasons;
pub mod secret_keys;
pub mod volumes;
