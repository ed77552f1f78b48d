//! Whole clusters in one process, for tests and benchmarks that cross crates.

mod embedded;
pub mod faults;
mod kinds;
mod raw_client;
mod real_server;
mod test_cluster;

pub use embedded::{Embedded, task, template};
pub use raw_client::{RawAnswer, RawClient, RawStream};
pub use real_server::RealServer;
pub use test_cluster::{ClusterKind, Controller, Options, TEST_CLUSTER, TestCluster, TestNode};
