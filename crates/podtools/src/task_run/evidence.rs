//! What is known when a run is over. The outcome follows from this and nothing else.

use std::time::Duration;

use koc_opencode::{Fault, Message, Part, Role, ToolStatus};

use crate::task_run::{reaper::Exit, totals::Totals};

/// Everything the verdict looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Evidence {
    /// Why nobody is watching any more.
    pub ending: Ending,
    /// Id and title of the session, where one came to be.
    pub session: Option<(String, String)>,
    /// The last thing the model said, where it said something.
    pub last: Option<LastAnswer>,
    /// Whether any tool ran or any text was said.
    pub did_something: bool,
    /// An error of the session that came after the beginning of the last answer.
    pub fault: Option<Fault>,
    /// How often the provider was asked again.
    pub retries: i32,
    /// What the provider said before it was asked again for the last time.
    pub last_retry: Option<String>,
    /// Permissions and questions that were refused because nobody is there to answer.
    pub refused: Vec<String>,
    /// How often the provider's stream ended without a finish reason.
    pub broken_streams: i32,
    /// What the session used and changed.
    pub totals: Totals,
}

/// Why the run is over.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Ending {
    /// OpenCode says that the turn has ended.
    #[default]
    TurnEnded,
    /// There is nothing that could be run.
    InvalidInput(String),
    /// There is no OpenCode that could be started.
    NoProgram(String),
    /// OpenCode did not become ready.
    NotStarted {
        /// How it ended, if it did.
        exit: Option<Exit>,
        /// How long it was waited for.
        waited: Duration,
        /// What it printed.
        tail: Vec<String>,
    },
    /// OpenCode is up and refuses to work.
    Refused(String),
    /// OpenCode ended in the middle.
    Crashed {
        /// How it ended.
        exit: Exit,
        /// What it printed.
        tail: Vec<String>,
    },
    /// OpenCode lives and does not answer any more.
    Unreachable(String),
    /// This process was told to stop, by this signal.
    Stopped(i32),
    /// Nothing happened for this long while it was waited for that.
    NoProgress(Duration, String),
    /// The session became idle without an end of its answer.
    Stalled,
    /// The provider's stream broke off so often in a row that it makes no sense to go on.
    BrokenStreams,
    /// The conversation was compacted again and again without getting anywhere.
    Overflow,
}

/// The last answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LastAnswer {
    /// Why it ended, in OpenCode's words.
    pub finish: Option<String>,
    /// The error that ended it.
    pub fault: Option<Fault>,
}

impl LastAnswer {
    /// Reads it from a session's messages.
    pub(super) fn of(messages: &[Message]) -> Option<Self> {
        let last = messages
            .iter()
            .rfind(|message| message.info.role == Role::Assistant)?;
        Some(Self {
            finish: last.info.finish.clone(),
            fault: last.info.error.clone(),
        })
    }
}

/// Whether a model that wrote these messages did anything at all.
pub(super) fn did_something(messages: &[Message]) -> bool {
    let answers = messages
        .iter()
        .filter(|message| message.info.role == Role::Assistant);
    answers.flat_map(|message| &message.parts).any(|part| match part {
        Part::Text(text) => !text.text.trim().is_empty(),
        Part::Tool(tool) => matches!(tool.state.status, ToolStatus::Completed | ToolStatus::Error),
        _ => false,
    })
}
