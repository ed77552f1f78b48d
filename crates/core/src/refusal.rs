//! Why a Task can't start, in the words of its condition.

/// A reason and a sentence, and whether time may heal it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The condition reason: `AgentError`, `ContextError`, `NameConflict`, ….
    pub(crate) reason: &'static str,
    /// What was wrong, where, and what to do.
    pub(crate) message: String,
    /// True when something is merely missing: manifests are applied in any order, so it may come yet.
    pub(crate) may_pass: bool,
}

impl Refusal {
    /// Something about the template or the Task's reference to it.
    pub(crate) fn agent(message: impl Into<String>) -> Self {
        Self {
            reason: koc_api::names::reasons::AGENT_ERROR,
            message: message.into(),
            may_pass: false,
        }
    }

    /// Something about contexts, configuration or paths.
    pub(crate) fn context(message: impl Into<String>) -> Self {
        Self {
            reason: koc_api::names::reasons::CONTEXT_ERROR,
            message: message.into(),
            may_pass: false,
        }
    }

    /// Marks a refusal that may pass when a missing object comes.
    pub(crate) fn that_may_pass(mut self) -> Self {
        self.may_pass = true;
        self
    }
}
