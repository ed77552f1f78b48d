//! Messages and their parts.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{
    fault::Fault,
    lenient,
    session::{FileDiff, TokenCount},
};

/// A message with its parts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Message {
    /// Who said it, when, at what cost.
    pub info: MessageInfo,
    /// What was said and done.
    #[serde(default, deserialize_with = "lenient::list")]
    pub parts: Vec<Part>,
}

/// Who spoke.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person, or the program that prompts.
    User,
    /// The model.
    Assistant,
    /// A role this client does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The head of a message.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct MessageInfo {
    /// `msg_…`
    pub id: String,
    /// The session it belongs to.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient::or_default")]
    pub session: String,
    /// Who spoke.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub role: Role,
    #[serde(default, deserialize_with = "lenient::or_default")]
    time: Time,
    /// Why the answer ended: `stop`, `tool-calls`, `length`, `unknown`…; `None` while it goes on or after an error.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub finish: Option<String>,
    /// The error that ended the answer.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub error: Option<Fault>,
    /// US dollars.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub cost: f64,
    /// Tokens.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub tokens: TokenCount,
    /// The provider that answered.
    #[serde(default, rename = "providerID", deserialize_with = "lenient::or_default")]
    pub provider: String,
    /// The model that answered.
    #[serde(default, rename = "modelID", deserialize_with = "lenient::or_default")]
    pub model: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    summary: Option<MessageSummary>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
struct Time {
    #[serde(default, deserialize_with = "lenient::or_default")]
    completed: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct MessageSummary {
    #[serde(default, deserialize_with = "lenient::list")]
    diffs: Vec<FileDiff>,
}

impl MessageInfo {
    /// Whether the answer has ended, well or badly.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.time.completed.is_some()
    }

    /// What the turn that a user's message started has changed. Only known in a git work tree.
    #[must_use]
    pub fn diffs(&self) -> &[FileDiff] {
        self.summary.as_ref().map_or(&[], |summary| &summary.diffs)
    }

    /// A finished answer, for tests and fixtures.
    #[must_use]
    pub fn answer(finish: Option<&str>, error: Option<Fault>) -> Self {
        Self {
            role: Role::Assistant,
            time: Time { completed: Some(1.0) },
            finish: finish.map(str::to_owned),
            error,
            ..Self::default()
        }
    }
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text.
    Text(TextPart),
    /// Hidden reasoning.
    Reasoning(TextPart),
    /// A tool call.
    Tool(ToolPart),
    /// A request to the model begins.
    StepStart {
        /// `prt_…`
        id: String,
    },
    /// A request to the model has ended.
    StepFinish(StepFinish),
    /// The conversation was compacted.
    Compaction,
    /// A part this client does not know, by its type.
    Other(String),
}

/// Text of a message.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct TextPart {
    /// `prt_…`
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub id: String,
    /// The message it belongs to.
    #[serde(default, rename = "messageID", deserialize_with = "lenient::or_default")]
    pub message: String,
    /// The text so far.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub text: String,
    /// Whether OpenCode wrote it and not the speaker.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub synthetic: bool,
    #[serde(default, deserialize_with = "lenient::or_default")]
    time: PartTime,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
struct PartTime {
    #[serde(default, deserialize_with = "lenient::or_default")]
    end: Option<f64>,
}

impl TextPart {
    /// Whether the text is whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.time.end.is_some()
    }

    /// A whole text, for tests and fixtures.
    #[must_use]
    pub fn whole(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            time: PartTime { end: Some(1.0) },
            ..Self::default()
        }
    }
}

/// A tool call.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ToolPart {
    /// `prt_…`
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub id: String,
    /// The message it belongs to.
    #[serde(default, rename = "messageID", deserialize_with = "lenient::or_default")]
    pub message: String,
    /// The provider's id of the call.
    #[serde(default, rename = "callID", deserialize_with = "lenient::or_default")]
    pub call: String,
    /// The tool.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub tool: String,
    /// How far it got.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub state: ToolState,
}

/// How far a tool call got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolStatus {
    /// Its input is still coming.
    Pending,
    /// It runs.
    Running,
    /// It ended; a program's non-zero exit counts as this.
    Completed,
    /// It failed or was not allowed.
    Error,
    /// A state this client does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A tool call's state with what belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ToolState {
    /// How far it got.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub status: ToolStatus,
    /// What the model passed.
    #[serde(default)]
    pub input: Value,
    /// What the tool answered.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub output: String,
    /// Why it failed.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub error: String,
    /// A short description by the tool.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub title: String,
    /// Whatever else the tool says, such as `exit` of `bash`.
    #[serde(default)]
    pub metadata: Value,
}

/// The end of a request to the model.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct StepFinish {
    /// `prt_…`
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub id: String,
    /// `stop`, `tool-calls`, `unknown`…
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub reason: String,
    /// Tokens of this request.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub tokens: TokenCount,
    /// US dollars of this request.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub cost: f64,
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let kind = value
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        fn read<T: serde::de::DeserializeOwned + Default>(value: Value) -> T {
            serde_json::from_value(value).unwrap_or_default()
        }
        Ok(match kind.as_str() {
            "text" => Self::Text(read(value)),
            "reasoning" => Self::Reasoning(read(value)),
            "tool" => Self::Tool(read(value)),
            "step-start" => Self::StepStart {
                id: value
                    .get("id")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
            },
            "step-finish" => Self::StepFinish(read(value)),
            "compaction" => Self::Compaction,
            _ => Self::Other(kind),
        })
    }
}
