//! One container: what it needs, how it runs, what it prints.

pub(crate) mod action;
pub(crate) mod attempt;
pub(crate) mod env;
pub(crate) mod log;
pub(crate) mod prepare;
pub(crate) mod probe;
