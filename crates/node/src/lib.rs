//! Runs the Pods that are bound to one machine.
//!
//! A [`Node`] talks to any Kubernetes API server through a [`kube::Client`]: it registers itself, takes the
//! Pods whose `spec.nodeName` is its name, gives them volumes, starts their containers through a
//! [`PodRuntime`] and reports what becomes of them exactly as a kubelet does. It knows nothing of what the
//! Pods are for.
//!
//! Two runtimes are here: [`Sandbox`] starts programs of this machine in Linux namespaces, and [`Scripted`]
//! starts nothing and does what a test tells it.
//!
//! # What survives what
//!
//! A container's processes never outlive the process that runs the node. That an attempt is begun is
//! recorded before its process exists, and how it ended before anybody is told, so after a restart a
//! finished container is not run again, and one whose end nobody saw is reported with code 137 and reason
//! `ContainerStatusUnknown`.

mod clock;
mod container;
mod error;
mod facts;
mod handle;
mod image;
mod kubelet;
mod machine;
mod node;
mod objects;
mod options;
mod pod;
mod quantity;
mod register;
mod resume;
mod runtime;
mod sandbox;
mod schedule;
mod scripted;
mod sweep;
mod volume;

pub use clock::{Clock, SystemClock, TokioClock};
pub use error::{NodeError, RuntimeError};
pub use image::{ImageError, ImageProvision, ImageResolver, StaticImages};
pub use node::Node;
pub use options::NodeOptions;
pub use runtime::{
    Container, ContainerSpec, ExecSpec, Exit, InputStream, Mount, OutputStream, PodRef, PodRuntime, Process,
    Resize, StartedContainer,
};
pub use sandbox::{SANDBOX_INIT, Sandbox, SandboxError, SandboxOptions, sandbox_init};
pub use scripted::{SCRIPT_ANNOTATION, SCRIPT_ENV, Script, Scripted, Start};
