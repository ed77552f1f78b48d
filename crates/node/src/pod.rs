//! One Pod: what is kept about it, what to do next, what to report.

pub(crate) mod plan;
pub(crate) mod record;
pub(crate) mod status;
pub(crate) mod worker;
