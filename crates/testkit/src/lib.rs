//! Whole clusters in one process, for tests and benchmarks that cross crates.

mod embedded;

pub use embedded::{Embedded, task, template};
