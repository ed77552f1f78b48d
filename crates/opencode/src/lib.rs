//! One typed client for an OpenCode server.
//!
//! Everything the product knows about OpenCode's protocol is here, so that a new version of OpenCode changes this
//! crate and no other. Decoding is lenient on purpose: unknown fields are ignored, missing or mistyped optional
//! fields become their default, unknown events and parts keep their name and nothing else. The shapes were taken
//! from the API description that OpenCode 1.18 serves at `/doc`.
//!
//! Start with [`Client::new`]; read what happens with [`Client::events`].

mod answer;
mod client;
mod error;
mod event;
mod fault;
mod lenient;
mod message;
mod request;
mod secret;
mod session;
mod sse;
mod stream;

pub use client::{Client, Endpoint, Health, NewSession, PermissionRule, Reply};
pub use error::Error;
pub use event::Event;
pub use fault::{Fault, FaultKind};
pub use message::{Message, MessageInfo, Part, Role, StepFinish, TextPart, ToolPart, ToolState, ToolStatus};
pub use request::{PermissionRequest, Question, QuestionRequest};
pub use secret::Secret;
pub use session::{FileDiff, Session, SessionStatus, Summary, TokenCount};
pub use sse::{Frame, SseDecoder};
pub use stream::EventStream;
