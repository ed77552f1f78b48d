//! Events of an OpenCode server.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    fault::Fault,
    message::{MessageInfo, Part},
    request::{PermissionRequest, QuestionRequest},
    session::{Session, SessionStatus},
};

/// One event. The field `session` is always a session's id.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The first event of a stream: everything from now on will be seen.
    Connected,
    /// The server is alive; sent every ten seconds.
    Heartbeat,
    /// A session came to be or changed.
    Session(Session),
    /// A session's state changed.
    Status {
        /// The session.
        session: String,
        /// Its new state.
        status: SessionStatus,
    },
    /// A session's turn has ended, or one of its attempts.
    Idle {
        /// The session.
        session: String,
    },
    /// Something went wrong.
    Error {
        /// The session, where the error belongs to one.
        session: Option<String>,
        /// What went wrong.
        fault: Fault,
    },
    /// The head of a message is new or changed.
    Message {
        /// The session.
        session: String,
        /// The head.
        info: Box<MessageInfo>,
    },
    /// A part of a message is new or changed.
    Part {
        /// The session.
        session: String,
        /// The part.
        part: Box<Part>,
    },
    /// A piece of text arrived.
    Delta {
        /// The session.
        session: String,
    },
    /// A tool call waits for permission.
    PermissionAsked(PermissionRequest),
    /// The model asks the user something and waits.
    QuestionAsked(QuestionRequest),
    /// The conversation was compacted.
    Compacted {
        /// The session.
        session: String,
    },
    /// An event this client does not know, by its type.
    Other {
        /// Its type.
        kind: String,
    },
    /// Something that is no event, or one larger than the limit. It was skipped.
    Unreadable,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, alias = "data")]
    properties: Value,
}

impl Event {
    /// Reads the `data` of one server-sent event. Never fails: what cannot be read is [`Event::Unreadable`].
    #[must_use]
    pub fn parse(data: &str) -> Self {
        let Ok(mut value) = serde_json::from_str::<Value>(data) else {
            return Self::Unreadable;
        };
        // The stream over all directories wraps every event.
        if let Some(inner) = value.get_mut("payload").filter(|inner| inner.is_object()) {
            value = inner.take();
        }
        // Serde would take a list for a struct as well.
        if !value.is_object() {
            return Self::Unreadable;
        }
        let Ok(Envelope { kind, properties }) = serde_json::from_value(value) else {
            return Self::Unreadable;
        };
        Self::known(&kind, properties).unwrap_or(Self::Other { kind })
    }

    fn known(kind: &str, mut properties: Value) -> Option<Self> {
        let session = text(&properties, "sessionID");
        Some(match kind {
            "server.connected" => Self::Connected,
            "server.heartbeat" => Self::Heartbeat,
            "session.created" | "session.updated" => Self::Session(field(&mut properties, "info")?),
            "session.status" => Self::Status {
                session: session?,
                status: field(&mut properties, "status")?,
            },
            "session.idle" => Self::Idle { session: session? },
            "session.error" => Self::Error {
                session,
                fault: field(&mut properties, "error").unwrap_or_default(),
            },
            "session.compacted" => Self::Compacted { session: session? },
            "message.updated" => {
                let info: MessageInfo = field(&mut properties, "info")?;
                Self::Message {
                    session: session.unwrap_or_else(|| info.session.clone()),
                    info: Box::new(info),
                }
            }
            "message.part.updated" => {
                let inner = properties.get("part").and_then(|part| text(part, "sessionID"));
                Self::Part {
                    session: session.or(inner)?,
                    part: Box::new(field(&mut properties, "part")?),
                }
            }
            "message.part.delta" => Self::Delta { session: session? },
            "permission.asked" => Self::PermissionAsked(serde_json::from_value(properties).ok()?),
            "question.asked" => Self::QuestionAsked(serde_json::from_value(properties).ok()?),
            _ => return None,
        })
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn field<T: DeserializeOwned>(properties: &mut Value, key: &str) -> Option<T> {
    serde_json::from_value(properties.get_mut(key)?.take()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ToolStatus;

    fn check(data: &str, expected: Event) {
        assert_eq!(Event::parse(data), expected, "{data}");
    }

    #[test]
    fn known_events_are_read() {
        let session = || "ses_1".to_owned();
        check(
            r#"{"id":"evt_1","type":"server.connected","properties":{}}"#,
            Event::Connected,
        );
        check(r#"{"type":"server.heartbeat"}"#, Event::Heartbeat);
        check(
            r#"{"type":"session.idle","properties":{"sessionID":"ses_1"}}"#,
            Event::Idle { session: session() },
        );
        check(
            r#"{"directory":"/w","payload":{"type":"session.idle","properties":{"sessionID":"ses_1"}}}"#,
            Event::Idle { session: session() },
        );
        check(
            r#"{"type":"session.idle","data":{"sessionID":"ses_1"}}"#,
            Event::Idle { session: session() },
        );
        check(
            r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":
                {"type":"retry","attempt":2,"message":"slow down","next":1795374238571,"action":{}}}}"#,
            Event::Status {
                session: session(),
                status: SessionStatus::Retry {
                    attempt: 2,
                    message: "slow down".into(),
                    next: 1_795_374_238_571,
                },
            },
        );
        check(
            r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"dreaming"}}}"#,
            Event::Status {
                session: session(),
                status: SessionStatus::Unknown,
            },
        );
        check(
            r#"{"type":"session.error","properties":{"error":{"name":"X"}}}"#,
            Event::Error {
                session: None,
                fault: Fault::new("X", ""),
            },
        );
        check(
            r#"{"type":"permission.asked","properties":{"id":"per_1","sessionID":"ses_1","permission":"bash",
                "patterns":["rm x"],"metadata":{"command":"rm x"},"always":[]}}"#,
            Event::PermissionAsked(PermissionRequest {
                id: "per_1".into(),
                session: session(),
                permission: "bash".into(),
                patterns: vec!["rm x".into()],
            }),
        );
        check(
            r#"{"type":"question.asked","properties":{"id":"que_1","sessionID":"ses_1","questions":[{"question":"A?"},7]}}"#,
            Event::QuestionAsked(QuestionRequest {
                id: "que_1".into(),
                session: session(),
                questions: vec![crate::Question {
                    question: "A?".into(),
                }],
            }),
        );
        check(
            r#"{"type":"message.part.updated","properties":{"part":{"sessionID":"ses_1","type":"snapshot"}}}"#,
            Event::Part {
                session: session(),
                part: Box::new(Part::Other("snapshot".into())),
            },
        );
    }

    #[test]
    fn a_tool_call_is_read_with_its_state() {
        let event = Event::parse(
            r#"{"type":"message.part.updated","properties":{"sessionID":"ses_1","part":{"id":"prt_1","type":"tool",
               "tool":"bash","callID":"c","state":{"status":"completed","input":{"command":"ls"},"output":"a\n",
               "metadata":{"exit":0},"title":"ls","time":{"start":1,"end":2}}},"time":3}}"#,
        );
        let Event::Part { part, .. } = event else {
            panic!("{event:?}")
        };
        let Part::Tool(tool) = *part else {
            panic!("{part:?}")
        };
        assert_eq!(
            (tool.tool.as_str(), tool.state.status, tool.state.output.as_str()),
            ("bash", ToolStatus::Completed, "a\n")
        );
    }

    #[test]
    fn unknown_and_broken_events_are_kept_apart() {
        check(
            r#"{"type":"plugin.added","properties":{}}"#,
            Event::Other {
                kind: "plugin.added".into(),
            },
        );
        // A known event without what makes it useful is as good as unknown.
        check(
            r#"{"type":"session.idle","properties":null}"#,
            Event::Other {
                kind: "session.idle".into(),
            },
        );
        check(
            r#"{"type":"permission.asked","properties":{}}"#,
            Event::Other {
                kind: "permission.asked".into(),
            },
        );
        check(r#"{}"#, Event::Other { kind: String::new() });
        for broken in [
            "",
            "nonsense",
            "7",
            "null",
            "[]",
            r#"{"type":7}"#,
            r#"{"type":"session.idle""#,
        ] {
            check(broken, Event::Unreadable);
        }
    }
}
