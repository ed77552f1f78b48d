//! A scripted OpenAI-compatible model provider that needs no key.
//!
//! It exists for two readers. A person who runs the first example without an API key gets the *demo*: a short
//! script that makes OpenCode really write a file and run a command, and then says honestly that no model was
//! involved. A test gets *directives*: lines of the prompt that start with `@@` and tell the provider what to
//! answer, including the ways in which real providers fail.
//!
//! The reply to a request follows from the request alone: it is step *n* of the script, where *n* is the number of
//! assistant messages after the last user message. So retries, parallel sessions and title requests cannot get out
//! of step. The only memory is a counter for faults that are to end after some repetitions.
//!
//! # Directives
//!
//! | line of the prompt | answer |
//! |---|---|
//! | `@@say TEXT` | plain text; `\n` in it becomes a line break |
//! | `@@think TEXT` | hidden reasoning, then a short text |
//! | `@@bash COMMAND` | call of the tool `bash` |
//! | `@@write PATH TEXT` | call of the tool `write` |
//! | `@@read PATH` | call of the tool `read` |
//! | `@@tool NAME JSON` | call of any tool |
//! | `@@big BYTES` | a text of so many bytes |
//! | `@@slow MILLISECONDS TEXT` | one word at a time |
//! | `@@cut TEXT` | the first half of the text; then the stream ends with no finish reason |
//! | `@@drop TEXT` | the first half of the text; then the connection breaks |
//! | `@@finish REASON TEXT` | the text with this finish reason, such as `length` |
//! | `@@error STATUS [times=N] [retry-after=S] [retry-after-ms=N] [MESSAGE]` | an HTTP error, for ever or N times |
//! | `@@hang [SECONDS]` | accepts the request and answers nothing |
//!
//! `@@error` with `times` and `@@hang` with seconds stand in front of the next step and take no step of their own.

mod chat;
mod demo;
mod directive;
mod reply;
mod script;
mod server;

pub use chat::ChatRequest;
pub use demo::DEMO_MODEL;
pub use server::{Options, RecordedRequest, RunningModel, ScriptedModel, StartError};
