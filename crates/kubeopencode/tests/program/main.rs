//! The program as its users meet it: started, read, stopped, killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod crash;
mod hello;
mod kubectl;
mod machine;
mod several;
mod stopping;
mod up;
