//! What is known about a running turn. Pure: events in, things to do out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use koc_opencode::{
    Event, Fault, Message, MessageInfo, Part, PermissionRequest, QuestionRequest, Role, Session,
    SessionStatus, ToolPart, ToolStatus,
};

use crate::task_run::{
    evidence::Ending,
    lines::{answer, duration, first_line, shorten},
    tool,
};

/// OpenCode asks a provider whose stream breaks off again and again without end, and every time costs money.
const BROKEN_IN_A_ROW: i32 = 5;

/// A conversation that does not fit even after it was compacted is compacted without end, too.
const COMPACTIONS_IN_A_ROW: i32 = 4;

/// Something to do because of an event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// Show this in the log.
    Print(String),
    /// Refuse the permission request with this id.
    RefusePermission(String),
    /// Refuse to answer the question with this id.
    RefuseQuestion(String),
    /// The turn may have ended: ask the server.
    LookForEnd,
    /// OpenCode goes in circles: end the turn, with this as its end.
    GiveUp(Ending),
}

/// A turn of one session and its sub-agents.
#[derive(Debug, Default)]
pub(super) struct Turn {
    session: String,
    /// The session itself and the sessions of its sub-agents.
    family: BTreeSet<String>,
    roles: HashMap<String, Role>,
    shown: HashSet<(String, Shown)>,
    steps: u32,
    told_model: bool,
    attempt: Option<(i64, i64)>,
    asked: HashSet<String>,
    running: BTreeMap<String, String>,
    broken_in_a_row: i32,
    compactions_in_a_row: i32,
    /// Whether the server has ever said that it works on the turn, or no longer does.
    pub seen_at_work: bool,
    /// An error of the session that came after the beginning of the last answer.
    pub fault: Option<Fault>,
    pub retries: i32,
    pub last_retry: Option<String>,
    pub refused: Vec<String>,
    pub broken_streams: i32,
    /// Tokens and cost of every request to the model, for the case that nobody is left to ask.
    pub used: Vec<Session>,
}

/// What of a part has been shown already. Parts come again with every change and after every reconnection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shown {
    Beginning,
    End,
}

impl Turn {
    pub(super) fn new(session: &str) -> Self {
        Self {
            session: session.to_owned(),
            family: [session.to_owned()].into(),
            ..Self::default()
        }
    }

    /// The session and the sessions of its sub-agents.
    pub(super) fn family(&self) -> impl Iterator<Item = &str> {
        self.family.iter().map(String::as_str)
    }

    /// How many messages the events have told of.
    pub(super) fn messages_seen(&self) -> usize {
        self.roles.len()
    }

    /// Takes an event that happened at `now` (milliseconds since 1970). The second value says whether the event shows
    /// that the turn goes on, as opposed to heartbeats and other sessions.
    pub(super) fn observe(&mut self, event: Event, now: i64) -> (Vec<Act>, bool) {
        let news = self.concerns(&event);
        let acts = if news { self.take(event, now) } else { Vec::new() };
        (acts, news)
    }

    /// Takes the messages of the session as if their events had just happened; what was shown is not shown again.
    pub(super) fn catch_up(&mut self, messages: &[Message]) -> Vec<Act> {
        let mut acts = Vec::new();
        for message in messages {
            let session = self.session.clone();
            acts.extend(self.message(&session, &message.info));
            for part in &message.parts {
                // Parts within messages do not repeat which message they belong to in every version.
                acts.extend(self.part(&session, part, Some(message.info.role)));
            }
        }
        acts
    }

    /// What the turn is waiting for at `now`, for a person.
    pub(super) fn waiting_for(&self, now: i64) -> String {
        if let Some((attempt, next)) = self.attempt {
            let wait = u64::try_from(next.saturating_sub(now)).unwrap_or(0);
            let when = if wait > 0 {
                format!(
                    ", asked again in {}",
                    duration(std::time::Duration::from_millis(wait))
                )
            } else {
                String::new()
            };
            return format!("the provider (try {}{when})", attempt.saturating_add(1));
        }
        match self.running.values().next() {
            Some(tool) => shorten(tool, 120),
            None => "the provider".to_owned(),
        }
    }

    fn concerns(&mut self, event: &Event) -> bool {
        let session = match event {
            Event::Session(session) => {
                // A sub-agent's session tells whose it is; from then on its events are ours.
                if session
                    .parent
                    .as_deref()
                    .is_some_and(|parent| self.family.contains(parent))
                {
                    self.family.insert(session.id.clone());
                }
                &session.id
            }
            Event::Status { session, .. }
            | Event::Idle { session }
            | Event::Message { session, .. }
            | Event::Part { session, .. }
            | Event::Delta { session }
            | Event::Compacted { session } => session,
            // An error without a session is the server's, and this server has no other work than this turn.
            Event::Error { session: None, .. } => return true,
            Event::Error {
                session: Some(session),
                ..
            } => session,
            Event::PermissionAsked(request) => &request.session,
            Event::QuestionAsked(request) => &request.session,
            _ => return false,
        };
        self.family.contains(session)
    }

    fn take(&mut self, event: Event, now: i64) -> Vec<Act> {
        match event {
            Event::Status { session, status } => self.status(&session, status, now),
            Event::Idle { session } if session == self.session => {
                self.seen_at_work = true;
                vec![Act::LookForEnd]
            }
            Event::Error { session, fault } => self.error(session.as_deref(), fault),
            Event::Message { session, info } => self.message(&session, &info),
            Event::Part { session, part } => self.part(&session, &part, None),
            Event::PermissionAsked(request) => self.permission(&request),
            Event::QuestionAsked(request) => self.question(&request),
            Event::Compacted { session } if session == self.session => self.compacted(),
            _ => Vec::new(),
        }
    }

    fn status(&mut self, session: &str, status: SessionStatus, now: i64) -> Vec<Act> {
        match status {
            SessionStatus::Retry {
                attempt,
                message,
                next,
            } => {
                self.seen_at_work = true;
                if self.attempt == Some((attempt, next)) {
                    return Vec::new();
                }
                self.attempt = Some((attempt, next));
                self.retries = self.retries.saturating_add(1);
                let said = first_line(&message, 200);
                self.last_retry = Some(said.clone());
                let wait = u64::try_from(next.saturating_sub(now)).unwrap_or(0);
                let wait = duration(std::time::Duration::from_millis(wait));
                let try_number = attempt.saturating_add(1);
                vec![Act::Print(format!(
                    "⟳ the provider said: {said} (try {try_number} in {wait})"
                ))]
            }
            SessionStatus::Busy | SessionStatus::Unknown => {
                self.seen_at_work = true;
                self.attempt = None;
                Vec::new()
            }
            SessionStatus::Idle if session == self.session => {
                self.seen_at_work = true;
                self.attempt = None;
                vec![Act::LookForEnd]
            }
            SessionStatus::Idle => Vec::new(),
        }
    }

    fn error(&mut self, session: Option<&str>, fault: Fault) -> Vec<Act> {
        let own = session.is_none_or(|session| session == self.session);
        let text = first_line(fault.text(), 300);
        let repeated = self.fault.as_ref().is_some_and(|known| {
            // OpenCode reports some errors twice, the second time with a name in front.
            known.text() == fault.text() || fault.text().ends_with(known.text())
        });
        if own && !repeated {
            self.fault = Some(fault);
        }
        if repeated {
            Vec::new()
        } else {
            vec![Act::Print(format!("✗ error: {text}"))]
        }
    }

    fn message(&mut self, session: &str, info: &MessageInfo) -> Vec<Act> {
        let known = self.roles.insert(info.id.clone(), info.role).is_some();
        if info.role != Role::Assistant || session != self.session {
            return Vec::new();
        }
        if !known {
            self.fault = None;
        }
        if self.told_model || info.model.is_empty() {
            return Vec::new();
        }
        self.told_model = true;
        vec![Act::Print(format!("● model {}/{}", info.provider, info.model))]
    }

    fn part(&mut self, session: &str, part: &Part, role: Option<Role>) -> Vec<Act> {
        let own = session == self.session;
        match part {
            Part::StepStart { id } => {
                self.attempt = None;
                if !own || !self.first(id, Shown::Beginning) {
                    return Vec::new();
                }
                self.steps += 1;
                vec![Act::Print(format!("● step {}", self.steps))]
            }
            Part::Text(text) => {
                let role = role.or_else(|| self.roles.get(&text.message).copied());
                let show = own && role == Some(Role::Assistant) && text.is_complete() && !text.synthetic;
                if !show || text.text.trim().is_empty() || !self.first(&text.id, Shown::End) {
                    return Vec::new();
                }
                vec![Act::Print(answer(&text.text))]
            }
            Part::Tool(tool) => self.tool(own, tool),
            Part::StepFinish(step) => {
                if !self.first(&step.id, Shown::End) {
                    return Vec::new();
                }
                self.used.push(Session {
                    tokens: step.tokens,
                    cost: step.cost,
                    ..Session::default()
                });
                if own {
                    self.stream_ended(&step.reason)
                } else {
                    Vec::new()
                }
            }
            _ => Vec::new(),
        }
    }

    fn stream_ended(&mut self, reason: &str) -> Vec<Act> {
        if reason != "unknown" {
            self.broken_in_a_row = 0;
            return Vec::new();
        }
        self.broken_streams = self.broken_streams.saturating_add(1);
        self.broken_in_a_row += 1;
        let line =
            "⟳ the provider's stream broke off without a finish reason; OpenCode asks again".to_owned();
        if self.broken_in_a_row < BROKEN_IN_A_ROW {
            vec![Act::Print(line)]
        } else {
            vec![Act::Print(line), Act::GiveUp(Ending::BrokenStreams)]
        }
    }

    fn compacted(&mut self) -> Vec<Act> {
        self.compactions_in_a_row += 1;
        let line = Act::Print("● the conversation was compacted".to_owned());
        if self.compactions_in_a_row < COMPACTIONS_IN_A_ROW {
            vec![line]
        } else {
            vec![line, Act::GiveUp(Ending::Overflow)]
        }
    }

    fn tool(&mut self, own: bool, part: &ToolPart) -> Vec<Act> {
        let indent = if own { "" } else { "  │ " };
        let mut acts = Vec::new();
        let started = !matches!(part.state.status, ToolStatus::Pending | ToolStatus::Unknown);
        if started && self.first(&part.id, Shown::Beginning) {
            let summary = tool::summary(part);
            acts.push(Act::Print(format!("{indent}→ {summary}")));
            self.running.insert(part.id.clone(), summary);
        }
        let ended = matches!(part.state.status, ToolStatus::Completed | ToolStatus::Error);
        if ended && self.first(&part.id, Shown::End) {
            self.running.remove(&part.id);
            // Something was done in between, so the turn does not go in circles.
            self.compactions_in_a_row = 0;
            acts.extend(
                tool::ending(part)
                    .into_iter()
                    .map(|line| Act::Print(format!("{indent}{line}"))),
            );
        }
        acts
    }

    fn permission(&mut self, request: &PermissionRequest) -> Vec<Act> {
        if !self.asked.insert(request.id.clone()) {
            return Vec::new();
        }
        let about = match request.patterns.as_slice() {
            [] => request.permission.clone(),
            patterns => format!(
                "{} ({})",
                request.permission,
                first_line(&patterns.join(", "), 160)
            ),
        };
        let line =
            format!("? OpenCode asks for permission: {about}\n✗ refused, because nobody is here to allow it");
        self.refused.push(about);
        vec![Act::Print(line), Act::RefusePermission(request.id.clone())]
    }

    fn question(&mut self, request: &QuestionRequest) -> Vec<Act> {
        if !self.asked.insert(request.id.clone()) {
            return Vec::new();
        }
        let texts: Vec<&str> = request
            .questions
            .iter()
            .map(|question| question.question.as_str())
            .collect();
        let about = format!("question ({})", first_line(&texts.join(" / "), 160));
        let line = format!("? OpenCode asks a {about}\n✗ refused, because nobody is here to answer it");
        self.refused.push(about);
        vec![Act::Print(line), Act::RefuseQuestion(request.id.clone())]
    }

    /// Whether this is the first time; an id that is missing counts as new.
    fn first(&mut self, id: &str, shown: Shown) -> bool {
        id.is_empty() || self.shown.insert((id.to_owned(), shown))
    }
}

/// Whether a session that is not busy has ended its turn: the model's last answer is complete, or an error kept the
/// model from being asked at all.
pub(super) fn has_ended(messages: &[Message], fault: Option<&Fault>) -> bool {
    match messages.last().map(|message| &message.info) {
        Some(info) if info.role == Role::Assistant => info.is_complete(),
        _ => fault.is_some(),
    }
}

#[cfg(test)]
mod tests;
