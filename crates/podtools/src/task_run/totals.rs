//! What a session used and changed.

use std::collections::BTreeMap;

use koc_api::result::Tokens;
use koc_opencode::{FileDiff, Message, Part, Role, Session};

use crate::task_run::tool;

/// Sums over a session and its sub-agents.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Totals {
    pub messages: i32,
    pub tokens: Tokens,
    /// US dollars.
    pub cost: f64,
    pub files: i32,
    pub additions: i32,
    pub deletions: i32,
}

impl Totals {
    /// Adds up tokens and cost of the sessions, and the changes: OpenCode's own account of the turn where it has one
    /// (in a git work tree), else what the file tools said.
    pub(super) fn of(sessions: &[Session], messages: &[Message], diffs: &[FileDiff]) -> Self {
        let mut totals = Self {
            messages: clamp(messages.len()),
            ..Self::default()
        };
        for session in sessions {
            totals.tokens.input = totals.tokens.input.saturating_add(session.tokens.input);
            totals.tokens.output = totals.tokens.output.saturating_add(session.tokens.output);
            totals.tokens.reasoning = totals.tokens.reasoning.saturating_add(session.tokens.reasoning);
            totals.tokens.cache = totals.tokens.cache.saturating_add(session.tokens.cache());
            totals.cost += session.cost;
        }
        for (added, deleted) in changes(messages, diffs).into_values() {
            totals.files = totals.files.saturating_add(1);
            totals.additions = totals.additions.saturating_add(clamp(added));
            totals.deletions = totals.deletions.saturating_add(clamp(deleted));
        }
        totals
    }
}

fn changes(messages: &[Message], diffs: &[FileDiff]) -> BTreeMap<String, (i64, i64)> {
    let of_turns = messages
        .iter()
        .filter(|message| message.info.role == Role::User)
        .flat_map(|message| message.info.diffs())
        .chain(diffs);
    // The account of a turn is cumulative, so the last one of a file counts.
    let known: BTreeMap<_, _> = of_turns
        .map(|diff| (diff.file.clone(), (diff.additions, diff.deletions)))
        .collect();
    if !known.is_empty() {
        return known;
    }
    let mut told: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for part in messages.iter().flat_map(|message| &message.parts) {
        let Part::Tool(part) = part else { continue };
        if let Some((path, added, deleted)) = tool::change(part) {
            let sum = told.entry(path).or_default();
            *sum = (sum.0.saturating_add(added), sum.1.saturating_add(deleted));
        }
    }
    told
}

fn clamp<T: TryInto<i32>>(number: T) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn messages(value: serde_json::Value) -> Vec<Message> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn tokens_and_cost_are_summed_over_sub_agents() {
        let session = |input, cost| -> Session {
            serde_json::from_value(json!({"id": "ses_1", "cost": cost,
                "tokens": {"input": input, "output": 1, "cache": {"read": 2, "write": 3}}}))
            .unwrap()
        };
        let totals = Totals::of(&[session(10, 0.5), session(5, 0.25)], &[], &[]);
        assert_eq!(
            totals.tokens,
            Tokens {
                input: 15,
                output: 2,
                reasoning: 0,
                cache: 10
            }
        );
        assert!((totals.cost - 0.75).abs() < 1e-9);
    }

    #[test]
    fn changes_come_from_the_turn_or_from_the_tools() {
        let by_tools = json!({"info": {"id": "msg_2", "role": "assistant"}, "parts": [
            {"type": "tool", "tool": "write", "state": {"status": "completed",
                "input": {"filePath": "/w/a", "content": "1\n2\n3"}, "metadata": {"exists": false}}},
            {"type": "tool", "tool": "edit", "state": {"status": "completed",
                "input": {"filePath": "/w/a"}, "metadata": {"filediff": {"additions": 1, "deletions": 2}}}}]});
        let user = |diffs: serde_json::Value| json!({"info": {"id": "msg_1", "role": "user", "summary": {"diffs": diffs}}, "parts": []});
        let check = |all: serde_json::Value, diffs: &[FileDiff], expected: (i32, i32, i32)| {
            let totals = Totals::of(&[], &messages(all), diffs);
            assert_eq!((totals.files, totals.additions, totals.deletions), expected);
        };
        check(json!([user(json!([])), by_tools]), &[], (1, 4, 2));
        check(
            json!([
                user(json!([{"file": "a", "additions": 7}, {"file": "b", "deletions": 1}])),
                by_tools
            ]),
            &[],
            (2, 7, 1),
        );
        let later = FileDiff {
            file: "a".into(),
            additions: 9,
            deletions: 0,
        };
        check(
            json!([user(json!([{"file": "a", "additions": 7}]))]),
            &[later],
            (1, 9, 0),
        );
        check(json!([]), &[], (0, 0, 0));
    }
}
