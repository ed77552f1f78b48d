//! The controller is killed at every point of its work, and works with an API server on a bad day: it ends up where it
//! would have ended up undisturbed.
//!
//! `KUBEOPENCODE_TEST_CLUSTER` chooses the cluster. On the embedded one time is the runtime's, so that waiting costs
//! nothing; each world has a thread to itself.
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

mod audit;
mod chance;
mod controllers;
mod crashes;
mod pools;
mod scenarios;
mod snapshot;
mod stage;
mod world;
