//! An API server that is slow, refuses, forgets and hangs up, as far as its client can tell.
//!
//! [`Faults`] is one such trouble-maker: a [`Plan`] that decides about each request, and a record of what was decided. It
//! stands between a client and a server either in process ([`Faults::layer`], [`Faults::client`]) or on the network
//! ([`FaultProxy`]); the decisions are the same.

mod call;
mod dice;
mod fault;
mod layer;
mod plan;
mod proxy;
mod record;
mod watch_body;

pub use call::{Call, Verb};
pub use dice::Dice;
pub use fault::{Ending, Fault};
pub use layer::{FaultLayer, FaultService};
pub use plan::{Odds, Plan, Point};
pub use proxy::FaultProxy;
pub use record::{Asked, Faults};
