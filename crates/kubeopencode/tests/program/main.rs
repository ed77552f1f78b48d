//! The program as its users meet it: started, read, stopped, killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod crash;
mod everything;
mod hello;
mod kubectl;
mod machine;
#[expect(dead_code, reason = "the tests of plugin-init use the rest")]
#[path = "../../../podtools/tests/plugin_init/registry.rs"]
mod registry;
mod several;
mod stopping;
mod up;
