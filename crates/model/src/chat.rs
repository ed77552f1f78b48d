//! The part of a chat-completions request that the script looks at.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A chat-completions request, decoded leniently: what is missing is empty, what is unknown is ignored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The model asked for.
    #[serde(default)]
    pub model: String,
    /// Whether the caller wants server-sent events.
    #[serde(default)]
    pub stream: bool,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    stream_options: Value,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Message {
    #[serde(default)]
    role: String,
    #[serde(default)]
    content: Value,
}

impl Message {
    /// The text of a message, whether it came as a string or as a list of parts.
    fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts: Vec<&str> = parts
                    .iter()
                    .filter_map(|part| part.get("text")?.as_str())
                    .collect();
                texts.join("\n")
            }
            _ => String::new(),
        }
    }
}

impl ChatRequest {
    /// Everything the system messages say.
    pub(crate) fn system(&self) -> String {
        let texts: Vec<String> = self
            .messages
            .iter()
            .filter(|message| message.role == "system")
            .map(Message::text)
            .collect();
        texts.join("\n")
    }

    /// The last thing the user said; empty where the user said nothing.
    #[must_use]
    pub fn prompt(&self) -> String {
        self.last_user()
            .map(|index| self.messages[index].text())
            .unwrap_or_default()
    }

    /// How many answers the model has given since the user last spoke.
    pub(crate) fn answers_given(&self) -> usize {
        let after = self.last_user().map_or(0, |index| index + 1);
        self.messages[after..]
            .iter()
            .filter(|message| message.role == "assistant")
            .count()
    }

    /// Whether the caller offers a tool of this name.
    pub(crate) fn offers(&self, tool: &str) -> bool {
        self.tools
            .iter()
            .any(|offered| offered.pointer("/function/name").and_then(Value::as_str) == Some(tool))
    }

    /// Whether a streamed answer is to end with a chunk of usage numbers.
    pub(crate) fn wants_usage(&self) -> bool {
        self.stream_options
            .get("include_usage")
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    fn last_user(&self) -> Option<usize> {
        self.messages.iter().rposition(|message| message.role == "user")
    }
}
